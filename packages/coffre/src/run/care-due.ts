/** What a repository needs now, by the promises of the configuration and what is known to have been done. Pure. */
import type { RepositoryConfig } from '../config/config.ts';
import { nextDue } from '../schedule/due.ts';
import type { ClockTrigger, ScheduleSpec } from '../schedule/schedule-spec.ts';
import type { Zones } from '../schedule/zone.ts';

/**
 * `look`: list it, and read one random pack back; every day, whatever the configuration says. `check`: structure. `read`: a
 * share of the data. `prune`: remove what no snapshot needs.
 */
export type CareTask = 'look' | 'check' | 'read' | 'prune';
export const careTasks: readonly CareTask[] = ['look', 'check', 'read', 'prune'];

/** When each was last done well; undefined never. */
export type CareHistory = { readonly [Task in CareTask]: number | undefined };

const dayMs = 86_400_000;
/** A job that comes a little earlier every day still finds yesterday's over. */
const earlyMs = 3_600_000;

/** In the order in which they are done. */
export function dueCare(
  repository: Pick<RepositoryConfig, 'check' | 'prune'>,
  done: CareHistory,
  nowMs: number,
  zones: Zones,
): CareTask[] {
  const due = careTasks.filter((task) => isDue(task, repository, done[task], { nowMs, zones }));
  // Reading data back looks at the structure too.
  return due.includes('read') ? due.filter((task) => task !== 'check') : due;
}

/** Tasks that the configuration asks for at all. */
export function wantedCare({ check, prune }: Pick<RepositoryConfig, 'check' | 'prune'>): CareTask[] {
  const isWanted: Readonly<Record<CareTask, boolean>> = {
    look: true,
    check: check.structure !== undefined,
    read: check.readData !== undefined || check.fullWithinMs !== undefined,
    prune: prune !== undefined,
  };
  return careTasks.filter((task) => isWanted[task]);
}

type Now = { readonly nowMs: number; readonly zones: Zones };

function isDue(
  task: CareTask,
  repository: Pick<RepositoryConfig, 'check' | 'prune'>,
  doneMs: number | undefined,
  now: Now,
): boolean {
  if (!wantedCare(repository).includes(task)) return false;
  switch (task) {
    case 'look':
      return isOlder(doneMs, dayMs, now);
    case 'check':
      return hasSlotSince(repository.check.structure!, doneMs, now);
    case 'read':
      return isOlder(doneMs, repository.check.readData?.perMs ?? dayMs, now);
    case 'prune':
      return hasSlotSince(repository.prune!.schedule, doneMs, now);
    default:
      return task satisfies never;
  }
}

function isOlder(doneMs: number | undefined, periodMs: number, { nowMs }: Now): boolean {
  return doneMs === undefined || nowMs - doneMs >= periodMs - Math.min(earlyMs, periodMs / 10);
}

function hasSlotSince(trigger: ClockTrigger, doneMs: number | undefined, { nowMs, zones }: Now): boolean {
  if (doneMs === undefined) return true;
  const slot = nextDue(specOf(trigger), doneMs, zones);
  return slot !== undefined && slot.dueMs <= nowMs;
}

/** What is asked is when the trigger is due, nothing else. */
function specOf(trigger: ClockTrigger): ScheduleSpec {
  return { triggers: [trigger], full: [], windows: [], jitterMs: 0, catchUp: 'once', enabled: true };
}
