/** Codes of errors for people: the kind of thing first, then the code that the documentation has. */
import { failureCause, type FailureCause } from '../store/failure-cause.ts';
import type { RunOutcome } from '../store/runs.ts';

/** ` (hash_mismatch, VERIFY_FAILED)`; empty where there is nothing to say. */
export function codeWords(cause: FailureCause | undefined, code: string | undefined): string {
  const words = [cause, code].filter((word) => word !== undefined);
  return words.length === 0 ? '' : ` (${words.join(', ')})`;
}

export type EndedWords = {
  readonly outcome: RunOutcome;
  readonly reason?: string | undefined;
  readonly code?: string | undefined;
};

/** `failed (repository, BACKEND_IO): the server does not answer` */
export function endingWords({ outcome, reason, code }: EndedWords): string {
  return `${outcome}${codeWords(failureCause(outcome, code), code)}${reason === undefined ? '' : `: ${reason}`}`;
}
