/** Redis as a source, against a real server: everything comes back, at one moment, or nothing does. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { systemClock } from '@coffre/repository';
import { Crc64 } from '../../packages/coffre/src/source/redis/rdb-crc64.ts';
import { RdbScan } from '../../packages/coffre/src/source/redis/rdb-scan.ts';
import { connectRedis } from '../../packages/coffre/src/source/redis/redis-connection.ts';
import { redis, type RedisSettings } from '../../packages/coffre/src/source/redis/redis.ts';
import type { RedisTruth } from '../../packages/coffre/src/source/redis/redis-truth.ts';
import type { SavedSource, SourceContext } from '../../packages/coffre/src/source/source.ts';
import {
  bytesOf,
  contextIn,
  everyStep,
  savedAs,
  saveInMemory,
  type InMemory,
} from '../../packages/coffre/src/source/testing/saved.ts';
import { makeCertificates } from './certificates.ts';
import { freePort } from './free-port.ts';
import { skipWithoutService } from './programs.ts';
import { contentOfRedis, fillRedis, startRedis, type RedisServer } from './redis.ts';

const scratch = mkdtempSync(join(tmpdir(), 'coffre-redis-source-'));
after(() => rmSync(scratch, { recursive: true, force: true }));

const context = (signal?: AbortSignal): SourceContext => contextIn(scratch, signal);
const save = async (settings: RedisSettings, beside?: () => Promise<void>): Promise<InMemory<RedisTruth>> =>
  await saveInMemory(redis, settings, context(), beside);
const savedWith = (truth: RedisTruth, contents: ReadonlyMap<string, Buffer>): InMemory<RedisTruth> =>
  savedAs(redis, 'cache', truth, contents);

function settingsFor({ address }: RedisServer, method: RedisSettings['method']): RedisSettings {
  return { name: 'cache', address, method };
}

describe('redis', { skip: skipWithoutService('redis-server') }, () => {
  for (const method of ['rdb', 'aof', 'both'] as const) {
    test(`${method}: every type, database, expiry and function comes back into a folder, whatever appendonly says`, async () => {
      await using server = await startRedis('--appendonly', method === 'rdb' ? 'no' : 'yes');
      using connection = await server.connect();
      await fillRedis(connection);
      if (method !== 'rdb') await connection.ask(['BGREWRITEAOF']);
      const expected = await contentOfRedis(connection);
      const saved = await save(settingsFor(server, method));
      const verified = await redis.verify(saved, context(), everyStep);
      assert.deepEqual(verified.differences, []);
      assert.deepEqual(verified.passed, ['archive', 'open', 'schema', 'row_counts']);
      assert.match(verified.proved.join(), /agrees.*63 keys in 3 databases as counted/);
      for (const appendonly of method === 'aof' ? ['yes'] : ['yes', 'no']) {
        await using other = await startRedis('--appendonly', appendonly);
        await other.stop();
        rmSync(other.data, { recursive: true });
        mkdirSync(other.data);
        const target = { to: other.data, overwrite: false, only: [], settings: undefined };
        assert.equal(await redis.load(saved, target, context()), other.data);
        await assert.rejects(redis.load(saved, target, context()), /is there already/);
        await other.start();
        using reader = await other.connect();
        assert.deepEqual(await contentOfRedis(reader), expected);
        assert.equal(((await reader.ask(['FUNCTION', 'LIST'])) as readonly unknown[]).length, 1);
        await assert.rejects(redis.load(saved, { ...target, overwrite: true }, context()), /is used by a server/);
      }
      assert.deepEqual(readdirSync(scratch), []);
    });
  }

  for (const [what, words] of [
    ['through the disk of the server', ['--repl-diskless-sync', 'no']],
    ['without checksum and compression', ['--rdbchecksum', 'no', '--rdbcompression', 'no']],
    ['with an AOF of commands and times', ['--aof-use-rdb-preamble', 'no', '--aof-timestamp-enabled', 'yes']],
    ['with other names', ['--appenddirname', 'my aof', '--appendfilename', 'log']],
  ] as const) {
    test(`${what} it is the same`, async () => {
      await using server = await startRedis('--appendonly', 'yes', ...words);
      using connection = await server.connect();
      await fillRedis(connection);
      await connection.ask(['BGREWRITEAOF']);
      for (let at = 0; at < 20; at += 1) await connection.ask(['SET', `after ${at}`, 'x']);
      const expected = await contentOfRedis(connection);
      const saved = await save(settingsFor(server, 'both'));
      const { differences, passed } = await redis.verify(saved, context(), everyStep);
      assert.deepEqual([differences, passed.length], [[], 4]);
      await using other = await startRedis();
      using reader = await other.connect();
      const to = `unix://${(other.address.place as { path: string }).path}`;
      await redis.load(saved, { to, overwrite: true, only: [], settings: undefined }, context());
      assert.deepEqual(await contentOfRedis(reader), expected);
    });
  }

  test('a running server gets all of it or nothing, and is asked for first', async () => {
    await using server = await startRedis();
    using connection = await server.connect();
    await fillRedis(connection);
    const expected = await contentOfRedis(connection);
    const saved = await save(settingsFor(server, 'rdb'));
    await using other = await startRedis();
    using reader = await other.connect();
    await reader.askAll([
      ['SELECT', '3'],
      ['SET', 'old', 'x'],
      ['SELECT', '7'],
      ['SET', 'older', 'x'],
    ]);
    const target = { to: `unix://${(other.address.place as { path: string }).path}`, only: [], settings: undefined };
    await assert.rejects(redis.load(saved, { ...target, overwrite: false }, context()), /replaces what it holds/);
    const before = await contentOfRedis(reader);
    const torn = new Map([...saved.contents].map(([path, bytes]) => [path, bytes.subarray(0, -100)]));
    await assert.rejects(redis.load(savedWith(saved.truth, torn), { ...target, overwrite: true }, context()));
    assert.deepEqual(await contentOfRedis(reader), before);
    const parts = Math.ceil((saved.contents.get('/sources/cache/dump.rdb')?.length ?? 0) / 50_000);
    assert.ok(parts > 3);
    for (let stopAt = 0; stopAt < parts; stopAt += 1) {
      const left = new AbortController();
      const half: SavedSource<RedisTruth> = {
        ...saved,
        async *read(path) {
          let at = 0;
          for await (const part of saved.read(path)) {
            yield part;
            if (at === stopAt) left.abort();
            at += 1;
          }
        },
      };
      await assert.rejects(redis.load(half, { ...target, overwrite: true }, context(left.signal)));
      assert.deepEqual(await contentOfRedis(reader), before, `stopped at part ${stopAt}`);
    }
    // As a load leaves it that is killed: the next one takes what is marked, and nothing else that is in use.
    await reader.askAll([
      ['SELECT', '14'],
      ['SET', 'coffre:load:unfinished', 'x'],
      ['SET', 'half', 'x'],
      ['SELECT', '13'],
      ['SET', 'in use', 'x'],
    ]);
    await redis.load(saved, { ...target, overwrite: true, only: ['15'] }, context());
    const some = await contentOfRedis(reader);
    assert.equal(some.has('7 older -1'), true);
    assert.equal(some.has('13 in use -1'), true);
    assert.equal(
      [...some.keys()].some((name) => name.startsWith('14 ')),
      false,
    );
    assert.equal([...some.keys()].filter((name) => name.startsWith('15 ')).length, 21);
    await redis.load(saved, { ...target, overwrite: true }, context());
    assert.deepEqual(await contentOfRedis(reader), expected);
    assert.equal(((await reader.ask(['FUNCTION', 'LIST'])) as readonly unknown[]).length, 1);
    const now = await redis.present(settingsFor(other, 'rdb'), context());
    assert.deepEqual(redis.differences(saved.truth, now), []);
    assert.deepEqual((await redis.quickCheck(settingsFor(other, 'rdb'), context())).passed, ['open']);
  });

  test('cut off anywhere, or with one byte changed, it is never taken for whole', async () => {
    await using server = await startRedis('--appendonly', 'yes');
    using connection = await server.connect();
    await fillRedis(connection);
    await connection.ask(['BGREWRITEAOF']);
    const { contents } = await save(settingsFor(server, 'both'));
    const rdb = contents.get('/sources/cache/dump.rdb') as Buffer;
    const faultOf = (bytes: Uint8Array, step: number): boolean => {
      const scan = new RdbScan();
      try {
        for (let at = 0; at < bytes.length; at += step) scan.push(bytes.subarray(at, at + step));
        scan.end();
        return false;
      } catch {
        return true;
      }
    };
    for (const step of [1, 7, 100_000]) assert.equal(faultOf(rdb, step), false);
    for (let cut = 0; cut < rdb.length; cut += 1 + Math.floor(rdb.length / 150)) {
      assert.equal(faultOf(rdb.subarray(0, cut), 4096), true, `cut at ${cut}`);
      const bent = Buffer.from(rdb);
      bent[cut]! ^= 0x10;
      assert.equal(faultOf(bent, 4096), true, `bent at ${cut}`);
    }
    for (let cut = 1; cut <= 20; cut += 1) assert.equal(faultOf(rdb.subarray(0, -cut), 4096), true);
    assert.equal(faultOf(Buffer.concat([rdb, Buffer.from('x')]), 4096), true);
  });

  test('with a writer that never stops, what is saved is one moment, to the key', async () => {
    await using server = await startRedis('--appendonly', 'yes', '--auto-aof-rewrite-min-size', '100kb');
    const left = new AbortController();
    const writing = (async (): Promise<void> => {
      using connection = await server.connect();
      for (let at = 0; !left.signal.aborted; at += 1) {
        // Both or none: a transaction is one moment.
        await connection.askAll([
          ['MULTI'],
          ['SELECT', '1'],
          ['SET', `left ${at}`, 'x'.repeat(at % 300)],
          ['SELECT', '2'],
          ['SET', `right ${at}`, 'x'],
          ['EXEC'],
        ]);
      }
    })();
    try {
      for (let round = 0; round < 3; round += 1) {
        const saved = await save(settingsFor(server, 'both'), async () => await systemClock().sleep(60));
        const { databases, aof } = saved.truth;
        assert.equal(databases?.['1']?.keys, databases?.['2']?.keys);
        assert.ok(aof?.databases != null, 'the moment of the AOF is known');
        assert.equal(aof.databases['1']?.keys, aof.databases['2']?.keys);
        const { differences, passed } = await redis.verify(saved, context(), everyStep);
        assert.deepEqual(differences, []);
        assert.equal(passed.length, 4);
      }
    } finally {
      left.abort();
      await writing;
    }
  });

  test('a server that dies, a stop of ourselves and a torn stream leave an error, never an end', async () => {
    await using server = await startRedis();
    using connection = await server.connect();
    await connection.ask(['DEBUG', 'POPULATE', '200000', 'key', '200']).catch(() => undefined);
    for (let at = 0; at < 20; at += 1) await connection.ask(['SET', `big ${at}`, Buffer.alloc(2_000_000, at)]);
    const settings = settingsFor(server, 'rdb');
    const left = new AbortController();
    await using stopped = await redis.dump(settings, context(left.signal));
    await assert.rejects(
      bytesOf(stopped.streams[0], () => left.abort()),
      /stopped|abort/i,
    );
    await using dump = await redis.dump(settings, context());
    const kill = (): boolean => process.kill(server.process().pid, 'SIGKILL');
    await assert.rejects(bytesOf(dump.streams[0], kill), /does not answer/);
    await assert.rejects(async () => await dump.truth([]), /before the dump/);
    await assert.rejects(redis.preflight(settings, context(), undefined), /does not answer/);
  });

  test('a password opens it and is in no message; a user who may not is told what is missing', async () => {
    await using server = await startRedis('--requirepass', 'top secret');
    const open = { ...server.address, password: 'top secret' };
    await redis.preflight({ ...settingsFor(server, 'rdb'), address: open }, context(), undefined);
    const wrong = { ...server.address, password: 'not so secret' };
    for (const address of [wrong, server.address]) {
      await assert.rejects(
        redis.preflight({ ...settingsFor(server, 'rdb'), address }, context(), undefined),
        (error) => {
          assert.match(String(error), /does not let us/);
          assert.doesNotMatch(String(error), /secret/);
          return true;
        },
      );
    }
    assert.doesNotMatch(redis.describe({ ...settingsFor(server, 'rdb'), address: open }), /secret/);
    const words = ['ACL', 'SETUSER', 'ann', 'on', '>pw', '+ping', '+info'];
    using connection = await connectRedis(open, context().signal);
    await connection.ask(words);
    const ann = { ...server.address, user: 'ann', password: 'pw' };
    await assert.rejects(save({ ...settingsFor(server, 'rdb'), address: ann }), /does not let us SYNC.*NOPERM/);
    await connection.ask([...words, '+sync', '+replconf']);
    await save({ ...settingsFor(server, 'rdb'), address: ann });
    await assert.rejects(save({ ...settingsFor(server, 'aof'), address: ann }), /writes no AOF/);
  });

  test('TLS: a certificate that is not trusted ends it before the password is sent', async () => {
    const certificates = makeCertificates(mkdtempSync(join(scratch, 'tls-')));
    const { rootFile: ca, serverCertFile: cert, serverKeyFile: key } = certificates;
    const files = [
      '--tls-cert-file',
      cert,
      '--tls-key-file',
      key,
      '--tls-ca-cert-file',
      ca,
      '--tls-auth-clients',
      'no',
    ];
    const port = await freePort();
    await using server = await startRedis('--requirepass', 'pw', '--tls-port', String(port), ...files);
    const address = { ...server.address, password: 'pw', place: { kind: 'host', host: '127.0.0.1', port } } as const;
    const settings = (verifies: boolean, caFile?: string): RedisSettings => ({
      ...settingsFor(server, 'rdb'),
      address: { ...address, tls: { verifies, caFile } },
    });
    await save(settings(true, ca));
    await save(settings(false));
    await assert.rejects(save(settings(true)), /does not answer: .*certificate/);
    await assert.rejects(save({ ...settings(false), address }), /does not answer|does not speak/);
  });

  test('a file of a newer server is sound, and that nothing here opens it is said as such', async () => {
    await using server = await startRedis();
    using connection = await server.connect();
    await fillRedis(connection);
    const saved = await save(settingsFor(server, 'rdb'));
    const [[path, bytes] = ['', Buffer.alloc(0)]] = saved.contents;
    const newer = Buffer.concat([Buffer.from('REDIS0999'), bytes.subarray(9, -8)]);
    const crc = new Crc64();
    crc.update(newer);
    const later = savedWith(saved.truth, new Map([[path, Buffer.concat([newer, crc.digest()])]]));
    assert.deepEqual((await redis.verify(later, context(), new Set(['archive']))).passed, ['archive']);
    await assert.rejects(redis.verify(later, context(), everyStep), /is older than the one saved/);
    const bare = { ...context(), searchPath: '/nowhere' };
    assert.deepEqual((await redis.verify(saved, bare, new Set(['archive']))).proved, ['RDB whole, checksum right']);
    await assert.rejects(redis.verify(saved, bare, everyStep), /there is no redis-server/);
  });

  test('keys that expire between backup, proof and load are no difference', async () => {
    await using server = await startRedis();
    using connection = await server.connect();
    // However long the machine takes: they are over, and still there when they are saved.
    await connection.ask(['DEBUG', 'SET-ACTIVE-EXPIRE', '0']);
    for (let at = 0; at < 50; at += 1) await connection.ask(['SET', `soon ${at}`, 'x', 'PX', '400']);
    await connection.ask(['SET', 'stays', 'x']);
    const saved = await save(settingsFor(server, 'rdb'));
    assert.deepEqual(saved.truth.databases, { '0': { keys: 51, expires: 50 } });
    await systemClock().sleep(500);
    const { differences, passed } = await redis.verify(saved, context(), everyStep);
    assert.deepEqual([differences, passed.length], [[], 4]);
    await using other = await startRedis();
    using reader = await other.connect();
    const to = `unix://${(other.address.place as { path: string }).path}`;
    await redis.load(saved, { to, overwrite: true, only: [], settings: undefined }, context());
    assert.deepEqual([...(await contentOfRedis(reader)).keys()], ['0 stays -1']);
  });

  test('a lost primary, a server that saves no AOF, and what is no server are refused', async () => {
    await using primary = await startRedis();
    await using replica = await startRedis('--replicaof', '127.0.0.1', String(primary.port));
    using connection = await replica.connect();
    while (!(await connection.askText(['INFO'])).includes('master_link_status:up')) await systemClock().sleep(20);
    const { warnings } = await redis.preflight(settingsFor(replica, 'rdb'), context(), undefined);
    assert.match(warnings.join(), /it is a replica/);
    await save(settingsFor(replica, 'rdb'));
    await primary.stop();
    while (!(await connection.askText(['INFO'])).includes('master_link_status:down')) await systemClock().sleep(20);
    await assert.rejects(redis.preflight(settingsFor(replica, 'rdb'), context(), undefined), /lost its primary/);
    await assert.rejects(redis.preflight(settingsFor(replica, 'aof'), context(), undefined), /lost its primary/);
  });

  test('what is in the folder already goes aside, and stays when the data is not what was saved', async () => {
    await using server = await startRedis();
    using connection = await server.connect();
    await fillRedis(connection);
    const saved = await save(settingsFor(server, 'rdb'));
    const folder = join(scratch, 'old');
    mkdirSync(folder);
    writeFileSync(join(folder, 'dump.rdb'), 'old');
    const target = { to: folder, overwrite: true, only: [], settings: undefined };
    const lying = { ...saved.truth, databases: { '0': { keys: 9999, expires: 0 } } };
    await assert.rejects(redis.load(savedWith(lying, saved.contents), target, context()), /is not what it was/);
    assert.deepEqual(readdirSync(folder), ['dump.rdb']);
    await redis.load(saved, target, context());
    assert.deepEqual(readdirSync(folder), ['appendonlydir', 'dump.rdb', `dump.rdb.before-load-${process.pid}`]);
    await redis.load(saved, target, context());
    assert.equal(readdirSync(folder).filter((name) => name.includes('before-load')).length, 3);
    const file = join(scratch, 'one.rdb');
    await redis.load(saved, { ...target, to: file }, context());
    await using place = await redis.scratch(saved, context());
    assert.match(place.place, /redis\.sock$/);
    rmSync(folder, { recursive: true });
    rmSync(file);
  });
});
