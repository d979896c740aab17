/**
 * Brings a backup into a server: mongorestore fills collections of temporary names, they are compared with what was
 * recorded, and only then do they get their names. Whatever fails before that leaves the server as it was.
 *
 * A rename is one step for each collection, and the engine has none for several: who is killed between two renames leaves
 * some collections new and some old. Nothing is lost then: what was replaced is there as `coffre_old_…`, and the next load
 * finds the journal and goes on where the killed one stopped.
 */
import { CoffreError, isCoffreError, messageOf } from '@coffre/repository';
import type { MongoClient } from 'mongodb';
import type { SavedSource, SourceContext } from '../source.ts';
import { nameOf } from './archive.ts';
import type { Place } from './archive-rename.ts';
import { asideName, dropIfThere, dropLoaded, endCutLoads, LoadJournal } from './load-journal.ts';
import { planFor, type LoadPlan, type LoadStep } from './load-plan.ts';
import type { Connection } from './mongodb-address.ts';
import {
  inWords,
  openServer,
  stopped,
  truthOfDatabases,
  validateCollections,
  type MongodbServer,
} from './mongodb-server.ts';
import { compareCollections, type CollectionTruth, type MongodbTruth } from './mongodb-truth.ts';
import { runMongorestore } from './mongorestore.ts';
import { prepareReplay, type Replay } from './oplog-replay.ts';
import type { ServerFacts } from './topology.ts';

export type LoadRequest = {
  readonly saved: SavedSource<MongodbTruth>;
  readonly connection: Connection;
  readonly plan: LoadPlan;
  readonly overwrite: boolean;
  readonly token: string;
};

/** @throws {CoffreError} SOURCE_TARGET_REFUSED, SOURCE_VERIFY_FAILED, SOURCE_COMMAND_FAILED, … */
export async function loadCollections(asked: LoadRequest, context: SourceContext): Promise<ServerFacts> {
  try {
    return await loadAside(asked, context);
  } catch (error) {
    if (isCoffreError(error)) throw error;
    throw context.signal.aborted ? stopped(context.signal) : inWords(asked.connection.shown, error);
  }
}

async function loadAside(asked: LoadRequest, context: SourceContext): Promise<ServerFacts> {
  const { connection } = asked;
  await using server = await openServer(connection, context.signal);
  const facts = await server.facts();
  const plan = planFor(facts.program, asked.plan);
  const request = { ...asked, plan };
  await endCutLoads(server, plan.databases, context.warn);
  const present = await presentIn(server, plan.databases);
  refuseTaken(request, present);
  const journal = new LoadJournal(asked.token, plan.databases);
  const undo = new Undo(request, present, journal);
  try {
    await journal.open(server.client, plan.steps);
    using replay = prepareReplay(
      { ...request, program: facts.program, mayCome: whoMayCome(request, present) },
      context,
    );
    await restoreArchives(request, facts, replay, context);
    if (facts.program === 'ferretdb') await createIndexes(server.client, plan.steps);
    await proveLoaded(server, plan.steps);
    const steps = await replay.apply(server.client);
    await journal.enter(server.client, 'naming', steps);
    const replaced = await publish(server.client, { steps, token: request.token }, present, undo);
    await journal.enter(server.client, 'done', steps);
    undo.forget();
    for (const place of replaced) await drop(server.client, place);
    await journal.close(server.client);
    return facts;
  } catch (error) {
    const left = await undo.run();
    if (left === undefined) throw context.signal.aborted ? stopped(context.signal) : error;
    throw new CoffreError('SOURCE_TARGET_REFUSED', `${messageOf(error)}; and it could not be undone: ${left}`, {
      hint: 'Collections called coffre_load_… may be dropped; those called coffre_old_… are what was there before.',
      cause: error,
    });
  }
}

/** Names of collections and views, by database. */
type Present = ReadonlyMap<string, ReadonlyMap<string, CollectionTruth>>;

async function presentIn(server: MongodbServer, databases: readonly string[]): Promise<Present> {
  const present = new Map<string, ReadonlyMap<string, CollectionTruth>>();
  for (const database of databases) {
    const collections = await server.collections(database);
    present.set(database, new Map(collections.map((one) => [one.collection, one])));
  }
  return present;
}

function refuseTaken({ plan, overwrite, connection }: LoadRequest, present: Present): void {
  const taken = plan.steps.filter(({ final }) => present.get(final.database)?.has(final.collection) === true);
  const [first] = taken;
  if (first === undefined) return;
  if (!overwrite) {
    const others = taken.length === 1 ? '' : ` and ${taken.length - 1} more`;
    throw new CoffreError(
      'SOURCE_TARGET_REFUSED',
      `${nameOf(first.final)}${others} ${taken.length === 1 ? 'is' : 'are'} on ${connection.shown} already`,
      {
        hint: 'Load into a database of another name, or add --overwrite.',
      },
    );
  }
  const fixed = taken.find(({ temporary, from }) => temporary === undefined && from.type !== 'view');
  if (fixed === undefined) return;
  throw new CoffreError('SOURCE_TARGET_REFUSED', `${nameOf(fixed.final)} cannot be put aside there`, {
    hint: 'Load into a database of another name, or drop this one yourself first.',
  });
}

/** Nothing is replaced that was not to be, nor what cannot be put aside. */
function whoMayCome({ overwrite }: LoadRequest, present: Present): (place: Place) => boolean {
  return ({ database, collection }) => {
    const there = present.get(database)?.get(collection);
    return there === undefined || (overwrite && there.type !== 'timeseries');
  };
}

async function restoreArchives(
  request: LoadRequest,
  facts: ServerFacts,
  { take }: Replay,
  context: SourceContext,
): Promise<void> {
  const { saved, plan, connection } = request;
  const steps = new Map(plan.steps.filter(({ from }) => from.type !== 'view').map((step) => [nameOf(step.from), step]));
  const words = [
    // FerretDB does not take indexes as mongorestore sends them.
    ...(facts.program === 'ferretdb' ? ['--noIndexRestore'] : []),
    ...namesWithLines([...steps.values()].map(({ final, temporary }) => temporary ?? final)),
  ];
  for (const { path, database } of saved.truth.archives) {
    const isWanted = [...steps.values()].some(({ from }) => database === null || from.database === database);
    if (!isWanted) continue;
    await runMongorestore(
      {
        connection,
        archive: saved.read(path),
        placeOf(collection) {
          const step = steps.get(nameOf(collection));
          return step === undefined ? undefined : (step.temporary ?? step.final);
        },
        words,
        oplog: take,
      },
      context,
    );
  }
}

/** mongorestore passes over names that go over several lines, unless they are named to it. */
function namesWithLines(places: readonly Place[]): string[] {
  const named = places.map((place) => nameOf(place)).filter((name) => name.includes('\n'));
  if (named.length === 0) return [];
  return ['*', ...named.map((name) => name.replaceAll(/[\\*]/g, '\\$&'))].map((name) => `--nsInclude=${name}`);
}

async function createIndexes(client: MongoClient, steps: readonly LoadStep[]): Promise<void> {
  const { BSON } = await import('mongodb');
  for (const { from, final, temporary } of steps) {
    const { database, collection } = temporary ?? final;
    for (const index of from.indexes) {
      const { key, ...options } = BSON.EJSON.parse(JSON.stringify(index)) as { key: Record<string, 1>; name: string };
      if (options.name !== '_id_') await client.db(database).collection(collection).createIndex(key, options, {});
    }
  }
}

/** @throws {CoffreError} SOURCE_VERIFY_FAILED */
async function proveLoaded(server: MongodbServer, steps: readonly LoadStep[]): Promise<void> {
  const loaded = steps.filter(({ from }) => from.type !== 'view');
  const expected = loaded.map(({ from, final, temporary }) => ({ ...from, ...(temporary ?? final) }));
  const wanted = new Set(expected.map(nameOf));
  const databases = [...new Set(expected.map(({ database }) => database))];
  const found = await truthOfDatabases(server, databases, (one) => wanted.has(nameOf(one)));
  const differences = [
    ...compareCollections(expected, found, { schema: true, counts: true }),
    ...(await validateCollections(server, found)),
  ];
  if (differences.length === 0) return;
  const names = loaded.map(({ from, final, temporary }) => [nameOf(temporary ?? final), nameOf(from)] as const);
  const said = differences.slice(0, 5).map((line) => {
    const [there = '', saved = ''] = names.find(([name]) => line.startsWith(`${name} `)) ?? [];
    return saved + line.slice(there.length);
  });
  throw new CoffreError('SOURCE_VERIFY_FAILED', `what was loaded is not what was saved: ${said.join('; ')}`, {
    hint: 'It was taken away again. Try an earlier snapshot, or a server of the version that was saved.',
  });
}

/** @returns what is aside now */
async function publish(
  client: MongoClient,
  { steps, token }: { readonly steps: readonly LoadStep[]; readonly token: string },
  present: Present,
  undo: Undo,
): Promise<Place[]> {
  const replaced: Place[] = [];
  for (const [number, { from, final, temporary }] of steps.entries()) {
    const database = client.db(final.database);
    const there = present.get(final.database)?.get(final.collection);
    if (there?.type === 'view') {
      await database.dropCollection(final.collection);
      undo.remember(async (again) => await createView(again, final, there));
    } else if (there !== undefined) {
      const aside = { database: final.database, collection: asideName(token, number) };
      await rename(client, final, aside);
      undo.remember(async (again) => await rename(again, aside, final));
      replaced.push(aside);
    }
    if (temporary !== undefined) {
      await rename(client, temporary, final);
      undo.remember(async (again) => await rename(again, final, temporary));
    } else if (from.type === 'view') {
      await createView(client, final, from);
      undo.remember(async (again) => await drop(again, final));
    }
  }
  return replaced;
}

async function rename(client: MongoClient, from: Place, to: Place): Promise<void> {
  await client.db(from.database).renameCollection(from.collection, to.collection);
}

async function createView(client: MongoClient, place: Place, { options }: CollectionTruth): Promise<void> {
  const { BSON } = await import('mongodb');
  const parsed: unknown = BSON.EJSON.parse(JSON.stringify(options));
  await client.db(place.database).command({ create: place.collection, ...(parsed as object) });
}

async function drop(client: MongoClient, { database, collection }: Place): Promise<void> {
  await dropIfThere(client.db(database), collection);
}

type UndoStep = (client: MongoClient) => Promise<void>;

/** What has to be taken back, the last first, and what was loaded so far. */
class Undo {
  readonly #request: LoadRequest;
  readonly #present: Present;
  readonly #journal: LoadJournal;
  #steps: UndoStep[] = [];
  #isOver = false;

  constructor(request: LoadRequest, present: Present, journal: LoadJournal) {
    this.#request = request;
    this.#present = present;
    this.#journal = journal;
  }

  remember(step: UndoStep): void {
    this.#steps.unshift(step);
  }

  /** Everything has its name: from here on there is nothing to take back. */
  forget(): void {
    this.#isOver = true;
  }

  /** @returns why it could not; undefined when all is as it was */
  async run(): Promise<string | undefined> {
    if (this.#isOver) return undefined;
    try {
      // A connection that no signal closes: who is interrupted still leaves things as they were.
      await using server = await openServer(this.#request.connection, new AbortController().signal);
      await this.#takeBack(server.client);
      return undefined;
    } catch (error) {
      return messageOf(error);
    }
  }

  async #takeBack(client: MongoClient): Promise<void> {
    for (const step of this.#steps) await step(client);
    const { plan, token } = this.#request;
    for (const name of plan.databases) await dropLoaded(client.db(name), token);
    for (const { from, final, temporary } of plan.steps) {
      if (temporary === undefined && from.type !== 'view') await drop(client, final);
    }
    await this.#journal.close(client);
    for (const [database, collections] of this.#present) {
      // Where there was nothing, nothing stays.
      if (collections.size > 0) continue;
      const left = await client.db(database).listCollections({}, { nameOnly: true }).toArray();
      if (left.every(({ name }) => name === 'system.js')) await client.db(database).dropDatabase();
    }
  }
}
