/** What outlived the last daemon, as the agenda wants it told. */
import { hash } from 'node:crypto';
import type { ScheduleSpec } from '../schedule/schedule-spec.ts';
import { slotProgress } from '../store/plan-progress.ts';
import type { SlotProgress } from '../store/plan-progress.ts';
import { planFigures } from '../store/status-figures.ts';
import type { PlanFigures } from '../store/status-figures.ts';
import type { Store } from '../store/store.ts';
import type { StoredProgress } from './loop.ts';
import type { Work } from './work.ts';

export type LoadedWork = { readonly work: Work; readonly progress: StoredProgress };

/** Fewer ended runs say nothing about how long the next one takes. */
const runsForUsualMin = 5;

export async function loadProgress(store: Store, works: readonly Work[]): Promise<LoadedWork[]> {
  const plans = works.map(({ entry }) => entry.plan);
  const slots = await slotProgress(
    store,
    works.map(({ entry }) => ({ plan: entry.plan, fingerprint: fingerprintOf(entry.spec) })),
  );
  const figures = await planFigures(store, plans, 'backup');
  return works.map((work, index) => {
    const ran = figures[index]!;
    const usualMs = usualMsOf(ran);
    const known = usualMs === undefined ? work : { ...work, entry: { ...work.entry, usualMs } };
    return { work: known, progress: progressOf(slots[index]!, ran, work.entry.retries.times) };
  });
}

/** Of what makes slots; a window or a delay only moves their start. */
function fingerprintOf({ triggers, full, enabled }: ScheduleSpec): string {
  return hash('sha256', JSON.stringify({ triggers, full, enabled })).slice(0, 32);
}

function progressOf(slots: SlotProgress, ran: PlanFigures, retries: number): StoredProgress {
  const { sinceMs, newestSlot, firstOpenDueMs } = slots;
  const failures = failuresOf(ran);
  const common = { failures, ...(ran.lastGood !== undefined && { lastGoodMs: ran.lastGood.endedAtMs }) };
  const handledMs = Math.max(sinceMs, newestSlot?.dueMs ?? sinceMs);
  // One more try than a run that failed by itself gets, then it is the slot's own fault.
  if (firstOpenDueMs === undefined || failures > retries + 1) return { ...common, handledMs };
  return {
    ...common,
    handledMs: firstOpenDueMs - 1,
    ...(newestSlot?.isOpen === true && {
      abandoned: { dueMs: newestSlot.dueMs, openedAtMs: newestSlot.openedAtMs },
    }),
  };
}

function failuresOf({ recent }: PlanFigures): number {
  const ends = recent.filter(({ outcome }) => outcome !== 'cancelled' && outcome !== 'skipped');
  const good = ends.findIndex(({ outcome }) => outcome === 'success' || outcome === 'warning');
  return good < 0 ? ends.length : good;
}

/** The 95th percentile of the good ones. */
export function usualMsOf({ recent }: PlanFigures): number | undefined {
  const durations = recent
    .filter(({ outcome }) => outcome === 'success' || outcome === 'warning')
    .map(({ durationMs }) => durationMs)
    .toSorted((a, b) => a - b);
  if (durations.length < runsForUsualMin) return undefined;
  return Math.max(1, durations[Math.ceil(durations.length * 0.95) - 1]!);
}
