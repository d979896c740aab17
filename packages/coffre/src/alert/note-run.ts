/**
 * Writes down, in the transaction that ends a run, whom its end concerns: once when a plan begins to fail, which is after
 * its last try, and once when it works again. Each further repository of a plan is a matter of its own.
 */
import type { ErrorCode } from '@coffre/repository';
import type { Config } from '../config/config.ts';
import { recordEvent } from '../store/events.ts';
import { failureCause, type FailureCause } from '../store/failure-cause.ts';
import type { RunKind, RunOutcome } from '../store/runs.ts';
import type { Rows } from '../store/store.ts';
import type { RunId } from '../store/tables.ts';
import { channelsFor } from './routing.ts';
import type { AlertCause } from './routing.ts';
import { objectiveBroken, readStory, troubleWith } from './story.ts';
import type { Family, Subject } from './story.ts';
import { noteRecovery, noteTrouble } from './trouble.ts';

export type RunNote = {
  readonly plan: string;
  readonly kind: RunKind;
  /** Of a copy, where to; of the retention and of care, where. */
  readonly repository?: string | undefined;
  /** Undefined where the run has no row of its own, as the care of a repository. */
  readonly runId: RunId | undefined;
  readonly outcome: RunOutcome;
  readonly reason?: string | undefined;
  readonly code?: ErrorCode | undefined;
  /** It is tried again when it failed, and nobody is told yet. */
  readonly isTriedAgain: boolean;
};

/** @returns true when somebody is to be told. Twice for one run is once. */
export async function noteRunEnd(rows: Rows, alerts: Config['alerts'], note: RunNote): Promise<boolean> {
  const { runId, outcome, reason, code } = note;
  const isBad = outcome === 'failed' || outcome === 'lost';
  const isGood = outcome === 'success' || outcome === 'warning';
  if ((isBad && note.isTriedAgain) || (!isBad && !isGood)) return false;
  const subject = subjectOf(note);
  const story = await readStory(rows, subject);
  const trouble = troubleWith(story.troubles, subject);
  const about = { outcome, ...(reason !== undefined && { reason }), ...(code !== undefined && { code }), runId };
  if (isGood) return trouble !== undefined && (await noteRecovery(rows, alerts, subject, { story, trouble, about }));
  const { last } = story;
  if (runId !== undefined && last?.runId === runId && last.detail['repository'] === subject.repository) return false;
  const known = { story, trouble, about, causes: causesOf(note) };
  return await noteTrouble(rows, alerts, subject, { event: `${subject.family}.failed`, ...known });
}

/** What the daemon noticed about a plan. @returns true when somebody is to be told */
export async function noteNotice(
  rows: Rows,
  alerts: Config['alerts'],
  notice: Pick<RunNote, 'plan' | 'kind' | 'repository'> & { readonly code: string; readonly runId?: RunId | undefined },
): Promise<boolean> {
  const { code, plan, runId } = notice;
  const causes = noticeCauses[code] ?? [];
  const subject = subjectOf(notice);
  if (code === objectiveBroken) {
    const story = await readStory(rows, subject);
    const trouble = troubleWith(story.troubles, subject);
    const event = subject.family === 'run' ? code : `${subject.family}.failed`;
    return await noteTrouble(rows, alerts, subject, { event, story, trouble, about: { runId }, causes });
  }
  const channels = channelsFor(alerts, causes);
  await recordEvent(rows, { code, plan, detail: { causes }, ...(runId !== undefined && { runId }) }, channels);
  return channels.length > 0;
}

/** That tries are used up is told by the run that failed last. */
const noticeCauses: Readonly<Record<string, readonly AlertCause[]>> = {
  [objectiveBroken]: ['objective_broken'],
  'run.overrun': ['late'],
  'plan.clock_was_ahead': ['unknown'],
};

function subjectOf({ plan, kind, repository }: Pick<RunNote, 'plan' | 'kind' | 'repository'>): Subject {
  const family = familyOf(kind);
  return family === 'copy' || family === 'retention' ? { plan, family, repository } : { plan, family };
}

function familyOf(kind: RunKind): Family {
  if (kind === 'backup') return 'run';
  return kind === 'copy' || kind === 'retention' ? kind : 'care';
}

const alertsOf: { readonly [Cause in FailureCause]?: readonly AlertCause[] } = {
  guard: ['source_empty'],
  hash_mismatch: ['hash_mismatch', 'integrity'],
  integrity: ['integrity'],
  lock: ['locked'],
  space: ['capacity'],
};

const alertsOfFamily: { readonly [Name in Family]: readonly AlertCause[] } = {
  run: [],
  // What was not copied is late.
  copy: ['copy_late'],
  retention: ['retention_failed'],
  care: ['care_failed'],
};

/** Whatever the reason, it failed. */
function causesOf({ kind, outcome, code }: RunNote): readonly AlertCause[] {
  const cause = failureCause(outcome, code);
  return ['failed', ...alertsOfFamily[familyOf(kind)], ...((cause && alertsOf[cause]) ?? [])];
}
