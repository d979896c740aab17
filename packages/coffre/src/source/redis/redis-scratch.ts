/** A private server that loads saved files: on a socket in a private folder, without a port, and gone with its user. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CoffreError, isCoffreError, messageOf } from '@coffre/repository';
import { findProgram } from '../../platform/find-program.ts';
import { createPrivateFolder } from '../../platform/private-folder.ts';
import type { SourceContext } from '../source.ts';
import { connectRedis, type RedisAddress } from './redis-connection.ts';
import { isOfEngine, programsOf, type RedisEngine } from './redis-engine.ts';
import { parseFacts, type RedisFacts } from './redis-facts.ts';
import { aofNames, type AofNames, type RedisTruth } from './redis-truth.ts';

export type RedisScratch = AsyncDisposable & {
  readonly address: RedisAddress;
  readonly socket: string;
  /** Right after loading. */
  readonly facts: RedisFacts;
};

const pauseMs = 20;
/** Of addresses of sockets, less the name. */
const pathBytesMax = 90;
const dayMs = 24 * 3_600_000;

/**
 * @param folder holds `dump.rdb`, which is not written, or the folder of an AOF, which is
 * @throws {CoffreError} SOURCE_VERIFY_FAILED when the server does not load it; SOURCE_TOOL_MISSING when none here can
 */
export async function startScratch(
  folder: string,
  what: 'rdb' | 'aof',
  truth: RedisTruth,
  context: SourceContext,
): Promise<RedisScratch> {
  const { engine } = truth;
  let failure: CoffreError | undefined;
  for (const name of programsOf(engine, 'server')) {
    const server = findProgram(name, context.searchPath);
    if (server === undefined) continue;
    try {
      return await started(server, folder, what === 'aof' ? aofNames(truth) : undefined, context);
    } catch (error) {
      if (isCoffreError(error, 'SOURCE_TOOL_MISSING')) failure ??= error;
      // What the other kind does not load may be sound.
      else if (!isCoffreError(error, 'SOURCE_VERIFY_FAILED') || isOfEngine(name, engine)) throw error;
    }
  }
  throw failure ?? noServer(engine);
}

async function started(
  server: string,
  folder: string,
  aof: AofNames | undefined,
  context: SourceContext,
): Promise<RedisScratch> {
  await using opened = new AsyncDisposableStack();
  const own = opened.use(createPrivateFolder(context.temporaryFolder, 0));
  if (Buffer.byteLength(own.path) > pathBytesMax) {
    throw new CoffreError('USAGE', `${own.path} is too long for the address of a socket`, {
      hint: 'Point TMPDIR at a folder with a shorter name.',
    });
  }
  const socket = join(own.path, 'redis.sock');
  const settings = join(own.path, 'redis.conf');
  writeFileSync(settings, settingsText(folder, socket, aof), { mode: 0o600 });
  const left = new AbortController();
  const words: string[] = [];
  let ended = false;
  const running = consume(
    context.programs.output({
      argv: [...diesWithUs(context.searchPath), server, settings],
      workingFolder: folder,
      timeoutMs: dayMs,
      signal: AbortSignal.any([context.signal, left.signal]),
    }),
    words,
  ).finally(() => (ended = true));
  opened.defer(async () => {
    left.abort();
    await running;
  });
  const address: RedisAddress = {
    place: { kind: 'socket', path: socket },
    user: undefined,
    password: undefined,
    tls: undefined,
  };
  for (;;) {
    context.signal.throwIfAborted();
    if (ended) throw notLoaded(words, await running);
    const facts = await factsWhenReady(address, context.signal);
    if (facts !== undefined) {
      const closing = opened.move();
      return { address, socket, facts, [Symbol.asyncDispose]: async () => await closing.disposeAsync() };
    }
    await context.clock.sleep(pauseMs);
  }
}

function noServer(engine: RedisEngine): CoffreError {
  const name = `${engine}-server`;
  return new CoffreError('SOURCE_TOOL_MISSING', `there is no ${name}, which opens what was saved`, {
    hint: `Install the package ${name}; it need not run. Without it, \`archive\` and \`hash\` can be proved.`,
  });
}

async function factsWhenReady(address: RedisAddress, signal: AbortSignal): Promise<RedisFacts | undefined> {
  try {
    using connection = await connectRedis(address, signal);
    const facts = parseFacts(await connection.askText(['INFO']));
    return facts.isLoading ? undefined : facts;
  } catch (error) {
    if (!signal.aborted && (isCoffreError(error, 'SOURCE_UNREACHABLE') || isCoffreError(error, 'SOURCE_BUSY'))) {
      return undefined;
    }
    throw error;
  }
}

/** Nothing of the network, of other files, of scripts from outside; every value is looked through as it is loaded. */
function settingsText(folder: string, socket: string, aof: AofNames | undefined): string {
  const lines: [string, string][] = [
    ['port', '0'],
    ['unixsocket', socket],
    ['unixsocketperm', '700'],
    ['dir', folder],
    ['dbfilename', 'dump.rdb'],
    ['save', ''],
    ['databases', '16384'],
    ['daemonize', 'no'],
    // Nobody else waits for the data.
    ['repl-diskless-sync-delay', '0'],
    ['sanitize-dump-payload', 'yes'],
    ['appendonly', aof === undefined ? 'no' : 'yes'],
    ...(aof === undefined
      ? []
      : ([
          ['appenddirname', aof.folder],
          ['appendfilename', aof.filename],
          ['aof-load-truncated', 'no'],
          ['auto-aof-rewrite-percentage', '0'],
        ] as [string, string][])),
  ];
  return lines.map(([name, value]) => `${name} ${JSON.stringify(value)}\n`).join('');
}

/** A server that outlives a killed parent would go on for ever. */
function diesWithUs(searchPath: string): string[] {
  const setpriv = findProgram('setpriv', searchPath);
  return setpriv === undefined ? [] : [setpriv, '--pdeathsig', 'KILL'];
}

/** @returns why it ended */
async function consume(output: AsyncIterable<Uint8Array>, words: string[]): Promise<string> {
  try {
    for await (const part of output) {
      words.push(Buffer.from(part).toString('utf8'));
      if (words.length > 50) words.shift();
    }
    return 'it ended';
  } catch (error) {
    return messageOf(error);
  }
}

/** Of a newer server, of the other kind, or of a module: it says nothing of what was saved. */
export function isForeign(output: string): boolean {
  return /Can't handle RDB format version|Wrong signature|no matching module type|can't load.*module/i.test(output);
}

function notLoaded(words: readonly string[], why: string): CoffreError {
  const output = words.join('');
  if (isForeign(output)) {
    return new CoffreError(
      'SOURCE_TOOL_MISSING',
      'the server program here is older than the one saved, of another kind, or lacks its modules',
      {
        hint: 'Install the version that was saved, or a newer one (Redis for Redis, Valkey for Valkey), with the same modules. What is saved may well be sound.',
      },
    );
  }
  const lines = output.split('\n');
  const said = lines
    .filter((line) => / # |FATAL|error|Error/.test(line))
    .map((line) => line.replace(/^\d+:\w \d+ \w+ \d+ [\d:.]+ [#*.-] /, '').trim())
    .slice(-3);
  return new CoffreError(
    'SOURCE_VERIFY_FAILED',
    `a server does not load it: ${said.length > 0 ? said.join('; ') : why}`,
    {
      hint: 'Try an earlier snapshot; `coffre verify --hashes-only` says whether every byte is as it was saved.',
    },
  );
}
