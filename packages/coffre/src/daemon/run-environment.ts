/** What a run is told by its surroundings: what it is for. */
import { runPurposeVariable } from '../run/run-request.ts';
import type { RunPurpose } from '../run/run-request.ts';
import type { Job } from './job.ts';

export function runEnvironment({ cause, slots, full, attempt }: Job): Readonly<Record<string, string>> {
  const purpose: Partial<RunPurpose> = { cause, full, attempt, ...(slots !== undefined && { slots }) };
  return { [runPurposeVariable]: JSON.stringify(purpose) };
}
