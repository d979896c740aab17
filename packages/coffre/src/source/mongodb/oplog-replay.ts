/**
 * What was written while the dump ran, applied to what was loaded before it gets its names: then all collections are of one
 * moment, whatever they are called now.
 */
import type { Db, MongoClient } from 'mongodb';
import type { SavedSource, SourceContext } from '../source.ts';
import { isOplog, nameOf } from './archive.ts';
import type { Place } from './archive-rename.ts';
import type { LoadPlan, LoadStep } from './load-plan.ts';
import type { Connection } from './mongodb-address.ts';
import { isMissing } from './mongodb-server.ts';
import type { CollectionTruth, MongodbTruth } from './mongodb-truth.ts';
import { runMongorestore } from './mongorestore.ts';
import { OplogMover, type IndexCommand } from './oplog-move.ts';
import { OplogStore } from './oplog-store.ts';

export type ReplayPlan = 'none' | 'replay' | 'cannot';

export function planReplay(
  { oplog }: Pick<MongodbTruth, 'oplog'>,
  program: MongodbTruth['server']['program'],
): ReplayPlan {
  if (oplog === null || oplog.changes === 0) return 'none';
  return program === 'mongod' ? 'replay' : 'cannot';
}

export type ReplayRequest = {
  readonly saved: Pick<SavedSource<MongodbTruth>, 'truth'>;
  readonly connection: Connection;
  readonly plan: LoadPlan;
  readonly program: MongodbTruth['server']['program'];
  readonly token: string;
  /** Whether a collection that was made during the dump may come there. */
  readonly mayCome: (place: Place) => boolean;
};

export type Replay = Disposable & {
  /** Of the archive, as it passes; absent where nothing is to be applied. */
  readonly take: ((entry: Uint8Array) => void) | undefined;
  /** @returns the steps that are left, and those for collections that were made during the dump */
  apply(client: MongoClient): Promise<readonly LoadStep[]>;
};

export function prepareReplay(request: ReplayRequest, context: SourceContext): Replay {
  const { plan, saved, program } = request;
  const how = planReplay(saved.truth, program);
  if (how === 'cannot') {
    context.warn('each collection is as it was when it was read: what was written during the dump is not applied');
  }
  if (how !== 'replay') {
    return { take: undefined, apply: async () => plan.steps, [Symbol.dispose]: () => undefined };
  }
  const store = new OplogStore(context);
  const made: LoadStep[] = [];
  const mover = new OplogMover({
    loaded: new Map(
      plan.steps
        .filter(({ from }) => from.type !== 'view')
        .map(({ from, final, temporary }) => [nameOf(from), temporary ?? final]),
    ),
    newPlace(place) {
      const step = newStep(request, place, made.length);
      if (step !== undefined) made.push(step);
      return step?.temporary;
    },
  });
  return {
    take(entry) {
      const moved = mover.entry(entry);
      if (moved !== undefined) store.add(moved);
    },
    async apply(client) {
      await runIndexCommands(client, 'dropIndexes', mover.indexCommands);
      if (store.entries > 0) await replay(store, request.connection, context);
      await runIndexCommands(client, 'collMod', mover.indexCommands);
      return await stepsThere(client, [...plan.steps, ...made]);
    },
    [Symbol.dispose]: () => store[Symbol.dispose](),
  };
}

function newStep({ plan, token, mayCome }: ReplayRequest, place: Place, number: number): LoadStep | undefined {
  const database = plan.wholeDatabases.get(place.database);
  if (database === undefined) return undefined;
  const final = { database, collection: place.collection };
  if (!mayCome(final)) return undefined;
  const from: CollectionTruth = { ...place, type: 'collection', documents: 0, options: {}, indexes: [] };
  return { from, final, temporary: { database, collection: `coffre_load_${token}_new${number}` } };
}

/** May be done again: every entry says what a document is to be, not how it changes. */
async function replay(store: OplogStore, connection: Connection, context: SourceContext): Promise<void> {
  const placeOf = (one: Place): Place | undefined => (isOplog(one) ? one : undefined);
  await runMongorestore({ connection, archive: store.archive(), placeOf, words: ['--oplogReplay'] }, context);
}

async function runIndexCommands(
  client: MongoClient,
  wanted: IndexCommand['command'],
  commands: readonly IndexCommand[],
): Promise<void> {
  const { BSON } = await import('mongodb');
  for (const { place, command, bson } of commands) {
    if (command !== wanted) continue;
    const { index } = BSON.deserialize(bson, { promoteValues: false }) as { index: unknown };
    await unlessMissing(client.db(place.database), { [command]: place.collection, index });
  }
}

async function unlessMissing(database: Db, command: Record<string, unknown>): Promise<void> {
  try {
    await database.command(command);
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
}

/** A collection that was dropped during the dump is not there any more. */
async function stepsThere(client: MongoClient, steps: readonly LoadStep[]): Promise<readonly LoadStep[]> {
  const there = new Set<string>();
  for (const database of new Set(steps.map(({ final }) => final.database))) {
    const listed = await client.db(database).listCollections({}, { nameOnly: true }).toArray();
    for (const { name } of listed) there.add(nameOf({ database, collection: name }));
  }
  return steps.filter(({ temporary }) => temporary === undefined || there.has(nameOf(temporary)));
}
