/**
 * What the process of a run tells whoever started it, over IPC: facts, in the order in which they became true. `started`
 * comes first and `ended` last; a process that ends without `ended` was killed.
 */
import type { ErrorCode } from '@coffre/repository';
import type { FailureCause } from '../store/failure-cause.ts';
import type { RunOutcome } from '../store/runs.ts';
import type { RunId } from '../store/tables.ts';
import type { RunFigures } from './run-figures.ts';

/** In their order; which of them happen depends on the plan. `hooks` comes wherever hooks stand. */
export type RunPhase = 'lease' | 'open' | 'hooks' | 'preflight' | 'read' | 'publish' | 'verify' | 'copy' | 'retention';

export type LineLevel = 'debug' | 'info' | 'warning' | 'error';

export type RunMessage =
  | { readonly type: 'started'; readonly runId: RunId; readonly plan: string; readonly logPath: string | undefined }
  | {
      readonly type: 'phase';
      readonly phase: RunPhase;
      /** Which of them, where the phase is about one: `site/source`, or a name of `repositories`. */
      readonly source?: string;
      readonly repository?: string;
    }
  | ({ readonly type: 'progress' } & RunProgress)
  | { readonly type: 'line'; readonly level: LineLevel; readonly text: string }
  /** A source is saved, and proved where the plan wants it; undefined where nothing had changed. */
  | {
      readonly type: 'saved';
      readonly source: string;
      readonly repository: string;
      readonly snapshot: string | undefined;
      readonly figures: RunFigures;
    }
  | {
      readonly type: 'ended';
      readonly outcome: RunOutcome;
      /** One sentence, where the outcome alone does not say it. */
      readonly reason: string | undefined;
      readonly code: ErrorCode | undefined;
      /** What kind of thing that is. */
      readonly cause?: FailureCause | undefined;
    };

/** Of the source or copy that is worked on now. Rates are made from two of these and their times. */
export type RunProgress = {
  /** Monotonic, of the process of the run. */
  readonly atMs: number;
  readonly bytesDone: number;
  /** Undefined while nobody knows; never less than what is done. */
  readonly bytesTotal: number | undefined;
  readonly filesDone: number;
  readonly filesTotal: number | undefined;
};

export type RunMessageOf<Type extends RunMessage['type']> = Extract<RunMessage, { readonly type: Type }>;
