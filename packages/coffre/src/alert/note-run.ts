/**
 * Writes down, in the transaction that ends a run, whom its end concerns: once when a plan begins to fail, which is after
 * its last try, and once when it works again.
 */
import type { ErrorCode } from '@coffre/repository';
import type { Config } from '../config/config.ts';
import { newestEvent, recordEvent } from '../store/events.ts';
import { failureCause, type FailureCause } from '../store/failure-cause.ts';
import type { RunKind, RunOutcome } from '../store/runs.ts';
import type { Rows } from '../store/store.ts';
import type { RunId } from '../store/tables.ts';
import { channelsFor } from './routing.ts';
import type { AlertCause } from './routing.ts';

export type RunNote = {
  readonly plan: string;
  readonly kind: RunKind;
  /** Undefined where the run has no row of its own, as the care of a repository. */
  readonly runId: RunId | undefined;
  readonly outcome: RunOutcome;
  readonly reason?: string | undefined;
  readonly code?: ErrorCode | undefined;
  /** It is tried again when it failed, and nobody is told yet. */
  readonly isTriedAgain: boolean;
};

type Family = 'run' | 'copy' | 'care';

/** @returns true when somebody is to be told. Twice for one run is once. */
export async function noteRunEnd(rows: Rows, alerts: Config['alerts'], note: RunNote): Promise<boolean> {
  const { plan, runId, outcome, reason, code } = note;
  const isBad = outcome === 'failed' || outcome === 'lost';
  const isGood = outcome === 'success' || outcome === 'warning';
  if ((isBad && note.isTriedAgain) || (!isBad && !isGood)) return false;
  const family = familyOf(note.kind);
  const last = await newestEvent(rows, plan, storyOf(family));
  const isAlarmed = last !== undefined && last.code !== `${family}.recovered`;
  if (isGood && !isAlarmed) return false;
  if (isBad && runId !== undefined && last?.runId === runId) return false;
  const causes = isGood ? ['recovered' as const] : causesOf(outcome, code);
  // Who fails on and on was spoken of when it began.
  const channels = isBad && isAlarmed ? [] : channelsFor(alerts, causes);
  const detail = { outcome, causes, ...(reason !== undefined && { reason }), ...(code !== undefined && { code }) };
  await recordEvent(
    rows,
    { code: `${family}.${isGood ? 'recovered' : 'failed'}`, plan, detail, ...(runId !== undefined && { runId }) },
    channels,
  );
  return channels.length > 0;
}

/** What the daemon noticed about a plan. @returns true when somebody is to be told */
export async function noteNotice(
  rows: Rows,
  alerts: Config['alerts'],
  { code, plan, runId }: { readonly code: string; readonly plan: string; readonly runId?: RunId | undefined },
): Promise<boolean> {
  const causes = noticeCauses[code] ?? [];
  const last = await newestEvent(rows, plan, storyOf('run'));
  const isAlarmed = last !== undefined && last.code !== 'run.recovered';
  const isKnown = code === objectiveBroken && isAlarmed;
  const channels = isKnown ? [] : channelsFor(alerts, causes);
  await recordEvent(rows, { code, plan, detail: { causes }, ...(runId !== undefined && { runId }) }, channels);
  return channels.length > 0;
}

const objectiveBroken = 'plan.objective_broken';

/** That tries are used up is told by the run that failed last. */
const noticeCauses: Readonly<Record<string, readonly AlertCause[]>> = {
  [objectiveBroken]: ['objective_broken'],
  'run.overrun': ['late'],
  'plan.clock_was_ahead': ['unknown'],
};

function familyOf(kind: RunKind): Family {
  if (kind === 'backup') return 'run';
  return kind === 'copy' ? 'copy' : 'care';
}

/** Events after which it is known whether a plan is in trouble. */
function storyOf(family: Family): string[] {
  return [`${family}.failed`, `${family}.recovered`, ...(family === 'run' ? [objectiveBroken] : [])];
}

const alertsOf: { readonly [Cause in FailureCause]?: readonly AlertCause[] } = {
  guard: ['source_empty'],
  hash_mismatch: ['hash_mismatch', 'integrity'],
  integrity: ['integrity'],
  lock: ['locked'],
  space: ['capacity'],
};

/** Whatever the reason, it failed. */
function causesOf(outcome: RunOutcome, code: ErrorCode | undefined): readonly AlertCause[] {
  const cause = failureCause(outcome, code);
  return ['failed', ...((cause && alertsOf[cause]) ?? [])];
}
