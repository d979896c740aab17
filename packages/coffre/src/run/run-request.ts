/** What one run of a plan is for, and what came of it. */
import { CoffreError, type ErrorCode, type SnapshotId } from '@coffre/repository';
import { z } from 'zod';
import type { PlanName, RepositoryName, SourceName } from '../config/config.ts';
import type { Cause } from '../schedule/plan-entry.ts';
import type { FailureCause } from '../store/failure-cause.ts';
import type { RunKind, RunOutcome, RunTrigger } from '../store/runs.ts';
import type { RunId } from '../store/tables.ts';
import type { RunFigures } from './run-figures.ts';

const instantMs = z.int().nonnegative();
const causes = [
  'slot',
  'catch_up',
  'change',
  'after',
  'webhook',
  'command',
  'retry',
] as const satisfies readonly Cause[];
const triggerCause = z.templateLiteral(['trigger:', z.string().min(1)]);

/** COFFRE_RUN_FOR: JSON that whoever starts the process of a run puts into its environment. */
export const runPurpose = z.strictObject({
  cause: z.union([z.enum(causes), triggerCause]).default('command'),
  /** The slots that this run stands for. */
  slots: z.strictObject({ firstDueMs: instantMs, lastDueMs: instantMs }).optional(),
  /** Read everything again instead of comparing with the last snapshot. */
  full: z.boolean().default(false),
  /** 1, or more when earlier tries failed. */
  attempt: z.int().min(1).default(1),
  /** How often it is tried again when it fails; nobody is told before. */
  triesLeft: z.int().nonnegative().default(0),
  /** Retention removes automatic ones only. */
  kind: z.enum(['auto', 'manual', 'temp']).default('auto'),
  /** A name that a person gave; nobody else has it in this repository. */
  name: z.string().min(1).max(200).optional(),
  pin: z.boolean().default(false),
  /** What the person says it is for; kept with the snapshot. */
  description: z.string().min(1).max(500).optional(),
  /** Nothing is saved; what this repository lacks is copied there. */
  copyTo: z.string().min(1).optional(),
});
export type RunPurpose = z.infer<typeof runPurpose>;

export const runPurposeVariable = 'COFFRE_RUN_FOR';

/** By hand, where nobody said what it is for. @throws {CoffreError} USAGE */
export function parseRunPurpose(text: string | undefined): RunPurpose {
  if (text === undefined || text === '') return runPurpose.parse({});
  try {
    return runPurpose.parse(JSON.parse(text));
  } catch (cause) {
    throw new CoffreError('USAGE', `${runPurposeVariable} does not say what a run is for`, {
      hint: 'It is set by `coffre serve` for its own runs; unset it.',
      cause,
    });
  }
}

export type RunRequest = { readonly plan: PlanName; readonly purpose: RunPurpose };

const triggers: Readonly<Record<(typeof causes)[number], RunTrigger>> = {
  slot: 'schedule',
  catch_up: 'late',
  change: 'change',
  after: 'after',
  webhook: 'webhook',
  command: 'manual',
  retry: 'retry',
};

export function triggerOf({ cause }: { readonly cause: Cause }): RunTrigger {
  return isNamed(cause) ? cause : triggers[cause];
}

function isNamed(cause: Cause): cause is Extract<Cause, `trigger:${string}`> {
  return cause.startsWith('trigger:');
}

/** One row of the history that belongs to a run. */
export type PartResult = {
  /** Undefined where the history could not be written. */
  readonly id: RunId | undefined;
  readonly kind: RunKind;
  readonly source: SourceName | undefined;
  readonly repository: RepositoryName;
  readonly outcome: RunOutcome;
  readonly reason: string | undefined;
  readonly code: ErrorCode | undefined;
  readonly cause?: FailureCause | undefined;
  readonly hint: string | undefined;
  readonly snapshot: SnapshotId | undefined;
  readonly figures: RunFigures;
  readonly durationMs: number;
};

export type RunResult = {
  readonly runId: RunId;
  readonly plan: PlanName;
  readonly outcome: RunOutcome;
  readonly reason: string | undefined;
  readonly code: ErrorCode | undefined;
  readonly cause?: FailureCause | undefined;
  readonly hint: string | undefined;
  readonly parts: readonly PartResult[];
  readonly logPath: string | undefined;
  readonly durationMs: number;
};
