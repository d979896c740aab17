/** What is saved of a real server is what it held at that moment, row for row, and it comes back anywhere. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { after, before, describe, test } from 'node:test';
import { Client } from 'pg';
import { addressUrl } from '../../../packages/coffre/src/source/postgresql/address-url.ts';
import { databaseWord } from '../../../packages/coffre/src/source/postgresql/names.ts';
import { postgresql } from '../../../packages/coffre/src/source/postgresql/postgresql.ts';
import { addressOf } from '../../../packages/coffre/src/source/postgresql/settings.ts';
import type { CheckStep } from '../../../packages/coffre/src/source/source.ts';
import { startPostgres, type PostgresServer } from '../postgres.ts';
import { everything, hostileNames } from './hostile.ts';
import { contextFor, save, savedFrom, settingsFor, type Saved } from './scene.ts';
import { findPostgres, postgresMajors, skipWithoutPostgres } from './versions.ts';

const allSteps: ReadonlySet<CheckStep> = new Set(['archive', 'open', 'schema', 'row_counts']);

/** Where what depends on no version is proved, for others too. */
const isEnd = (major: number): boolean => major === 15 || major === 18;

for (const major of postgresMajors) {
  describe(`PostgreSQL ${major}`, { skip: skipWithoutPostgres(major) }, () => {
    const testAtEnds = isEnd(major) ? test : undefined;
    let server: PostgresServer;
    const { programs } = findPostgres(major) ?? { programs: '' };
    before(async () => {
      server = await startPostgres({ programs });
      server.run('createdb', ['shop']);
      server.run('psql', ['-q', '-v', 'ON_ERROR_STOP=1', '-f', '-', 'shop'], everything);
      server.run('psql', ['-q', '-c', 'ALTER DATABASE shop SET search_path = public, "we ird"', 'postgres']);
    });
    after(async () => await server?.[Symbol.asyncDispose]());

    const value = (sql: string, database: string): string =>
      server.run('psql', ['-X', '-A', '-t', '-c', sql, '-d', databaseWord(database)]).trim();

    test('everything in a database is saved, proved in a private server and loaded under another name', async () => {
      const context = contextFor(programs);
      const settings = settingsFor(server, { databases: ['shop'] });
      const { warnings } = await postgresql.preflight(settings, context, undefined);
      assert.deepEqual(warnings, []);
      const saved = await save(settings, context);
      const verification = await postgresql.verify(saved, context, allSteps);
      assert.deepEqual(verification.differences, []);
      assert.match(verification.proved.join(), /schema as saved, 9062 rows in 5 tables as counted/);
      assert.deepEqual(verification.passed, [...allSteps]);
      const place = await postgresql.load(saved, { to: 'copy of shop', overwrite: false, only: [], settings }, context);
      assert.equal(place, addressUrl(settings.address, 'copy of shop'));
      const copied = await postgresql.present({ ...settings, databases: ['copy of shop'] }, context);
      const [original] = (await postgresql.present(settings, context)).databases;
      const [copy] = copied.databases;
      assert.deepEqual(
        { ...copy, name: '', sizeBytes: 0 },
        { ...original, name: '', sizeBytes: 0 },
        'owner, settings, sequences and content sums included',
      );
      assert.deepEqual(context.lines, []);
    });

    test('an unchanged database gives the same bytes again', async () => {
      const settings = settingsFor(server, { databases: ['shop'] });
      const [one, two] = [await save(settings, contextFor(programs)), await save(settings, contextFor(programs))];
      for (const [path, bytes] of one.files) assert.ok(two.files.get(path)?.equals(bytes), path);
    });

    for (const parallelOverBytes of [2 ** 40, 1]) {
      const how = parallelOverBytes === 1 ? 'into a folder by several processes' : 'as a stream';
      test(`under constant writes the dump ${how} holds exactly the rows that were counted`, async () => {
        const name = `busy${parallelOverBytes}`;
        server.run('createdb', [name]);
        server.run(
          'psql',
          ['-q', name],
          'CREATE TABLE log (id serial PRIMARY KEY, t text); CREATE TABLE total (rows int);',
        );
        server.run(
          'psql',
          ['-q', name],
          'INSERT INTO total VALUES (20000); INSERT INTO log (t) SELECT md5(i::text) FROM generate_series(1, 20000) i',
        );
        const stop = new AbortController();
        const writing = keepWriting(server, name, stop.signal);
        const settings = settingsFor(server, { databases: [name], parallelOverBytes });
        const context = contextFor(programs);
        const saved = await save(settings, context);
        const verification = await postgresql.verify(saved, context, allSteps);
        stop.abort();
        const written = await writing;
        assert.ok(written > 0, 'somebody wrote');
        assert.deepEqual(verification.differences, []);
        await postgresql.load(saved, { to: `${name} loaded`, overwrite: false, only: [], settings }, context);
        const found = value('SELECT (SELECT rows FROM total), (SELECT count(*) FROM log)', `${name} loaded`).split('|');
        assert.equal(found[0], found[1], 'both tables are of one moment');
        const rows = saved.truth.databases[0]?.relations.find((one) => one.name === 'log')?.rows;
        assert.equal(found[1], String(rows));
        assert.ok(Number(value('SELECT count(*) FROM log', name)) > Number(rows));
        assert.deepEqual(leftOvers(), []);
      });
    }

    void testAtEnds?.('databases, tables and users with hostile names are saved and come back', async () => {
      const context = contextFor(programs);
      const names = hostileNames.filter((name) => major < 19 || !name.includes('\n'));
      for (const name of names) {
        const quoted = `"${name.replaceAll('"', '""')}"`;
        await runSql(server, 'postgres', `CREATE DATABASE ${quoted}`);
        await runSql(server, name, `CREATE ROLE ${quoted}`);
        await runSql(server, name, `CREATE TABLE ${quoted} (${quoted} text)`);
        await runSql(server, name, `INSERT INTO ${quoted} VALUES ('x'), ('y')`);
        await runSql(server, name, `ALTER TABLE ${quoted} OWNER TO ${quoted}`);
      }
      const settings = settingsFor(server, { databases: names });
      const saved = await save(settings, context);
      assert.equal(saved.files.size, names.length + 1);
      const verification = await postgresql.verify(saved, context, allSteps);
      assert.deepEqual(verification.differences, []);
      for (const name of names) {
        const one = { ...settings, databases: [name] };
        await postgresql.load(
          await save(one, context),
          { to: `${name} 2`, overwrite: false, only: [name], settings: one },
          context,
        );
        const place = addressUrl(settings.address, `${name} 2`);
        assert.equal(
          server.run('psql', ['-A', '-t', '-c', `SELECT count(*) FROM "${name.replaceAll('"', '""')}"`, place]).trim(),
          '2',
        );
      }
      assert.equal(existsSync('/tmp/hacked'), false);
      for (const name of names.flatMap((one) => [one, `${one} 2`])) {
        await runSql(server, 'postgres', `DROP DATABASE "${name.replaceAll('"', '""')}"`);
      }
    });

    void testAtEnds?.('one table is loaded although much more lies behind it in the archive', async () => {
      const context = contextFor(programs);
      server.run('createdb', ['wide']);
      const rows = 'SELECT md5(g::text) || repeat(md5((g + 1)::text), 30) FROM generate_series(1, 4000) g';
      await runSql(
        server,
        'wide',
        `CREATE TABLE a AS ${rows} LIMIT 10; CREATE TABLE b AS ${rows}; CREATE TABLE c AS ${rows}`,
      );
      const one = settingsFor(server, { databases: ['wide'] });
      const saved = await save(one, context);
      await runSql(server, 'wide', 'DELETE FROM a; DELETE FROM c');
      const target = { to: undefined, overwrite: true, only: ['a'], settings: one };
      await postgresql.load(saved, target, context);
      assert.deepEqual([value('SELECT count(*) FROM a', 'wide'), value('SELECT count(*) FROM c', 'wide')], ['10', '0']);
      await runSql(server, 'postgres', 'DROP DATABASE wide');
    });

    test('other encodings and locales come back as they were', async (t) => {
      const context = contextFor(programs);
      const kinds = new Map([
        ['latin', "ENCODING 'LATIN1' LOCALE 'C'"],
        ...(major >= 15 ? [['icu', "LOCALE_PROVIDER icu ICU_LOCALE 'de-AT'"] as const] : []),
        ...(major >= 17 ? [['builtin', "LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8'"] as const] : []),
      ]);
      const made: string[] = [];
      for (const [name, words] of kinds) {
        try {
          await runSql(server, 'postgres', `CREATE DATABASE ${name} TEMPLATE template0 ${words}`);
        } catch (error) {
          if (!/ICU is not supported/.test(String(error))) throw error;
          t.diagnostic(`${name} is not in this build`);
          continue;
        }
        await runSql(server, name, `CREATE TABLE t (a text); INSERT INTO t VALUES ('\u00e4\u00f6'), ('z')`);
        made.push(name);
      }
      const settings = settingsFor(server, { databases: made });
      const saved = await save(settings, context);
      assert.deepEqual((await postgresql.verify(saved, context, allSteps)).differences, []);
      for (const name of made) {
        await postgresql.load(saved, { to: `${name}2`, overwrite: false, only: [name], settings }, context);
        const provider =
          major >= 17 ? ', datlocprovider, datlocale' : major >= 15 ? ', datlocprovider, daticulocale' : '';
        const catalogue = `encoding, datcollate${provider}`;
        const of = (one: string): string =>
          value(`SELECT ${catalogue} FROM pg_database WHERE datname = '${one}'`, 'postgres');
        assert.equal(of(`${name}2`), of(name));
        assert.equal(
          value('SELECT string_agg(a, a ORDER BY a) FROM t', `${name}2`),
          value('SELECT string_agg(a, a ORDER BY a) FROM t', name),
        );
      }
    });

    test('a whole server goes to another one, whose missing roles are named, made, or done without', async () => {
      const context = contextFor(programs);
      const saved = await save(settingsFor(server, { databases: ['shop'] }), context);
      await using other = await startPostgres({ programs });
      const at = (name: string): string => addressUrl(addressOf({ socket: other.folder, user: 'coffre' }), name);
      const load = async (name: string, more: object): Promise<string> =>
        await postgresql.load(
          saved,
          { to: at(name), overwrite: false, only: [], settings: undefined, ...more },
          context,
        );
      await assert.rejects(load('shop', {}), { code: 'SOURCE_TARGET_REFUSED', message: /has no role bob 's, reader/ });
      assert.equal(other.run('psql', ['-A', '-t', '-c', 'SELECT count(*) FROM pg_database', 'postgres']).trim(), '3');
      await load('unowned', { withoutOwners: true });
      await load('shop', { createsOwners: true });
      const owner = "SELECT tableowner FROM pg_tables WHERE tablename = 'customers'";
      assert.equal(other.run('psql', ['-A', '-t', '-c', owner, 'unowned']).trim(), 'coffre');
      assert.equal(other.run('psql', ['-A', '-t', '-c', owner, 'shop']).trim(), "bob 's");
      const hash = "SELECT rolpassword FROM pg_authid WHERE rolname = 'bob ''s'";
      assert.equal(other.run('psql', ['-A', '-t', '-c', hash, 'postgres']).trim(), value(hash, 'postgres'));
      other.run('createdb', ['empty']);
      await load('empty', {});
      assert.equal(other.run('psql', ['-A', '-t', '-c', 'SELECT count(*) FROM customers', 'empty']).trim(), '3000');
    });

    test(
      'an older server is refused as a target',
      { skip: skipWithoutPostgres(15) || (major <= 15 && 'it is not newer than 15') },
      async () => {
        const saved = await save(settingsFor(server, { databases: ['shop'] }), contextFor(programs));
        await using old = await startPostgres({ programs: findPostgres(15)?.programs ?? '' });
        const to = addressUrl(addressOf({ socket: old.folder, user: 'coffre' }), 'shop');
        const target = { to, overwrite: false, only: [], settings: undefined };
        await assert.rejects(postgresql.load(saved, target, contextFor(programs)), {
          code: 'SOURCE_TARGET_REFUSED',
          message: new RegExp(`PostgreSQL 15, and this was saved from ${major}`),
        });
      },
    );

    test(
      'a newer server proves and takes what an older one held',
      { skip: skipWithoutPostgres(18) || (major === 18 && 'it is the newest') },
      async () => {
        const newest = findPostgres(18)?.programs ?? '';
        const saved = await save(settingsFor(server, { databases: ['shop'] }), contextFor(programs));
        await using other = await startPostgres({ programs: newest });
        const to = addressUrl(addressOf({ socket: other.folder, user: 'coffre' }), 'shop');
        const target = { to, overwrite: false, only: [], settings: undefined, createsOwners: true };
        await postgresql.load(saved, target, contextFor(newest));
        assert.equal(other.run('psql', ['-A', '-t', '-c', 'SELECT count(*) FROM orders', 'shop']).trim(), '6000');
      },
    );

    void testAtEnds?.('a cut dump is never taken for whole, nor one with changed rows for the right one', async () => {
      const context = contextFor(programs);
      const saved = await save(settingsFor(server, { databases: ['shop'] }), context);
      const path = saved.truth.databases[0]?.path ?? '';
      const whole = saved.files.get(path)!;
      const cutAt = async (end: number): Promise<string> => {
        const cut: Saved = savedFrom(saved.truth, new Map([...saved.files, [path, whole.subarray(0, end)]]));
        return (await postgresql.verify(cut, context, new Set(['archive']))).differences.join();
      };
      for (const end of [0, 1, 100, 5000, Math.floor(whole.length / 2), whole.length - 100, whole.length - 1]) {
        assert.notEqual(await cutAt(end), '', `cut at ${end}`);
      }
      const other = Buffer.from(whole);
      const at = other.indexOf('name\\t1234');
      other.write('name\\t9999', at);
      const changed = savedFrom(saved.truth, new Map([...saved.files, [path, other]]));
      const { differences, passed } = await postgresql.verify(changed, context, allSteps);
      assert.deepEqual(differences, ['table public.customers has as many rows, and not the same']);
      assert.deepEqual(passed, []);
    });
  });
}

async function runSql(server: PostgresServer, database: string, sql: string): Promise<void> {
  const client = new Client({ host: server.folder, port: server.port, user: 'coffre', database });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}

/** Two tables that agree after every transaction. @returns how many were written */
async function keepWriting(server: PostgresServer, database: string, signal: AbortSignal): Promise<number> {
  const client = new Client({ host: server.folder, port: server.port, user: 'coffre', database });
  await client.connect();
  let written = 0;
  try {
    while (!signal.aborted) {
      await client.query("BEGIN; INSERT INTO log (t) VALUES ('more'); UPDATE total SET rows = rows + 1; COMMIT");
      written += 1;
    }
  } finally {
    await client.end();
  }
  return written;
}

/** Folders and servers of this process that should be gone. */
function leftOvers(): string[] {
  const folders = readdirSync(tmpdir()).filter((name) => name.startsWith(`coffre-dump-${process.pid}-`));
  const servers = readdirSync('/proc').filter(
    (pid) => /^\d+$/.test(pid) && commandOf(pid).includes(`coffre-dump-${process.pid}-`),
  );
  return [...folders, ...servers];
}

function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return '';
  }
}
