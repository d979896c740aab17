/**
 * What was written while the dump ran, applied to the collections that were loaded: then all of them are of one moment. The
 * entries name collections as they were called, so they fit only what has its old name, and whoever loads under another
 * one gets each collection as its cursor met it.
 */
import type { SavedSource, SourceContext } from '../source.ts';
import type { Connection } from './mongodb-address.ts';
import { isOplog } from './mongodb-dump.ts';
import type { MongodbTruth } from './mongodb-truth.ts';
import { runMongorestore } from './mongorestore.ts';

export type ReplayPlan = 'none' | 'replay' | 'cannot';

export function planReplay(
  { oplog }: Pick<MongodbTruth, 'oplog'>,
  program: MongodbTruth['server']['program'],
  keepsNames: boolean,
): ReplayPlan {
  if (oplog === null || oplog.changes === 0) return 'none';
  return keepsNames && program === 'mongod' ? 'replay' : 'cannot';
}

/** May be done again: every entry says what a document is to be, not how it changes. */
export async function replayOplog(
  saved: SavedSource<MongodbTruth>,
  connection: Connection,
  context: SourceContext,
): Promise<void> {
  for (const { path, database } of saved.truth.archives) {
    if (database !== null) continue;
    const archive = saved.read(path);
    await runMongorestore(
      {
        connection,
        archive,
        placeOf: (one) => (isOplog(one) ? { database: one.database, collection: one.collection } : undefined),
        words: ['--oplogReplay'],
      },
      context,
    );
  }
}
