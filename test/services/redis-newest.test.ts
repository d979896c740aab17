/** Redis 8 and Valkey 9 as sources, which since 7.2 each write files of their own: what only they have comes back too. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, describe, test } from 'node:test';
import { isCoffreError, systemClock } from '@coffre/repository';
import type { RedisConnection } from '../../packages/coffre/src/source/redis/redis-connection.ts';
import type { RedisEngine } from '../../packages/coffre/src/source/redis/redis-engine.ts';
import { RdbScan } from '../../packages/coffre/src/source/redis/rdb-scan.ts';
import { redis, type RedisSettings } from '../../packages/coffre/src/source/redis/redis.ts';
import type { SourceContext } from '../../packages/coffre/src/source/source.ts';
import { bytesOf, contextIn, everyStep, saveInMemory } from '../../packages/coffre/src/source/testing/saved.ts';
import { contentOfRedis, fillRedis, startRedis, startRedisProgram, type RedisServer } from './redis.ts';
import { skipWithoutService } from './programs.ts';
import { findServer, skipWithoutServer } from './servers.ts';

const scratch = mkdtempSync(join(tmpdir(), 'coffre-redis-newest-'));
after(() => rmSync(scratch, { recursive: true, force: true }));

const socketOf = ({ address }: RedisServer): string => `unix://${(address.place as { path: string }).path}`;
const settingsFor = ({ address }: RedisServer, method: RedisSettings['method']): RedisSettings => ({
  name: 'cache',
  address,
  method,
});

/** What Redis 7.0 does not know: fields that expire, in small and large hashes, and vectors, of Redis. */
async function fillNew(connection: RedisConnection, engine: RedisEngine, soonMs: number): Promise<void> {
  const fields = Array.from({ length: 600 }, (_, at) => `field ${at} ${'x'.repeat(at % 90)}`);
  await connection.askAll([
    ['SELECT', '3'],
    ['HSET', 'session', 'user', 'ann', 'token', 'secret'],
    ['HEXPIRE', 'session', '3600', 'FIELDS', '1', 'token'],
    ['HSET', 'sessions', ...fields.flatMap((field) => [field, 'value'])],
    ['HEXPIRE', 'sessions', '7200', 'FIELDS', '300', ...fields.slice(0, 300)],
    ['HSET', 'soon', 'a', '1'],
    ['HPEXPIRE', 'soon', String(soonMs), 'FIELDS', '1', 'a'],
  ]);
  if (engine === 'valkey') return;
  for (let at = 0; at < 50; at += 1) {
    const numbers = ['0.5', String(at / 7), `-${at}`];
    await connection.ask(['VADD', 'vectors', 'VALUES', '3', ...numbers, `item ${at}`, 'SETATTR', `{"at":${at}}`]);
  }
}

async function newContentOf(connection: RedisConnection, engine: RedisEngine): Promise<unknown> {
  const [, session, sessions, ...vectors] = await connection.askAll([
    ['SELECT', '3'],
    ['HPEXPIRETIME', 'session', 'FIELDS', '2', 'user', 'token'],
    ['HPEXPIRETIME', 'sessions', 'FIELDS', '2', 'field 0 ', 'field 599 ' + 'x'.repeat(599 % 90)],
    ...(engine === 'valkey'
      ? []
      : [
          ['VCARD', 'vectors'],
          ['VEMB', 'vectors', 'item 7'],
          ['VGETATTR', 'vectors', 'item 49'],
        ]),
  ]);
  return { session, sessions, vectors };
}

/** A hash whose last field expired is gone when the server comes round to it, which on a busy machine is later. */
function lasting(content: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  return new Map([...content].filter(([key]) => key !== '3 soon -1'));
}

for (const engine of ['redis', 'valkey'] as const) {
  const program = `usr/bin/${engine}-server`;
  describe(`the newest ${engine}`, { skip: skipWithoutServer('redis-newest', program) }, () => {
    const path = findServer('redis-newest', program) ?? '';
    const context = (): SourceContext => ({ ...contextIn(scratch), searchPath: `${dirname(path)}:/usr/bin` });
    const start = async (...words: readonly string[]): Promise<RedisServer> => await startRedisProgram(path, ...words);

    for (const [method, words] of [
      ['both', []],
      ['rdb', ['--repl-diskless-sync', 'no', '--dual-channel-replication-enabled', 'yes']],
    ] as const) {
      test(`${method}: what only it has comes back, into a folder and into a running server`, async () => {
        const known = engine === 'valkey' ? words : words.slice(0, 2);
        await using server = await start('--appendonly', method === 'both' ? 'yes' : 'no', ...known);
        using connection = await server.connect();
        await fillRedis(connection);
        await fillNew(connection, engine, 300);
        if (method === 'both') await connection.ask(['BGREWRITEAOF']);
        const saved = await saveInMemory(redis, settingsFor(server, method), context());
        // The hash that loses its last field meanwhile is no difference.
        await systemClock().sleep(400);
        const expected = lasting(await contentOfRedis(connection));
        assert.equal(saved.truth.engine, engine);
        const { differences, passed, proved } = await redis.verify(saved, context(), everyStep);
        assert.deepEqual([differences, passed.length], [[], 4]);
        assert.match(proved.join(), new RegExp(`${engine}-check-rdb agrees`));
        assert.deepEqual(redis.differences(saved.truth, saved.truth), []);
        const now = await redis.present(settingsFor(server, method), context());
        assert.doesNotMatch(redis.differences(saved.truth, now).join(), /the server is/);
        await using other = await start('--appendonly', 'yes');
        // Over its own AOF, which begins with the same numbers.
        await other.stop();
        const target = { to: other.data, overwrite: true, only: [], settings: undefined };
        await redis.load(saved, target, context());
        await other.start();
        using reader = await other.connect();
        assert.deepEqual(lasting(await contentOfRedis(reader)), expected);
        const fresh = await newContentOf(connection, engine);
        assert.deepEqual(await newContentOf(reader, engine), fresh);
        await using third = await start();
        await redis.load(saved, { ...target, to: socketOf(third) }, context());
        using last = await third.connect();
        assert.deepEqual(lasting(await contentOfRedis(last)), expected);
        assert.deepEqual(await newContentOf(last, engine), fresh);
      });
    }

    test('cut off anywhere, or with one byte changed, it is never taken for whole', async () => {
      await using server = await start();
      using connection = await server.connect();
      await fillNew(connection, engine, 3_600_000);
      const { contents, truth } = await saveInMemory(redis, settingsFor(server, 'rdb'), context());
      const [rdb = Buffer.alloc(0)] = contents.values();
      assert.equal(truth.databases?.['3']?.keys, engine === 'redis' ? 4 : 3);
      const isWhole = (bytes: Uint8Array): boolean => {
        const scan = new RdbScan();
        try {
          for (let at = 0; at < bytes.length; at += 4096) scan.push(bytes.subarray(at, at + 4096));
          scan.end();
          return true;
        } catch {
          return false;
        }
      };
      assert.equal(isWhole(rdb), true);
      for (let cut = 0; cut < rdb.length; cut += 1 + Math.floor(rdb.length / 200)) {
        const bent = Buffer.from(rdb);
        bent[cut]! ^= 0x10;
        assert.deepEqual([isWhole(rdb.subarray(0, cut)), isWhole(bent)], [false, false], `at ${cut}`);
      }
    });

    test('a server of a cluster is refused: it holds a part', async () => {
      await using server = await start('--cluster-enabled', 'yes');
      const refused = redis.preflight(settingsFor(server, 'rdb'), context(), undefined);
      await assert.rejects(refused, /a server in cluster mode holds only a part/);
    });

    test('a server that dies in mid-stream leaves an error, never an end', async () => {
      await using server = await start('--rdb-key-save-delay', '2000');
      using connection = await server.connect();
      for (let at = 0; at < 300; at += 1) await connection.ask(['SET', `key ${at}`, Buffer.alloc(20_000, at)]);
      await using dump = await redis.dump(settingsFor(server, 'rdb'), context());
      const kill = (): boolean => process.kill(server.process().pid, 'SIGKILL');
      await assert.rejects(bytesOf(dump.streams[0], kill), /does not answer/);
      await assert.rejects(async () => await dump.truth([]), /before the dump/);
    });

    test(
      'an older server takes none of it and keeps its own',
      { skip: skipWithoutService('redis-server') },
      async () => {
        await using server = await start();
        using connection = await server.connect();
        await fillNew(connection, engine, 3_600_000);
        const saved = await saveInMemory(redis, settingsFor(server, 'rdb'), context());
        const old: SourceContext = { ...contextIn(scratch), searchPath: '/usr/bin:/usr/sbin' };
        assert.deepEqual((await redis.verify(saved, old, new Set(['archive']))).passed, ['archive']);
        await assert.rejects(redis.verify(saved, old, everyStep), (error) =>
          isCoffreError(error, 'SOURCE_TOOL_MISSING'),
        );
        await using older = await startRedis();
        using reader = await older.connect();
        await reader.ask(['SET', 'own', 'x']);
        const target = { to: socketOf(older), overwrite: true, only: [], settings: undefined };
        await assert.rejects(redis.load(saved, target, old), /the server is Redis 7\S+, which does not take what/);
        assert.deepEqual([...(await contentOfRedis(reader)).keys()], ['0 own -1']);
        const warnings: string[] = [];
        const folder = join(scratch, `older-${engine}`);
        await redis.load(saved, { ...target, to: folder }, { ...old, warn: (line) => warnings.push(line) });
        assert.match(warnings.join(), /was not opened before/);
      },
    );
  });
}
