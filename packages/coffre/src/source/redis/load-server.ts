/**
 * Saved data into a running server, all of it or nothing. Every key goes by RESTORE into a database that is empty, beside
 * the one it is for; when all are there and counted, one transaction swaps them, empties what is left over and replaces the
 * functions. Clients see the old data until then, and the new data from then on. The server needs room for both meanwhile.
 *
 * A database of ours holds a key with a name of its own as long as it is filled. So what a killed load left behind is known
 * as such, and the next load takes it away.
 */
import { CoffreError, messageOf } from '@coffre/repository';
import type { SourceContext } from '../source.ts';
import { Crc64 } from './rdb-crc64.ts';
import { RdbScan, type RdbEntry } from './rdb-scan.ts';
import { factsOf } from './redis-aof.ts';
import {
  connectRedis,
  describeAddress,
  RedisReplyError,
  type RedisAddress,
  type RedisConnection,
  type Words,
} from './redis-connection.ts';
import { createPrivateFolder } from '../../platform/private-folder.ts';
import { bytesOfAll, rdbStream, writeAof, type SavedRedis } from './redis-files.ts';
import type { RedisFacts } from './redis-facts.ts';
import { startScratch } from './redis-scratch.ts';
import { compareLoaded, databasesOf, type Databases, type RedisTruth } from './redis-truth.ts';
import { engineNames } from './redis-engine.ts';

const markKey = 'coffre:load:unfinished';
const batchBytes = 512 * 1024;
const batchCommands = 1000;

/** @returns where it is now. @throws {CoffreError} SOURCE_TARGET_REFUSED, SOURCE_VERIFY_FAILED */
export async function loadIntoServer(
  saved: SavedRedis,
  address: RedisAddress,
  only: readonly string[],
  context: SourceContext,
): Promise<string> {
  const expected = chosenDatabases(saved, only);
  using connection = await connectRedis(address, context.signal);
  const facts = await factsOf(connection);
  if (facts.mode !== 'standalone' || facts.role !== 'master') {
    throw new CoffreError(
      'SOURCE_TARGET_REFUSED',
      `the server is no standalone primary but ${facts.mode}, ${facts.role}`,
      {
        hint: 'Load into the primary. A cluster takes no whole data sets.',
      },
    );
  }
  const spares = await spareDatabases(connection, facts.databases, expected);
  try {
    const libraries = await fill(saved, connection, spares, context);
    await prove(connection, expected, spares);
    await swap(connection, spares, only.length === 0 ? { libraries, facts } : undefined);
  } catch (error) {
    await emptySpares(address, spares, context);
    throw error instanceof RedisReplyError && error.reply.includes('DUMP payload version')
      ? notItsFormat(saved.truth, facts)
      : error;
  }
  return describeAddress(address);
}

function notItsFormat(truth: RedisTruth, facts: RedisFacts): CoffreError {
  const [saved, there] = [engineNames[truth.engine], engineNames[facts.engine]];
  return new CoffreError(
    'SOURCE_TARGET_REFUSED',
    `the server is ${there} ${facts.version}, which does not take what ${saved} ${truth.serverVersion} saved`,
    {
      hint: `Load it into ${saved} of that version or newer. The server holds what it held.`,
    },
  );
}

function chosenDatabases(saved: SavedRedis, only: readonly string[]): Databases {
  const all = databasesOf(saved.truth);
  if (all === undefined) {
    throw new CoffreError('SOURCE_TARGET_REFUSED', 'its keys could not be counted when it was saved', {
      hint: 'Load it into the folder of a stopped server: --target FOLDER.',
    });
  }
  const names = only.map((name) => name.replace(/^db/, ''));
  const missing = names.find((name) => !(name in all));
  if (missing !== undefined) {
    throw new CoffreError('PATH_NOT_IN_SNAPSHOT', `no database ${JSON.stringify(missing)} was saved`, {
      hint: `Saved were: ${Object.keys(all).join(', ') || 'none'}.`,
    });
  }
  return Object.fromEntries(Object.entries(all).filter(([name]) => names.length === 0 || names.includes(name)));
}

/** Database of the data -> empty one beside it. */
type Spares = ReadonlyMap<number, number>;

async function spareDatabases(connection: RedisConnection, used: Databases, expected: Databases): Promise<Spares> {
  const spares = new Map<number, number>();
  const wanted = Object.keys(expected).map(Number);
  for (let spare = await databaseCount(connection, wanted); spares.size < wanted.length;) {
    spare -= 1;
    if (spare < 0) {
      throw new CoffreError(
        'SOURCE_TARGET_REFUSED',
        `the server has not ${wanted.length} more databases that are empty`,
        {
          hint: 'Raise `databases` in its configuration, or stop it and load into its folder.',
        },
      );
    }
    if (wanted.includes(spare) || !(await isFree(connection, spare, used))) continue;
    spares.set(wanted[spares.size]!, spare);
  }
  for (const spare of spares.values()) {
    await connection.askAll([
      ['SELECT', String(spare)],
      ['SET', markKey, 'filled by coffre'],
    ]);
  }
  return spares;
}

async function databaseCount(connection: RedisConnection, wanted: readonly number[]): Promise<number> {
  const reply = await connection.ask(['CONFIG', 'GET', 'databases']);
  const [, count] = Array.isArray(reply) ? (reply as readonly unknown[]) : [];
  const databases = Number(String(count));
  const highest = wanted.find((database) => database >= databases);
  if (highest === undefined) return databases;
  throw new CoffreError('SOURCE_TARGET_REFUSED', `the server has no database ${highest}, only ${databases}`, {
    hint: 'Raise `databases` in its configuration.',
  });
}

/** Empty, or filled by a load that did not come to its end. */
async function isFree(connection: RedisConnection, database: number, used: Databases): Promise<boolean> {
  if ((used[String(database)]?.keys ?? 0) === 0) return true;
  await connection.ask(['SELECT', String(database)]);
  if ((await connection.ask(['EXISTS', markKey])) !== 1) return false;
  await connection.ask(['FLUSHDB']);
  return true;
}

/** @returns the libraries, as FUNCTION RESTORE takes them */
async function fill(
  saved: SavedRedis,
  connection: RedisConnection,
  spares: Spares,
  context: SourceContext,
): Promise<Buffer | undefined> {
  const libraries: Buffer[] = [];
  let entries: RdbEntry[] = [];
  const scan = new RdbScan((entry) => entries.push(entry));
  const nowMs = context.clock.nowNs() / 1_000_000n;
  const batch = new Batch(connection);
  for await (const part of rdbOf(saved, context)) {
    scan.push(part);
    for (const entry of entries) {
      if (entry.kind === 'library') {
        libraries.push(entry.value);
        continue;
      }
      const spare = spares.get(entry.database);
      if (spare === undefined || (entry.expiresAtMs !== undefined && entry.expiresAtMs <= nowMs)) continue;
      await batch.add(spare, [
        'RESTORE',
        entry.key,
        String(entry.expiresAtMs ?? 0n),
        dumpPayload(entry.value, scan.version),
        'REPLACE',
        'ABSTTL',
      ]);
    }
    entries = [];
  }
  await batch.end();
  scan.end();
  return libraries.length === 0 ? undefined : dumpPayload(Buffer.concat(libraries), scan.version);
}

/** An AOF becomes an RDB file in a private server, which gives it to us as to a replica. */
async function* rdbOf(saved: SavedRedis, context: SourceContext): AsyncGenerator<Uint8Array> {
  const stream = rdbStream(saved);
  if (stream !== undefined && saved.truth.aof === null) {
    yield* saved.read(stream.path);
    return;
  }
  using folder = createPrivateFolder(context.temporaryFolder, bytesOfAll(saved.streams));
  await writeAof(saved, folder.path);
  await using scratch = await startScratch(folder.path, 'aof', saved.truth, context);
  using connection = await connectRedis(scratch.address, context.signal);
  yield* connection.synchronise(scratch.facts.version);
}

/** What DUMP gives: type and value, the version of the format, a checksum over both. */
function dumpPayload(value: Buffer, version: number): Buffer {
  const body = Buffer.concat([value, Buffer.of(version & 255, version >> 8)]);
  const crc = new Crc64();
  crc.update(body);
  return Buffer.concat([body, crc.digest()]);
}

class Batch {
  readonly #connection: RedisConnection;
  #commands: Words[] = [];
  #sizeBytes = 0;
  #database: number | undefined;

  constructor(connection: RedisConnection) {
    this.#connection = connection;
  }

  async add(database: number, words: Words): Promise<void> {
    if (database !== this.#database) this.#commands.push(['SELECT', String(database)]);
    this.#database = database;
    this.#commands.push(words);
    this.#sizeBytes += words.reduce((sum, word) => sum + word.length, 0);
    if (this.#sizeBytes >= batchBytes || this.#commands.length >= batchCommands) await this.end();
  }

  async end(): Promise<void> {
    if (this.#commands.length > 0) await this.#connection.askAll(this.#commands);
    this.#commands = [];
    this.#sizeBytes = 0;
  }
}

async function prove(connection: RedisConnection, expected: Databases, spares: Spares): Promise<void> {
  const found: Record<string, { keys: number; expires: number }> = {};
  for (const [database, spare] of spares) {
    await connection.ask(['SELECT', String(spare)]);
    found[String(database)] = { keys: Number(await connection.ask(['DBSIZE'])) - 1, expires: 0 };
  }
  const differences = compareLoaded(expected, found);
  if (differences.length === 0) return;
  throw new CoffreError('SOURCE_VERIFY_FAILED', `what arrived is not what was saved: ${differences.join('; ')}`, {
    hint: 'The server holds what it held. Does its maxmemory remove keys?',
  });
}

type Rest = { readonly libraries: Buffer | undefined; readonly facts: RedisFacts };

/** One transaction: nobody sees a part of it, and it is done whole or not at all. */
async function swap(connection: RedisConnection, spares: Spares, rest: Rest | undefined): Promise<void> {
  const commands: Words[] = [['MULTI']];
  for (const [database, spare] of spares) {
    commands.push(
      ['SWAPDB', String(database), String(spare)],
      ['SELECT', String(spare)],
      ['FLUSHDB', 'ASYNC'],
      ['SELECT', String(database)],
      ['DEL', markKey],
    );
  }
  for (const name of Object.keys(rest?.facts.databases ?? {})) {
    const isOurs = spares.has(Number(name)) || [...spares.values()].includes(Number(name));
    if (!isOurs) commands.push(['SELECT', name], ['FLUSHDB', 'ASYNC']);
  }
  if (rest?.libraries !== undefined) commands.push(['FUNCTION', 'RESTORE', rest.libraries, 'FLUSH']);
  else if ((rest?.facts.libraries ?? 0) > 0) commands.push(['FUNCTION', 'FLUSH']);
  commands.push(['EXEC']);
  await connection.askAll(commands);
}

/** On a connection of its own: the other may be what failed. */
async function emptySpares(address: RedisAddress, spares: Spares, context: SourceContext): Promise<void> {
  try {
    using connection = await connectRedis(address, AbortSignal.timeout(10_000));
    for (const spare of spares.values()) {
      await connection.ask(['SELECT', String(spare)]);
      if ((await connection.ask(['EXISTS', markKey])) === 1) await connection.ask(['FLUSHDB']);
    }
  } catch (error) {
    context.warn(
      `the databases ${[...spares.values()].join(', ')} of the server hold keys of a load that failed; the next load empties them: ${messageOf(error)}`,
    );
  }
}
