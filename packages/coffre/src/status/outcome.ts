import type { RunOutcome } from '../store/runs.ts';

/** The data is there; with a warning some of it could not be read. */
export function isGood(outcome: RunOutcome): boolean {
  return outcome === 'success' || outcome === 'warning';
}

export function isFailure(outcome: RunOutcome): boolean {
  return outcome === 'failed' || outcome === 'lost';
}
