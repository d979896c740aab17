/** What a run is told by its surroundings: what it is for, and by what its programs are known. */
import { markVariable } from '../platform/marked-processes.ts';
import { runPurposeVariable } from '../run/run-request.ts';
import type { RunPurpose } from '../run/run-request.ts';
import type { Job } from './job.ts';

export function runEnvironment({ cause, slots, full, attempt }: Job, mark: string): Readonly<Record<string, string>> {
  const purpose: Partial<RunPurpose> = { cause, full, attempt, ...(slots !== undefined && { slots }) };
  return { [runPurposeVariable]: JSON.stringify(purpose), [markVariable]: mark };
}
