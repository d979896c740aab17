/** What is right as it is written, and would quietly do nothing, or something else than it says. */
import { eachAt, eachScalar, keyPlaceAt, valueAt } from './located.ts';
import type { Located } from './located.ts';
import { pathText } from './mistake.ts';
import type { ConfigPath, Mistake } from './mistake.ts';

const triggers = ['cron', 'every', 'at', 'on_change', 'after', 'once', 'webhook', 'trigger'];
const pathKeys: ReadonlySet<ConfigPath[number] | undefined> = new Set(['url', 'path', 'paths', 'file']);

export function quietMistakes(root: Located): Mistake[] {
  const idle: Mistake[] = [];
  eachAt(root, 'plans.*.schedule', (schedule, path) => {
    if (startsNothing(schedule)) idle.push(idleSchedule(root, [...path]));
  });
  const places = ['secrets', 'repositories', 'sites', 'store'].flatMap((section): Mistake[] => {
    const value = valueAt(root, [section]);
    return value === undefined ? [] : homeMistakes(value, section);
  });
  return [...idle, ...places];
}

/** A window alone starts nothing. */
function startsNothing(schedule: Located): boolean {
  return schedule.kind === 'map' && !triggers.some((key) => schedule.entries.has(key));
}

function idleSchedule(root: Located, path: ConfigPath): Mistake {
  const message = `\`${pathText(path)}\` starts nothing: it says no time and no event`;
  const hint = 'Add `cron`, `every`, `at` or another; a plan that runs by hand only needs no `schedule`.';
  return { severity: 'warning', place: keyPlaceAt(root, path), path, message, hint };
}

/** `~` is the work of a shell; here it would be a folder of that name. */
function homeMistakes(section: Located, name: string): Mistake[] {
  const found: Mistake[] = [];
  eachScalar(section, [name], ({ value, place }, path) => {
    if (typeof value !== 'string' || !/^~(\/|$)/.test(value)) return;
    const key = path.findLast((part) => typeof part === 'string');
    if (!pathKeys.has(key)) return;
    const message = `\`${pathText(path)}\` begins with ~, which only a shell understands`;
    const hint = `Write "\${HOME}${value.slice(1)}", or the whole path.`;
    found.push({ severity: 'error', place, path: [...path], message, hint });
  });
  return found;
}
