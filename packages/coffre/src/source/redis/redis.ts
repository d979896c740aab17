/** A Redis or Valkey server, saved as the RDB file that it gives to replicas, as its append-only files, or both. */
import { CoffreError, databaseProfile, messageOf, toByteString, type StreamSource } from '@coffre/repository';
import { join } from 'node:path';
import { createPrivateFolder } from '../../platform/private-folder.ts';
import type { CheckStep, SourceContext, SourceType, Verification } from '../source.ts';
import { streamFolder } from '../stream-path.ts';
import { parseTruthWith } from '../truth.ts';
import { factsOf, holdAof, type HeldAof } from './redis-aof.ts';
import { connectRedis, describeAddress, type RedisAddress } from './redis-connection.ts';
import { judgeFacts, type RedisFacts, type RedisMethod } from './redis-facts.ts';
import { aofStreams, askChecker, bytesOfAll, loadedDifferences, rdbStream } from './redis-files.ts';
import { writeAof, writeRdb, type SavedRedis } from './redis-files.ts';
import { engineNames } from './redis-engine.ts';
import { loadRedis } from './redis-load.ts';
import { startScratch } from './redis-scratch.ts';
import { scanned } from '../scanned.ts';
import { RdbScan, type RdbContent } from './rdb-scan.ts';
import { compareTruths, keysIn, redisTruth, type RedisTruth } from './redis-truth.ts';

export type { RedisTruth };

export type RedisSettings = {
  /** Folder of its streams in the snapshot. */
  readonly name: string;
  readonly address: RedisAddress;
  readonly method: RedisMethod;
};

export const redis: SourceType<RedisSettings, RedisTruth> = {
  describe: ({ address }) => `Redis at ${describeAddress(address)}`,

  listedPaths: ({ name }) => [streamFolder(name)],

  async preflight({ name, address, method }, context) {
    streamFolder(name);
    const facts = await factsAt(address, context);
    return { warnings: judgeFacts(facts, method), sizeBytes: facts.usedBytes };
  },

  async dump({ name, address, method }, context) {
    await using opened = new AsyncDisposableStack();
    const facts = await factsAt(address, context);
    judgeFacts(facts, method);
    const aof = method === 'rdb' ? undefined : opened.use(await heldAof(address, context));
    let content: RdbContent | undefined;
    async function* rdb(signal: AbortSignal): AsyncGenerator<Uint8Array> {
      using connection = await connectRedis(address, AbortSignal.any([signal, context.signal]));
      const scan = new RdbScan();
      yield* scanned(scan, connection.synchronise(facts.version));
      content = scan.end();
    }
    const closing = opened.move();
    return {
      streams: [
        ...(method === 'aof'
          ? []
          : [{ path: toByteString(`${streamFolder(name)}/dump.rdb`), bytes: rdb, profile: databaseProfile }]),
        ...(aof === undefined ? [] : streamsOf(streamFolder(name), aof)),
      ],
      truth: async () => {
        if (method !== 'aof' && content === undefined) {
          throw new CoffreError('INTERNAL', 'the truth was asked for before the dump');
        }
        return truthOf(method, facts, content, aof);
      },
      [Symbol.asyncDispose]: async () => await closing.disposeAsync(),
    };
  },

  parseTruth: parseTruthWith(redisTruth),

  async verify(saved, context, steps) {
    if (steps.size === 0) return { passed: [], proved: [], differences: [] };
    try {
      return await verified(saved, context, steps);
    } catch (error) {
      if (context.signal.aborted || !(error instanceof CoffreError) || !isAboutTheFiles(error)) throw error;
      return { passed: [], proved: [], differences: [messageOf(error)] };
    }
  },

  load: loadRedis,

  async scratch(saved, context) {
    await using opened = new AsyncDisposableStack();
    const folder = opened.use(createPrivateFolder(context.temporaryFolder, bytesOfAll(saved.streams)));
    const hasRdb = rdbStream(saved) !== undefined;
    if (hasRdb) await writeRdb(saved, join(folder.path, 'dump.rdb'));
    else await writeAof(saved, folder.path);
    const server = opened.use(await startScratch(folder.path, hasRdb ? 'rdb' : 'aof', saved.truth, context));
    const closing = opened.move();
    return { place: server.socket, [Symbol.asyncDispose]: async () => await closing.disposeAsync() };
  },

  async quickCheck({ address, method }, context) {
    const facts = await factsAt(address, context);
    try {
      const warnings = judgeFacts(facts, method);
      const proved = [
        `${engineNames[facts.engine]} ${facts.version} answers`,
        `${keysIn(facts.databases)} keys`,
        ...warnings,
      ];
      return { passed: ['open'], proved, differences: [] };
    } catch (error) {
      return { passed: [], proved: [], differences: [messageOf(error)] };
    }
  },

  async present({ address, method }, context) {
    const facts = await factsAt(address, context);
    return { ...truthOf(method, facts, undefined, undefined), databases: facts.databases };
  },

  differences: compareTruths,
};

async function factsAt(address: RedisAddress, context: SourceContext): Promise<RedisFacts> {
  using connection = await connectRedis(address, context.signal);
  return await factsOf(connection);
}

async function heldAof(address: RedisAddress, context: SourceContext): Promise<HeldAof> {
  using connection = await connectRedis(address, context.signal);
  return await holdAof(connection, async (ms) => await context.clock.sleep(ms));
}

function streamsOf(folder: string, aof: HeldAof): StreamSource[] {
  const place = `${folder}/${aof.folder}`;
  return [
    ...aof.files.map(({ name, bytes }) => ({
      path: toByteString(`${place}/${name}`),
      bytes,
      profile: databaseProfile,
    })),
    { path: toByteString(`${place}/${aof.manifestName}`), bytes: Buffer.from(aof.manifestText) },
  ];
}

function truthOf(
  method: RedisMethod,
  facts: RedisFacts,
  content: RdbContent | undefined,
  aof: HeldAof | undefined,
): RedisTruth {
  return {
    engine: content?.engine ?? facts.engine,
    serverVersion: content?.serverVersion ?? facts.version,
    method,
    databases: content?.databases ?? null,
    libraries: content?.libraries ?? facts.libraries ?? null,
    rdbVersion: content?.version ?? null,
    aof:
      aof === undefined
        ? null
        : {
            folder: aof.folder,
            manifest: aof.manifestName,
            commands: aof.commands,
            databases: aof.databases ?? null,
          },
  };
}

function isAboutTheFiles({ code }: CoffreError): boolean {
  return code === 'SOURCE_INVALID' || code === 'SOURCE_VERIFY_FAILED';
}

/** The first step follows every byte and asks the server's own checkers; the others load it into a private server. */
async function verified(
  saved: SavedRedis,
  context: SourceContext,
  steps: ReadonlySet<CheckStep>,
): Promise<Verification> {
  const { truth } = saved;
  using folder = createPrivateFolder(context.temporaryFolder, bytesOfAll(saved.streams));
  const proved: string[] = [];
  const checkers: (string | undefined)[] = [];
  if (rdbStream(saved) !== undefined) {
    const path = join(folder.path, 'dump.rdb');
    const content = await writeRdb(saved, path);
    checkers.push(await askChecker('check-rdb', path, truth.engine, context));
    proved.push(content.hasChecksum ? 'RDB whole, checksum right' : 'RDB whole (the server writes no checksum)');
  }
  if (aofStreams(saved).length > 0) {
    await writeAof(saved, folder.path);
    const list = join(folder.path, truth.aof?.folder ?? '', truth.aof?.manifest ?? '');
    checkers.push(await askChecker('check-aof', list, truth.engine, context));
    proved.push('AOF whole');
  }
  proved.push(...checkers.flatMap((checker) => (checker === undefined ? [] : [`${checker} agrees`])));
  const passed: CheckStep[] = ['archive'];
  if (!['open', 'schema', 'row_counts'].some((step) => steps.has(step as CheckStep)))
    return { passed, proved, differences: [] };
  const differences = [
    ...(rdbStream(saved) === undefined ? [] : await loadedDifferences(folder.path, 'rdb', truth, context)),
    ...(aofStreams(saved).length === 0 ? [] : await loadedDifferences(folder.path, 'aof', truth, context)),
  ];
  if (differences.length > 0) return { passed: ['archive', 'open'], proved, differences };
  passed.push('open', 'schema');
  const databases = truth.aof?.databases ?? truth.databases;
  if (databases === null) proved.push('a server loads it; its keys could not be counted when it was saved');
  else {
    passed.push('row_counts');
    proved.push(
      `a server loads it: ${keysIn(databases)} keys in ${Object.keys(databases).length} databases as counted`,
    );
  }
  return { passed: passed.filter((step) => steps.has(step)), proved, differences: [] };
}
