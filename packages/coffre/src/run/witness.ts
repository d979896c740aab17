/** Who puts on record what runs remove. */
import { messageOf } from '@coffre/repository';
import type { Witness } from '../access/audited.ts';
import { openSigningKey } from '../audit/signing-key.ts';
import type { RunSurroundings } from './run-surroundings.ts';

/** The log is signed with a key of its own; without it the retention still works, and says so. */
export function openWitness(
  { store, stateFolder, repositories }: RunSurroundings,
  say: (sentence: string) => void,
): Witness {
  const { environment } = repositories;
  const warn = (error: unknown): void => say(`this is not in the audit log: ${messageOf(error)}`);
  try {
    const key = openSigningKey(stateFolder);
    return { log: { store, key, folder: stateFolder }, environment, warn };
  } catch (error) {
    warn(error);
    return { log: undefined, environment, warn };
  }
}
