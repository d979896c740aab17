/** A MongoDB server, or databases of it, saved by the official tools while programs go on writing. */
import { CoffreError } from '@coffre/repository';
import type { SavedSource, SourceContext, SourceType } from '../source.ts';
import { streamFolder } from '../stream-path.ts';
import { parseTruthWith } from '../truth.ts';
import { cutLoads } from './load-journal.ts';
import { placeOf, planLoad, type LoadPlan } from './load-plan.ts';
import { makeAccounts, savedAccounts } from './load-users.ts';
import { connectionOf, type Connection } from './mongodb-address.ts';
import { dumpServer, survey, type MongodbSettings } from './mongodb-dump.ts';
import { loadCollections } from './mongodb-load.ts';
import { howToGetScratch } from './mongodb-scratch.ts';
import { openServer, truthOfDatabases } from './mongodb-server.ts';
import { checkDumpArguments, findTool } from './mongodb-tools.ts';
import { compareCollections, isOfServer, lostSince, mongodbTruth, type MongodbTruth } from './mongodb-truth.ts';
import type { Choice } from './topology.ts';
import { loadInto, scratchServer, tokenOf, verifyArchives } from './mongodb-verify.ts';

export type { MongodbSettings, MongodbTruth };

export const mongodb: SourceType<MongodbSettings, MongodbTruth> = {
  describe: (settings) => `MongoDB at ${connectionOf(settings).shown}`,

  listedPaths: ({ name }) => [streamFolder(name)],

  async preflight(settings, context, last) {
    streamFolder(settings.name);
    checkDumpArguments(settings.dumpArguments);
    findTool('mongodump', context);
    const { facts, choice, sizeBytes } = await survey(settings, context);
    const warnings = last === undefined ? [] : await lost(settings, context, last, choice);
    if (facts.replicaSet !== null && choice.kind === 'whole' && !facts.oplog.usable) {
      warnings.push(`the oplog is not saved, so collections are not of one moment: ${facts.oplog.why}`);
    }
    if (choice.kind === 'databases' && facts.accounts === 'denied') {
      warnings.push('users and roles are not saved: the user may not read them (role backup)');
    }
    warnings.push(...(await cutOff(settings, context, choice)));
    return { warnings, sizeBytes };
  },

  dump: dumpServer,

  parseTruth: parseTruthWith(mongodbTruth),

  verify: verifyArchives,

  async load(saved, target, context) {
    const { connection, databaseOf } = placeOf(target.to, target.settings, saved.truth);
    const token = tokenOf(context);
    const plan = planLoad(saved.truth.collections, { databaseOf, only: target.only, token });
    await loadCollections({ saved, connection, plan, overwrite: target.overwrite, token }, context);
    const place = `${connection.shown}: ${plan.databases.join(', ')}`;
    return target.createsOwners === true ? await withAccounts(saved, { connection, plan, place }, context) : place;
  },

  async scratch(saved, context) {
    const server = await scratchServer(saved, context);
    if (server === undefined) {
      throw new CoffreError('SOURCE_TOOL_MISSING', 'there is no server program for a restore on trial', {
        hint: `${howToGetScratch[0]?.toUpperCase()}${howToGetScratch.slice(1)}.`,
      });
    }
    try {
      await loadInto({ ...server, databaseOf: (name) => name }, saved, context);
      return { place: server.connection.uri, [Symbol.asyncDispose]: async () => await server[Symbol.asyncDispose]() };
    } catch (error) {
      await server[Symbol.asyncDispose]();
      throw error;
    }
  },

  async quickCheck(settings, context) {
    const { facts, count } = await survey(settings, context);
    const proved = [`${facts.program} ${facts.version} answers`, `${count} ${count === 1 ? 'database' : 'databases'}`];
    return { passed: ['open'], proved, differences: [] };
  },

  async present(settings, context) {
    const { facts, choice } = await survey(settings, context);
    await using server = await openServer(connectionOf(settings), context.signal);
    const databases = choice.kind === 'databases' ? choice.names : (await server.databases()).map(({ name }) => name);
    return {
      server: { program: facts.program, version: facts.version, replicaSet: facts.replicaSet },
      consistency: 'collection',
      oplog: null,
      archives: [],
      collections: await truthOfDatabases(server, databases),
    };
  },

  differences: (earlier, later) =>
    compareCollections(
      earlier.collections,
      later.collections.filter((one) => !isOfServer(one)),
      { schema: true, counts: true },
    ),
};

/** Accounts name their database, so they come where databases keep their names. */
async function withAccounts(
  saved: SavedSource<MongodbTruth>,
  { connection, plan, place }: { connection: Connection; plan: LoadPlan; place: string },
  context: SourceContext,
): Promise<string> {
  if (plan.steps.some(({ from, final }) => from.database !== final.database)) {
    context.warn('users and roles are not made: they belong to a database of the name that was saved');
    return place;
  }
  const isAll = saved.truth.archives.some(({ database }) => database === null);
  const accounts = await savedAccounts(saved, isAll ? undefined : new Set(plan.databases));
  await using server = await openServer(connection, context.signal);
  const made = await makeAccounts(server.client, accounts, connection.shown);
  return made === undefined ? place : `${place}, with ${made}`;
}

async function cutOff(settings: MongodbSettings, context: SourceContext, choice: Choice): Promise<string[]> {
  await using server = await openServer(connectionOf(settings), context.signal);
  const names = choice.kind === 'databases' ? choice.names : (await server.databases()).map(({ name }) => name);
  return await cutLoads(
    server,
    names.filter((name) => name !== 'local' && name !== 'config'),
  );
}

const lostWarningsMax = 10;

async function lost(
  settings: MongodbSettings,
  context: SourceContext,
  last: MongodbTruth,
  choice: Choice,
): Promise<string[]> {
  await using server = await openServer(connectionOf(settings), context.signal);
  const databases = choice.kind === 'databases' ? choice.names : (await server.databases()).map(({ name }) => name);
  const present = new Map<string, ReadonlyMap<string, number>>();
  const before = new Set(last.collections.filter((one) => !isOfServer(one)).map(({ database }) => database));
  for (const name of databases) if (before.has(name)) present.set(name, await server.sizes(name));
  const found = lostSince(last, present);
  const more = found.length - lostWarningsMax;
  return more > 0 ? [...found.slice(0, lostWarningsMax), `${more} more are gone or empty`] : found;
}
