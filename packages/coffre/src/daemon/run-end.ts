/** What the end of a process means for its run, its slots and its plan. */
import type { ErrorCode } from '@coffre/repository';
import { triggerOf } from '../run/run-request.ts';
import type { Machine } from '../run/run-surroundings.ts';
import type { Outcome } from '../schedule/plan-entry.ts';
import { correctLost, endRun, listRuns, openRuns, startRun } from '../store/runs.ts';
import type { RunOutcome } from '../store/runs.ts';
import type { Rows, Store } from '../store/store.ts';
import type { RunId } from '../store/tables.ts';
import { closeSlotsUpTo } from '../store/slot-claims.ts';
import type { CancelReason, Job } from './job.ts';
import type { ProcessEnd } from './run-process.ts';

/** Times of rows are by the clock of the state, which may be a server's. */
const clockDifferenceMs = 3_600_000;

export type Ending = {
  readonly outcome: RunOutcome;
  readonly reason: string | undefined;
  /** Of the error, where the process said one. */
  readonly code?: ErrorCode | undefined;
};

const cancelWords: Readonly<Record<CancelReason, string>> = {
  asked: 'somebody cancelled it',
  max_runtime: 'it took longer than max_runtime',
  stop: 'coffre serve was stopped',
};

export function endingOf({ message, how, lastWords }: ProcessEnd, cancelled: CancelReason | undefined): Ending {
  if (message !== undefined) {
    const reason = message.outcome === 'cancelled' && cancelled !== undefined ? cancelWords[cancelled] : message.reason;
    return { outcome: message.outcome, reason, code: message.code };
  }
  // It had nothing to do, and so nothing to say.
  if (how === 'exit code 0') return { outcome: 'success', reason: undefined };
  if (cancelled !== undefined) {
    const isForced = how === 'signal SIGKILL';
    return { outcome: 'cancelled', reason: `${cancelWords[cancelled]}${isForced ? ', and it had to be killed' : ''}` };
  }
  const said = complaintIn(lastWords);
  const reason = said === '' ? howWords(how) : `${howWords(how)}: ${said}`;
  // With a signal nobody knows how far it came; an exit code is a failure that had no words left.
  return { outcome: how.startsWith('signal') ? 'lost' : 'failed', reason };
}

/** The line that says why, among hints and traces. */
function complaintIn(lastWords: string): string {
  const lines = lastWords.split('\n').map((line) => line.trim());
  const line = lines.find((text) => /^Fatal: |^FATAL ERROR|Error: /.test(text)) ?? lines.at(-1) ?? '';
  return line.replace(/^Fatal: /, '').slice(0, 500);
}

function howWords(how: string): string {
  if (how.startsWith('could not')) return `its process ${how}`;
  const hint = how === 'signal SIGKILL' ? ' (was there too little memory?)' : '';
  return `its process ended with ${how}${hint}`;
}

/** For the agenda. A limit that is broken is a failure; a person who cancels wants no other try. */
export function outcomeFor({ outcome }: Ending, cancelled: CancelReason | undefined): Outcome {
  switch (outcome) {
    case 'success':
    case 'warning':
      return 'success';
    case 'failed':
    case 'lost':
      return 'failed';
    case 'cancelled':
      return cancelled === 'max_runtime' ? 'failed' : 'cancelled';
    case 'skipped':
      return 'cancelled';
    default:
      return outcome satisfies never;
  }
}

export type RunSettlement = {
  readonly ending: Ending;
  readonly slotsStayOpen: boolean;
  /** As the agenda counts it. */
  readonly isFailure: boolean;
  readonly isTriedAgain: boolean;
  /** It began when its slot counted as missing already. */
  readonly isLate: boolean;
};

/**
 * Ends the rows that the process left open, or makes one where it died before its first. Its slots are closed, unless
 * they are to be tried again.
 */
export async function settleRun(
  store: Store,
  { host, bootId }: Machine,
  job: Job,
  { ending, slotsStayOpen, isLate }: RunSettlement,
  also: (rows: Rows, runId: RunId | undefined) => Promise<void>,
): Promise<void> {
  await store.transaction(async (rows) => {
    const pid = job.process?.pid;
    const left = (await openRuns(rows, host)).filter((run) => pid !== undefined && run.pid === pid);
    for (const run of left) await endRun(rows, run.id, withReason(ending));
    if (pid !== undefined && ending.outcome !== 'lost') {
      const sinceMs = job.startedAtMs - clockDifferenceMs;
      await correctLost(rows, { host, pid, sinceMs }, withReason(ending));
    }
    const isOnRecord = left.length > 0 || job.runId !== undefined || ending.outcome === 'success';
    const isLacking = !isOnRecord && !(await wroteItself(rows, job));
    const written = isLacking ? await writeDownRun(rows, { host, bootId }, job, ending) : undefined;
    if (!slotsStayOpen && job.slots !== undefined) {
      await closeSlotsUpTo(rows, job.plan, job.slots.lastDueMs, slotEndingOf(ending, isLate));
    }
    await also(rows, job.runId ?? written ?? left.find(({ parent }) => parent === undefined)?.id);
  });
}

/** The care of a repository leaves a row for each of its tasks. */
async function wroteItself(rows: Rows, job: Job): Promise<boolean> {
  const sinceMs = job.startedAtMs - clockDifferenceMs;
  const written = await listRuns(rows, { plan: job.history.plan, sinceMs }, 20);
  return written.some(({ pid }) => pid === job.process?.pid);
}

async function writeDownRun(
  rows: Rows,
  here: Pick<Machine, 'host' | 'bootId'>,
  job: Job,
  ending: Ending,
): Promise<RunId> {
  const id = await startRun(rows, {
    ...job.history,
    trigger: triggerOf(job),
    ...(job.slots !== undefined && { slotAtMs: job.slots.lastDueMs }),
    pid: job.process?.pid ?? 0,
    ...here,
  });
  await endRun(rows, id, withReason(ending));
  return id;
}

function withReason({ outcome, reason, code }: Ending): { outcome: RunOutcome; reason?: string; code?: ErrorCode } {
  return { outcome, ...(reason !== undefined && { reason }), ...(code !== undefined && { code }) };
}

function slotEndingOf({ outcome, reason }: Ending, isLate: boolean): Parameters<typeof closeSlotsUpTo>[3] {
  const why = reason === undefined ? {} : { reason };
  switch (outcome) {
    case 'success':
    case 'warning':
      return { outcome: isLate ? 'success-late' : 'success', ...why };
    case 'failed':
    case 'lost':
      return { outcome: 'failed', ...why };
    case 'cancelled':
    case 'skipped':
      return { outcome: 'skipped', ...why };
    default:
      return outcome satisfies never;
  }
}
