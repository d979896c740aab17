/** mongorestore, fed with an archive whose collections get other places, or none. */
import { CoffreError, isCoffreError } from '@coffre/repository';
import type { SourceContext } from '../source.ts';
import type { ArchivedCollection } from './archive.ts';
import { renameArchive, type Place } from './archive-rename.ts';
import type { Connection } from './mongodb-address.ts';
import { failureOf, findTool, writeToolConfig } from './mongodb-tools.ts';

export type RestoreCall = {
  readonly connection: Connection;
  readonly archive: AsyncIterable<Uint8Array>;
  readonly placeOf: (collection: ArchivedCollection) => Place | undefined;
  readonly words: readonly string[];
  /** Told every entry of the oplog, lent. */
  readonly oplog?: ((entry: Uint8Array) => void) | undefined;
};

/** @throws {CoffreError} SOURCE_INVALID, SOURCE_TOOL_MISSING, SOURCE_COMMAND_FAILED */
export async function runMongorestore(restore: RestoreCall, context: SourceContext): Promise<void> {
  const mongorestore = findTool('mongorestore', context);
  using config = writeToolConfig(restore.connection, context);
  let damage: Error | undefined;
  async function* input(): AsyncGenerator<Uint8Array> {
    try {
      yield* renameArchive(restore.archive, restore.placeOf, restore.oplog);
    } catch (error) {
      damage = error instanceof Error ? error : new Error(String(error));
      throw error;
    }
  }
  // Without --stopOnError documents that are refused are passed over, and all is said to be well. What is there although
  // its collection would not take it any more was taken once, and comes back.
  const form = ['--archive', '--stopOnError', '--bypassDocumentValidation'];
  const argv = [mongorestore, config.argument, ...form, ...restore.words];
  try {
    const call = { argv, input: input(), ...config.call, signal: context.signal };
    for await (const _ of context.programs.output(call));
  } catch (error) {
    // The cut input is why the program failed.
    if (damage !== undefined) throw damage;
    if (context.signal.aborted || !isCoffreError(error, 'SOURCE_COMMAND_FAILED')) throw error;
    throw new CoffreError('SOURCE_COMMAND_FAILED', failureOf('mongorestore', error), {
      hint: 'It needs a user with the roles `restore` and `readWriteAnyDatabase`, and a server that is not older than the one that was saved.',
      cause: error,
    });
  }
}
