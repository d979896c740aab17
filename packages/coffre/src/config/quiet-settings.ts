/** What is right as it is written, and would quietly do nothing, or something else than it says. */
import { keyPlaceAt, valueAt } from './located.ts';
import type { Located } from './located.ts';
import { pathText } from './mistake.ts';
import type { ConfigPath, Mistake } from './mistake.ts';

const triggers = ['cron', 'every', 'at', 'on_change', 'after', 'once', 'webhook', 'trigger'];
const pathKeys: ReadonlySet<ConfigPath[number] | undefined> = new Set(['url', 'path', 'paths', 'file']);

export function quietMistakes(root: Located): Mistake[] {
  const plans = valueAt(root, ['plans']);
  const names = plans?.kind === 'map' ? [...plans.entries.keys()] : [];
  const places = ['secrets', 'repositories', 'sites', 'store'].flatMap((section): Mistake[] => {
    const value = valueAt(root, [section]);
    return value === undefined ? [] : homeMistakes(value, [section]);
  });
  return [...names.flatMap((name) => idleSchedule(root, ['plans', name, 'schedule'])), ...places];
}

/** A window alone starts nothing. */
function idleSchedule(root: Located, path: ConfigPath): Mistake[] {
  const schedule = valueAt(root, path);
  if (schedule?.kind !== 'map' || triggers.some((key) => schedule.entries.has(key))) return [];
  const message = `\`${pathText(path)}\` starts nothing: it says no time and no event`;
  const hint = 'Add `cron`, `every`, `at` or another; a plan that runs by hand only needs no `schedule`.';
  return [{ severity: 'warning', place: keyPlaceAt(root, path), path, message, hint }];
}

/** `~` is the work of a shell; here it would be a folder of that name. */
function homeMistakes(value: Located, path: ConfigPath): Mistake[] {
  if (value.kind === 'map')
    return [...value.entries].flatMap(([key, entry]) => homeMistakes(entry.value, [...path, key]));
  if (value.kind === 'list') return value.items.flatMap((item, index) => homeMistakes(item, [...path, index]));
  const key = path.findLast((part) => typeof part === 'string');
  if (typeof value.value !== 'string' || !/^~(\/|$)/.test(value.value) || !pathKeys.has(key)) return [];
  const message = `\`${pathText(path)}\` begins with ~, which only a shell understands`;
  const hint = `Write "\${HOME}${value.value.slice(1)}", or the whole path.`;
  return [{ severity: 'error', place: value.place, path, message, hint }];
}
