/** What the daemon tells about itself over its socket, as JSON. */
import type { WaitReason } from '../../schedule/plan-entry.ts';
import type { RunMessage } from '../../run/run-message.ts';
import { failureCause, type FailureCause } from '../../store/failure-cause.ts';
import type { JobState } from '../job.ts';
import type { Job } from '../job.ts';
import type { DueLoop } from '../loop.ts';
import type { TriggerView } from '../trigger/triggers.ts';
import type { Ending } from '../run-end.ts';

export type JobView = {
  readonly plan: string;
  readonly state: JobState;
  readonly cause: string;
  readonly attempt: number;
  readonly startedAt: string;
  readonly runId?: number;
  readonly pid?: number;
  readonly slot?: string;
  readonly phase?: string;
  readonly progress?: {
    readonly bytesDone: number;
    readonly bytesTotal?: number;
    readonly filesDone: number;
    readonly filesTotal?: number;
  };
};

export type WaitingView = {
  readonly plan: string;
  readonly cause: string;
  readonly since: string;
  readonly notBefore?: string;
  readonly waitsFor?: WaitReason;
  /** How the try before this one ended. */
  readonly failed?: { readonly reason?: string; readonly code?: string; readonly cause?: FailureCause };
};

export type DaemonStatus = {
  readonly schema: 'coffre.daemon/1';
  readonly pid: number;
  readonly startedAt: string;
  readonly config: string;
  readonly plans: number;
  readonly planNames: readonly string[];
  readonly pausedUntil?: string;
  /** Why the changed configuration is not in use. */
  readonly configProblem?: string;
  readonly jobs: readonly JobView[];
  readonly waiting: readonly WaitingView[];
  /** Of extensions; absent where no plan has one. */
  readonly triggers?: readonly TriggerView[];
};

/** What follows a run over the socket: its messages, and before them that it waits for its turn. */
export type FollowMessage = { readonly type: 'waiting'; readonly waitsFor: WaitReason | undefined } | RunMessage;

export function jobView(job: Job): JobView {
  const { progress } = job;
  return {
    plan: job.plan,
    state: job.state,
    cause: job.cause,
    attempt: job.attempt,
    startedAt: instant(job.startedAtMs),
    ...(job.runId !== undefined && { runId: job.runId }),
    ...(job.process?.pid !== undefined && { pid: job.process.pid }),
    ...(job.slots !== undefined && { slot: instant(job.slots.lastDueMs) }),
    ...(job.phase !== undefined && { phase: job.phase }),
    ...(progress !== undefined && {
      progress: {
        bytesDone: progress.bytesDone,
        filesDone: progress.filesDone,
        ...(progress.bytesTotal !== undefined && { bytesTotal: progress.bytesTotal }),
        ...(progress.filesTotal !== undefined && { filesTotal: progress.filesTotal }),
      },
    }),
  };
}

export function waitingViews(loop: DueLoop): WaitingView[] {
  return loop.waiting.map(({ entry, cause, readyMs, notBeforeMs, waitsFor }) => ({
    plan: entry.plan,
    cause,
    since: instant(readyMs),
    ...(notBeforeMs > readyMs && { notBefore: instant(notBeforeMs) }),
    ...(waitsFor !== undefined && { waitsFor }),
    ...(cause === 'retry' && failedView(loop.failures.get(entry.plan))),
  }));
}

function failedView(ending: Ending | undefined): Pick<WaitingView, 'failed'> {
  if (ending === undefined) return {};
  const { outcome, reason, code } = ending;
  const cause = failureCause(outcome, code);
  const failed = {
    ...(reason !== undefined && { reason }),
    ...(code !== undefined && { code }),
    ...(cause !== undefined && { cause }),
  };
  return { failed };
}

function instant(atMs: number): string {
  return new Date(atMs).toISOString();
}
