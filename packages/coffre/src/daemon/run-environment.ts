/** What a run is told by its surroundings: what it is for, and by what its programs are known. */
import { markVariable } from '../platform/marked-processes.ts';
import { runPurposeVariable } from '../run/run-request.ts';
import type { RunPurpose } from '../run/run-request.ts';
import type { Job } from './job.ts';

/** @param triesLeft how often it is tried again when it fails */
export function runEnvironment(
  { cause, slots, full, attempt }: Job,
  mark: string,
  triesLeft: number,
): Readonly<Record<string, string>> {
  const purpose: Partial<RunPurpose> = { cause, full, attempt, triesLeft, ...(slots !== undefined && { slots }) };
  return { [runPurposeVariable]: JSON.stringify(purpose), [markVariable]: mark };
}
