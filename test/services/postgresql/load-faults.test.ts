/** A load that is disturbed leaves the target as it was. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
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

  test('a database in use is not replaced; what a killed load left is told', async () => {
    const holder = new Client({ host: server.folder, user: 'coffre', database: 'shop' });
    await holder.connect();
    await assert.rejects(load(saved, contextFor(programs)), { code: 'SOURCE_TARGET_REFUSED', message: /is used by/ });
    await holder.end();
    server.run('createdb', ['coffre_load_0123456789ab']);
    const context = contextFor(programs);
    const place = await load(saved, context);
    assert.equal(place, addressUrl(settings().address, 'shop'));
    assert.match(context.lines.join(), /coffre_load_0123456789ab was left by a load that was killed/);
    assert.equal(ask('SELECT count(*) FROM log', 'shop'), '20000');
  });
});

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
