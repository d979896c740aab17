/** What was found of a snapshot goes into the history; a history that cannot be written keeps nobody from a restore. */
import { isCoffreError } from '@coffre/repository';
import type { Verification } from '../store/verifications.ts';
import type { Cli } from './cli.ts';
import { configuredState } from './configured-state.ts';
import type { Meant } from './meant-repositories.ts';

/** @param what of which this is, in words */
export async function noteVerification(
  cli: Cli,
  { configured }: Meant,
  what: string,
  fact: Verification,
): Promise<void> {
  try {
    await using state = await configuredState(cli, configured);
    if (state === undefined) return;
    const { recordVerification } = await import('../store/verifications.ts');
    await recordVerification(state, fact);
  } catch (error) {
    if (!isCoffreError(error)) throw error;
    cli.printer().error(`Warning: the ${what} is not in the history: ${error.message}`);
  }
}
