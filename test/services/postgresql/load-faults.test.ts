/** A load that is disturbed leaves the target as it was. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { after, before, describe, test } from 'node:test';
import { Client } from 'pg';
import { CoffreError } from '@coffre/repository';
import { addressUrl } from '../../../packages/coffre/src/source/postgresql/address-url.ts';
import { postgresql } from '../../../packages/coffre/src/source/postgresql/postgresql.ts';
import type { SourceContext } from '../../../packages/coffre/src/source/source.ts';
import { startPostgres, type PostgresServer } from '../postgres.ts';
import { contextFor, save, savedFrom, settingsFor, type Saved, type Warnings } from './scene.ts';
import { findPostgres, skipWithoutPostgres } from './versions.ts';

describe('a load into PostgreSQL that is disturbed', { skip: skipWithoutPostgres(15) }, () => {
  let server: PostgresServer;
  let saved: Saved;
  const { programs } = findPostgres(15) ?? { programs: '' };
  const settings = () => settingsFor(server, { databases: ['shop'] });
  before(async () => {
    server = await startPostgres({ programs });
    server.run('createdb', ['shop']);
    const rows = 'INSERT INTO log SELECT i, repeat(md5(i::text), 8) FROM generate_series(1, 20000) i';
    server.run('psql', ['-q', 'shop'], `CREATE TABLE log (id int PRIMARY KEY, t text); ${rows}`);
    saved = await save(settings(), contextFor(programs));
    server.run('psql', ['-q', 'shop'], 'DELETE FROM log WHERE id > 7');
  });
  after(async () => await server?.[Symbol.asyncDispose]());

  const ask = (sql: string, database = 'postgres'): string =>
    server.run('psql', ['-X', '-A', '-t', '-c', sql, database]).trim();
  const databases = (): string => ask("SELECT string_agg(datname, ' ' ORDER BY datname) FROM pg_database");

  /** The archive does something when it is half read. */
  const halfWay = (act: () => void): Saved => ({
    ...saved,
    read: async function* (path) {
      let parts = 0;
      for await (const part of saved.read(path)) {
        yield part;
        parts += 1;
        if (parts === 40) act();
      }
    },
  });
  const load = async (from: Saved, context: SourceContext & Warnings, more: object = {}): Promise<string> =>
    await postgresql.load(from, { to: undefined, overwrite: true, only: [], settings: settings(), ...more }, context);

  const disturbances: readonly { readonly what: string; readonly act: (stop: AbortController) => void }[] = [
    { what: 'pg_restore is killed', act: () => restores().forEach((pid) => process.kill(pid, 'SIGKILL')) },
    {
      what: 'its connection breaks',
      act: () => void ask("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE query LIKE 'COPY%'"),
    },
    {
      what: 'all connections break',
      act: () =>
        void ask("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'coffre'"),
    },
    { what: 'somebody stops it', act: (stop) => stop.abort(new CoffreError('INTERRUPTED', 'enough')) },
    {
      what: 'the repository turns out to be damaged',
      act: () => {
        throw new CoffreError('REPO_BLOB_DAMAGED', 'a blob is not what it was');
      },
    },
  ];
  for (const { what, act } of disturbances) {
    test(`${what}: the old database stays, and nothing is left beside it`, async () => {
      const stop = new AbortController();
      const context = contextFor(programs, stop.signal);
      await assert.rejects(
        load(
          halfWay(() => act(stop)),
          context,
        ),
        CoffreError,
      );
      assert.equal(databases(), 'postgres shop template0 template1');
      assert.equal(ask('SELECT count(*) FROM log', 'shop'), '7');
      assert.deepEqual(context.lines, []);
    });
    test(`${what}: a table that was to be replaced stays`, async () => {
      const stop = new AbortController();
      // The table of contents is read first, by itself.
      let reads = 0;
      const disturbed = halfWay(() => act(stop));
      const from: Saved = {
        ...saved,
        read: (path) => ((reads += 1), reads === 1 ? saved.read(path) : disturbed.read(path)),
      };
      await assert.rejects(load(from, contextFor(programs, stop.signal), { only: ['log'] }), CoffreError);
      assert.equal(ask('SELECT count(*) FROM log', 'shop'), '7');
    });
  }

  test('a cut archive and one with other rows never take the place of what is there', async () => {
    const path = saved.truth.databases[0]?.path ?? '';
    const whole = saved.files.get(path)!;
    const changed = Buffer.from(whole);
    changed.write('9', whole.indexOf('c4ca4238a0b923820dcc'));
    for (const [bytes, code] of [
      [whole.subarray(0, whole.length - 60_000), 'SOURCE_INVALID'],
      [changed, 'SOURCE_VERIFY_FAILED'],
    ] as const) {
      const from = savedFrom(saved.truth, new Map([...saved.files, [path, bytes]]));
      await assert.rejects(load(from, contextFor(programs)), { code });
      assert.equal(ask('SELECT count(*) FROM log', 'shop'), '7');
      assert.equal(databases(), 'postgres shop template0 template1');
    }
  });

  test('a database in use is not replaced', async () => {
    const holder = new Client({ host: server.folder, user: 'coffre', database: 'shop' });
    await holder.connect();
    await assert.rejects(load(saved, contextFor(programs)), { code: 'SOURCE_TARGET_REFUSED', message: /is used by/ });
    await holder.end();
    const context = contextFor(programs);
    const place = await load(saved, context);
    assert.equal(place, addressUrl(settings().address, 'shop'));
    assert.deepEqual(context.lines, []);
    assert.equal(ask('SELECT count(*) FROM log', 'shop'), '20000');
  });
});

test(
  'a large archive is loaded by several processes where there is room, else as a stream',
  { skip: skipWithoutPostgres(15) },
  async () => {
    const { programs } = findPostgres(15) ?? { programs: '' };
    await using server = await startPostgres({ programs });
    server.run('createdb', ['shop']);
    const rows = 'SELECT i AS id, md5(i::text) AS t FROM generate_series(1, 900) i';
    server.run('psql', ['-q', 'shop'], `CREATE TABLE a AS ${rows}; CREATE TABLE b AS ${rows}; CREATE INDEX ON a (t)`);
    const settings = settingsFor(server, { databases: ['shop'] });
    const context = contextFor(programs);
    const saved = await save(settings, context);
    const words: string[] = [];
    const watched: typeof context = {
      ...context,
      programs: {
        output: (call) => {
          if (call.argv[0]?.endsWith('/pg_restore') === true) words.push(call.argv.slice(1).join(' '));
          return context.programs.output(call);
        },
      },
    };
    // What it says of its size decides, so that nothing large is needed here.
    const ofSize = (sizeBytes: number): Saved => ({
      ...saved,
      streams: saved.streams.map((stream) => ({ ...stream, sizeBytes })),
    });
    const target = { to: 'again', overwrite: true, only: [] };
    const large = 2 ** 27;
    await postgresql.load(ofSize(large), { ...target, settings: { ...settings, jobs: 3 } }, watched);
    await postgresql.load(ofSize(large), { ...target, settings: { ...settings, jobs: 1 } }, watched);
    await postgresql.load(ofSize(2 ** 55), { ...target, settings: { ...settings, jobs: 3 } }, watched);
    const steps = new Set(['open', 'schema', 'row_counts'] as const);
    const { differences } = await postgresql.verify(ofSize(large), watched, steps, { ...settings, jobs: 2 });
    assert.deepEqual(differences, []);
    const jobs = words.filter((line) => line !== '--version').map((line) => / -j\d|$/.exec(line)?.[0]);
    assert.deepEqual(jobs, [' -j3', '', '', ' -j2']);
    const path = saved.truth.databases[0]?.path ?? '';
    const cut = { ...ofSize(large), read: (of: string) => cutStream(saved, of, of === path ? 9000 : Infinity) };
    await assert.rejects(postgresql.load(cut, { ...target, settings }, watched), { code: 'SOURCE_INVALID' });
    assert.equal(server.run('psql', ['-XAtc', 'SELECT count(*) FROM b', 'again']).trim(), '900');
    const left = readdirSync(tmpdir()).filter((name) => name.startsWith(`coffre-dump-${process.pid}-`));
    assert.deepEqual(left, []);
  },
);

async function* cutStream(saved: Saved, path: string, end: number): AsyncGenerator<Uint8Array> {
  yield (saved.files.get(path) ?? Buffer.alloc(0)).subarray(0, end);
}

test(
  'of what looks like a load that was killed only what is surely one goes',
  { skip: skipWithoutPostgres(15) },
  async () => {
    const { programs } = findPostgres(15) ?? { programs: '' };
    await using server = await startPostgres({ programs });
    const sql = (text: string, database = 'postgres'): string =>
      server.run('psql', ['-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', database], text).trim();
    sql('CREATE DATABASE shop');
    sql('CREATE TABLE t AS SELECT 1 AS a', 'shop');
    const settings = settingsFor(server, { databases: ['shop'] });
    const saved = await save(settings, contextFor(programs));
    const mark = (coffre: string): string =>
      JSON.stringify({ coffre, name: 'shop', host: 'other', pid: 4, at: '2026-11-22T02:00:00.000Z', comment: null });
    const names = [
      'load_00000000000a',
      'load_00000000000b',
      'load_00000000000c',
      'load_00000000000d',
      'old_00000000000e',
    ];
    for (const name of [...names, 'load_of_mine']) {
      sql(`CREATE DATABASE coffre_${name}`);
      if (!name.endsWith('a')) sql('CREATE TABLE of_it (a int)', `coffre_${name}`);
    }
    // Its owner was killed before it could say whose it is; a dead one; a living one; one of nobody knows whom; the replaced one.
    for (const name of ['load_00000000000b', 'load_00000000000c'])
      sql(`COMMENT ON DATABASE coffre_${name} IS '${mark('loading')}'`);
    sql(`COMMENT ON DATABASE coffre_old_00000000000e IS '${mark('replaced')}'`);
    const living = new Client({ host: server.folder, user: 'coffre', database: 'template1' });
    await living.connect();
    await living.query('SELECT pg_advisory_lock(12)');
    const { warnings } = await postgresql.preflight(settingsFor(server), contextFor(programs), undefined);
    assert.equal(warnings.filter((line) => line.includes('was killed, and its copy')).length, 3);
    const dump = await save(settingsFor(server), contextFor(programs));
    assert.deepEqual(
      dump.truth.databases.map(({ name }) => name),
      ['coffre_load_of_mine', 'postgres', 'shop'],
    );
    const context = contextFor(programs);
    await postgresql.load(saved, { to: undefined, overwrite: true, only: [], settings }, context);
    await living.end();
    const there = sql(
      "SELECT string_agg(datname, ' ' ORDER BY datname COLLATE \"C\") FROM pg_database WHERE datname ~ '^coffre'",
    );
    assert.equal(
      there,
      'coffre_load_00000000000c coffre_load_00000000000d coffre_load_of_mine coffre_old_00000000000e',
    );
    assert.match(
      context.lines.join('\n'),
      /coffre_load_00000000000d looks like .* it does not say whose it is; drop it/,
    );
    assert.match(
      context.lines.join('\n'),
      /coffre_old_00000000000e was left: it was "shop" until 2026-11-22T02:00:00.000Z/,
    );
    assert.equal(context.lines.length, 2);
  },
);

function restores(): number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => {
      try {
        const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
        return stat.includes('(pg_restore)') && stat.slice(stat.lastIndexOf(')')).split(' ')[2] === String(process.pid);
      } catch {
        return false;
      }
    });
}
