/** A Redis of its own on a socket and a free port of loopback, data in a temporary folder; stopped and removed at its end. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isCoffreError } from '@coffre/repository';
import {
  connectRedis,
  type RedisAddress,
  type RedisConnection,
} from '../../packages/coffre/src/source/redis/redis-connection.ts';
import { freePort } from './free-port.ts';
import { findService } from './programs.ts';
import { startService, type ServiceProcess } from './service-process.ts';

export type RedisServer = AsyncDisposable & {
  readonly address: RedisAddress;
  readonly port: number;
  readonly data: string;
  process(): ServiceProcess;
  connect(as?: { readonly password: string }): Promise<RedisConnection>;
  stop(): Promise<void>;
  start(): Promise<void>;
};

/** @param words settings, as on the command line; later ones win */
export async function startRedis(...words: readonly string[]): Promise<RedisServer> {
  const program = findService('redis-server');
  if (program === undefined) throw new Error('redis-server is not installed');
  return await startRedisProgram(program, ...words);
}

/** Of any version, and Valkey as well. */
export async function startRedisProgram(program: string, ...words: readonly string[]): Promise<RedisServer> {
  const folder = mkdtempSync(join(tmpdir(), 'coffre-redis-'));
  const data = join(folder, 'data');
  mkdirSync(data);
  const port = await freePort();
  const socket = join(folder, 'socket');
  let running: ServiceProcess | undefined;
  const start = async (): Promise<void> => {
    const usual = [
      '--save',
      '',
      '--appendfsync',
      'no',
      '--repl-diskless-sync-delay',
      '0',
      '--dir',
      data,
      '--enable-debug-command',
      'local',
    ];
    running = await startService({
      program,
      argv: ['--bind', '127.0.0.1', '--port', String(port), '--unixsocket', socket, ...usual, ...words],
      place: { path: socket },
    });
  };
  const stop = async (): Promise<void> => {
    await running?.stop();
    running = undefined;
  };
  const end = async (): Promise<void> => {
    await running?.kill();
    rmSync(folder, { recursive: true, force: true });
  };
  const address: RedisAddress = {
    place: { kind: 'socket', path: socket },
    user: undefined,
    password: undefined,
    tls: undefined,
  };
  try {
    await start();
  } catch (error) {
    await end();
    throw error;
  }
  return {
    address,
    port,
    data,
    start,
    stop,
    process: () => {
      if (running === undefined) throw new Error('it is stopped');
      return running;
    },
    async connect(as) {
      for (;;) {
        try {
          return await connectRedis({ ...address, ...as }, new AbortController().signal);
        } catch (error) {
          // It accepts connections before it has loaded its data.
          if (!isCoffreError(error, 'SOURCE_BUSY')) throw error;
        }
      }
    },
    [Symbol.asyncDispose]: end,
  };
}

/** Every type in small and large, in several databases, with expiries, hostile names and a library of functions. */
export async function fillRedis(connection: RedisConnection): Promise<void> {
  const many = Array.from({ length: 700 }, (_, at) => `item ${at} ${'x'.repeat(at % 90)}`);
  for (const database of ['0', '3', '15']) {
    await connection.askAll([
      ['SELECT', database],
      ['SET', `it's "quoted" $(id) \n -rf`, 'v'],
      ['SET', Buffer.from([0, 255, 13, 10, 42]), Buffer.from([0, 1, 2, 255])],
      ['SET', '12345', '-7'],
      ['SET', 'k'.repeat(5000), 'compressed '.repeat(20_000)],
      ['SET', '', 'no name'],
      ['SET', 'number', '70000'],
      ['SET', 'big number', '-9000000000000'],
      ['RPUSH', 'list', 'a', 'b'],
      ['RPUSH', 'long list', ...many],
      ['SADD', 'numbers', '1', '2', '70000'],
      ['SADD', 'set', ...many],
      ['HSET', 'hash', 'a', '1', 'b', '2'],
      ['HSET', 'large hash', ...many.flatMap((item) => [item, 'value'])],
      ['ZADD', 'scores', '1.5', 'a', '-inf', 'b'],
      ['ZADD', 'many scores', ...many.flatMap((item, at) => [String(at / 3), item])],
      ['PFADD', 'visitors', ...many],
      ['GEOADD', 'places', '6.13', '45.9', 'Annecy'],
      ['SETBIT', 'bits', '100000', '1'],
      ['SET', 'for an hour', 'x', 'EX', '3600'],
      ['HSET', 'hash for an hour', 'a', 'b'],
      ['PEXPIRE', 'hash for an hour', '3600000'],
    ]);
    await fillStream(connection);
  }
  await connection.ask([
    'FUNCTION',
    'LOAD',
    'REPLACE',
    `#!lua name=shop\nredis.register_function('${'total_'.repeat(30)}', function(keys, args) return 1 end)`,
  ]);
}

async function fillStream(connection: RedisConnection): Promise<void> {
  const messages = Array.from({ length: 300 }, (_, at) => ['XADD', 'stream', '*', 'field', `value ${at}`, 'more', 'x']);
  await connection.askAll([
    ...messages,
    ['XGROUP', 'CREATE', 'stream', 'readers', '0'],
    ['XGROUP', 'CREATE', 'stream', 'idle', '$'],
    ['XREADGROUP', 'GROUP', 'readers', 'ann', 'COUNT', '150', 'STREAMS', 'stream', '>'],
    ['XREADGROUP', 'GROUP', 'readers', 'bob', 'COUNT', '20', 'STREAMS', 'stream', '>'],
    ['XDEL', 'stream', '0-1'],
  ]);
}

/** What every key holds, as a digest that knows no order where a type has none, by database and name. */
export async function contentOfRedis(connection: RedisConnection): Promise<Map<string, string>> {
  const content = new Map<string, string>();
  for (let database = 0; database < 16; database += 1) {
    await connection.ask(['SELECT', String(database)]);
    const keys = (await connection.ask(['KEYS', '*'])) as readonly Buffer[];
    for (const key of keys) {
      const [digest] = (await connection.ask(['DEBUG', 'DIGEST-VALUE', key])) as readonly unknown[];
      const expiry = await connection.ask(['PEXPIRETIME', key]);
      content.set(`${database} ${key.toString('latin1')} ${String(expiry)}`, String(digest));
    }
  }
  return content;
}
