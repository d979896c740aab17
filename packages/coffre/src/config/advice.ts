/** What can be said of a configuration that is right: settings that do nothing yet, and plans that save less than they seem to. */
import { dueBetween } from '../schedule/due.ts';
import { isClockTrigger } from '../schedule/schedule-spec.ts';
import { Zones } from '../schedule/zone.ts';
import type { Config, PlanConfig } from './config.ts';
import { idleMistakes } from './idle-settings.ts';
import { keyPlaceAt } from './located.ts';
import type { Located } from './located.ts';
import type { ConfigPath, Mistake } from './mistake.ts';

/** Only for who asks: it looks at times to come. @param config undefined while variables are not set */
export function adviceOn(root: Located, config: Config | undefined, nowMs: number): Mistake[] {
  const zones = new Zones();
  const gaps = new Map<string, number | undefined>();
  const plans = [...(config?.plans.values() ?? [])];
  return [
    ...idleMistakes(root),
    ...plans.flatMap((plan) => [...scattered(root, plan), ...seldom(root, plan, gapOf(plan, gaps, zones, nowMs))]),
  ];
}

/** One manager wins a slot, and has files of its own host only. */
function scattered(root: Located, { name, sources }: PlanConfig): Mistake[] {
  const hosts = [...new Set(sources.flatMap(({ host }) => host ?? []))];
  if (hosts.length < 2) return [];
  const message = `\`plans.${name}\` has sources on ${hosts.length} hosts (${hosts.join(', ')}): each run saves only those of the host that it runs on`;
  return [warningAt(root, ['plans', name, 'sources'], message, 'Make a plan for each host.')];
}

/** A clock that is set forward in spring or back in autumn breaks no promise. */
const daylightMs = 3_660_000;
const halfDayMs = 43_200_000;

function seldom(root: Located, { name, sources, schedule }: PlanConfig, gapMs: number | undefined): Mistake[] {
  if (gapMs === undefined || !schedule.enabled) return [];
  const allowedMs = gapMs > halfDayMs ? gapMs - daylightMs : gapMs;
  return sources.flatMap((source) => {
    const { rpoMs } = source.objectives;
    if (rpoMs === undefined || rpoMs >= allowedMs) return [];
    const message = `\`plans.${name}\` runs too seldom for \`${source.name}\`: up to ${hours(gapMs)} lie between two runs, and its \`rpo\` is ${hours(rpoMs)}`;
    return [warningAt(root, ['plans', name, 'schedule'], message, 'Run it more often, or allow more.')];
  });
}

const lookMs = 40 * 86_400_000;
const slotsMax = 300;

/** The longest time between two slots of the next weeks; undefined where something else than the clock starts it as well. */
function gapOf(
  { schedule }: PlanConfig,
  known: Map<string, number | undefined>,
  zones: Zones,
  nowMs: number,
): number | undefined {
  if (schedule.triggers.length === 0 || !schedule.triggers.every(isClockTrigger)) return undefined;
  const key = JSON.stringify(schedule.triggers);
  if (known.has(key)) return known.get(key);
  let [before, longestMs, count]: [number | undefined, number, number] = [undefined, 0, 0];
  for (const { dueMs } of dueBetween(schedule, nowMs, nowMs + lookMs, zones)) {
    if (before !== undefined) longestMs = Math.max(longestMs, dueMs - before);
    before = dueMs;
    if ((count += 1) >= slotsMax) break;
  }
  const gapMs = count < 2 ? undefined : longestMs;
  known.set(key, gapMs);
  return gapMs;
}

function hours(durationMs: number): string {
  const minutes = Math.round(durationMs / 60_000);
  if (minutes < 120 && minutes % 60 !== 0) return `${minutes} min`;
  return minutes % 1440 === 0 && minutes > 1440 ? `${minutes / 1440} d` : `${Math.round(minutes / 6) / 10} h`;
}

function warningAt(root: Located, path: ConfigPath, message: string, hint: string): Mistake {
  return { severity: 'warning', place: keyPlaceAt(root, path), path, message, hint };
}
