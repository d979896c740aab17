/** How a run ended, from how its parts did. Pure. */
import { CoffreError, isCoffreError, messageOf, type ErrorCode } from '@coffre/repository';
import type { RunOutcome } from '../store/runs.ts';
import { isLeaseLoss } from './lease-keeper.ts';
import type { PartResult } from './run-request.ts';

export type RunVerdict = {
  readonly outcome: RunOutcome;
  readonly reason: string | undefined;
  readonly code: ErrorCode | undefined;
  /** What to do next. */
  readonly hint?: string | undefined;
};

export type RunFacts = {
  readonly parts: readonly PartResult[];
  /** What stopped the run as a whole. */
  readonly failure: Error | undefined;
  /** Of hooks and the like, beside the parts. */
  readonly warnings: readonly string[];
};

const savedHint = 'The rest is saved; the lines above say which.';

/** What somebody asked for is no failure; what broke is. */
export function outcomeOfError(error: unknown): Extract<RunOutcome, 'failed' | 'cancelled'> {
  return isCoffreError(error, 'INTERRUPTED') && !isLeaseLoss(error) ? 'cancelled' : 'failed';
}

/** For the row of a part that did not work. */
export function endingOf(
  error: unknown,
): RunVerdict & { readonly outcome: 'failed' | 'cancelled'; readonly reason: string } {
  const outcome = outcomeOfError(error);
  const reason = messageOf(error);
  if (!isCoffreError(error)) return { outcome, reason, code: 'INTERNAL', hint: undefined };
  return { outcome, reason, code: error.code, hint: error.hint };
}

export function verdictOf({ parts, failure, warnings }: RunFacts): RunVerdict {
  // Another process does what was asked for; that it was asked for twice is no failure of the plan.
  if (isCoffreError(failure, 'PLAN_RUNNING')) return { ...endingOf(failure), outcome: 'skipped' };
  if (failure !== undefined) return endingOf(failure);
  const sources = parts.filter(({ kind }) => kind === 'source');
  const failed = sources.filter(({ outcome }) => outcome === 'failed');
  if (failed.length > 0) {
    const [first] = failed;
    const beside = sources.length - failed.length;
    const saved = beside === 0 ? '' : `; ${beside} of ${sources.length} sources are saved`;
    return {
      outcome: 'failed',
      reason: `${first?.source}: ${first?.reason}${saved}`,
      code: first?.code,
      hint: first?.hint,
    };
  }
  if (sources.length > 0 && sources.every(({ outcome }) => outcome === 'skipped')) {
    return { outcome: 'skipped', reason: sources[0]?.reason, code: 'SOURCE_NOT_HERE' };
  }
  const incomplete = sources.find(({ outcome }) => outcome === 'warning');
  if (incomplete !== undefined) {
    return {
      outcome: 'warning',
      reason: `${incomplete.source}: ${incomplete.reason}`,
      code: 'SOURCE_INCOMPLETE',
      hint: savedHint,
    };
  }
  const others = parts.filter(({ kind, outcome }) => kind !== 'source' && outcome === 'failed');
  const [other] = others;
  if (other !== undefined) {
    const isAlone = sources.length === 0 && others.length === parts.length;
    const reason = `${other.kind} ${other.kind === 'copy' ? 'to' : 'at'} ${other.repository}: ${other.reason}`;
    if (isAlone) return { outcome: 'failed', reason, code: other.code, hint: other.hint };
    const code = others.some(({ kind }) => kind === 'copy') ? 'COPY_BEHIND' : 'RUN_INCOMPLETE';
    return { outcome: 'warning', reason, code, hint: other.hint };
  }
  const [warning] = warnings;
  if (warning !== undefined) return { outcome: 'warning', reason: warning, code: undefined };
  return { outcome: 'success', reason: undefined, code: undefined };
}

/** For the exit code; undefined when all is well. */
export function errorOf({ outcome, reason, code, hint }: RunVerdict, plan: string): CoffreError | undefined {
  if (outcome === 'success' || (outcome === 'warning' && code === undefined)) return undefined;
  const next = hint ?? `\`coffre logs ${plan}\` has all of the run.`;
  return new CoffreError(code ?? 'INTERNAL', `${plan}: ${reason ?? outcome}`, { hint: next });
}
