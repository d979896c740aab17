/** `coffre run` and `coffre db` as a user types them, on a real server. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { startPostgres, type PostgresServer } from '../postgres.ts';
import { everything } from './hostile.ts';
import { findPostgres, skipWithoutPostgres } from './versions.ts';
import { compiled } from '../../compiled.ts';
import { quicken } from '../../quick-key.ts';
import { launcher as coffreProgram } from '../../program.ts';

const password = 'hush-3f9c';

describe('coffre db', { skip: skipWithoutPostgres(15) }, () => {
  let server: PostgresServer;
  let folder: string;
  before(async () => {
    server = await startPostgres({ programs: findPostgres(15)?.programs ?? '', password });
    folder = mkdtempSync(join(tmpdir(), 'coffre-db-verbs-'));
    server.run('createdb', ['shop']);
    sql(everything);
    writeFileSync(join(folder, 'repository.key'), 'repository');
    writeFileSync(join(folder, 'server.key'), password);
    writeFileSync(join(folder, 'coffre.yaml'), configuration());
    ok('init', 'local');
    await quicken(join(folder, 'repository'), 'repository');
  });
  after(async () => {
    await server?.[Symbol.asyncDispose]();
    if (folder !== undefined) rmSync(folder, { recursive: true });
  });

  const configuration = (): string => `
version: 1
secrets: {key: {file: ${folder}/repository.key}, server: {file: ${folder}/server.key}}
repositories: {local: {url: ${folder}/repository, password: "\${secret:key}"}}
sites:
  lyon:
    sources:
      shop: {type: postgresql, connect: {url: "postgres://coffre:\${secret:server}@127.0.0.1:${server.port}/shop"}}
plans:
  nightly: {sources: [lyon/shop], to: local, schedule: {cron: "0 2 * * *"}, verify: {each: [archive, open, schema, row_counts]}}
`;
  const sql = (text: string): void =>
    void server.run('psql', ['-q', '-v', 'ON_ERROR_STOP=1', '-o', '/dev/null', '-f', '-', 'shop'], text);
  const run = (words: readonly string[]) =>
    spawnSync(coffreProgram, words, {
      cwd: folder,
      env: {
        PATH: process.env['PATH'],
        HOME: folder,
        ...compiled,
        COFFRE_STATE_DIR: join(folder, 'state'),
        NODE_OPTIONS: process.env['NODE_OPTIONS'],
      },
      maxBuffer: 2 ** 26,
    });
  const ended = (code: number, words: readonly string[]): { out: string; err: string } => {
    const { status, stdout, stderr } = run(words);
    const [out, err] = [stdout.toString(), stderr.toString()];
    assert.equal(status, code, `${words.join(' ')}: ${err}${out.slice(0, 500)}`);
    assert.doesNotMatch(out + err, /hush-3f9c/);
    return { out, err };
  };
  const ok = (...words: string[]): string => ended(0, words).out;
  const json = (...words: string[]): Record<string, unknown> =>
    JSON.parse(ok(...words, '--json')) as Record<string, unknown>;

  test('a plan saves the database and proves it, and the verbs tell of it', () => {
    assert.match(ok('db', 'list'), /lyon\/shop +postgresql .*never/);
    assert.match(ok('run'), /lyon\/shop +local +success/);
    assert.match(
      ok('db', 'list'),
      /lyon\/shop +postgresql +postgres:\/\/coffre:\$\{secret:server\}@.* local [0-9a-f]{8}/,
    );
    assert.match(
      ok('database', 'quick-check', 'shop'),
      /PostgreSQL 15\S* answers at coffre@127\.0\.0\.1:\d+, 1 database opens/,
    );
    assert.match(ok('db', 'validate', 'lyon/shop'), /9062 rows in 5 tables as counted/);
    assert.deepEqual(json('db', 'validate', 'shop')['passed'], ['hash', 'archive', 'open', 'schema', 'row_counts']);
    assert.match(ok('db', 'compare', 'shop'), /now as in/);
  });

  test('what changed is said, a table is put back, and the database replaced', () => {
    sql('DELETE FROM orders WHERE id > 5990; ALTER TABLE parts ADD COLUMN more int; DROP VIEW rich');
    const { out, err } = ended(1, ['db', 'compare', 'shop']);
    assert.deepEqual(out.trim().split('\n').toSorted(), [
      'partitioned table public.parts has other columns',
      'table public.orders has 5990 rows instead of 6000',
      'table public.parts_eu has other columns',
      'view public.rich is missing',
    ]);
    assert.match(err, /SOURCE_DIFFERS/);
    assert.match(ended(1, ['db', 'restore', 'shop', '--table', 'orders']).err, /"shop" has public\.orders already/);
    ok('db', 'restore', 'shop', '--table', 'orders', '--overwrite', '--confirm');
    assert.doesNotMatch(ended(1, ['db', 'compare', 'shop']).out, /orders/);
    assert.match(ended(24, ['db', 'restore', 'shop', '--overwrite']).err, /CONFIRMATION_NEEDED/);
    assert.match(ended(1, ['db', 'restore', 'shop']).err, /SOURCE_TARGET_REFUSED/);
    ok('db', 'restore', 'shop', '--overwrite', '--confirm');
    assert.match(ok('db', 'compare', 'shop'), /now as in/);
    ok('db', 'restore', 'shop', '--target', 'shop 2');
    assert.match(ok('audit', 'export'), /restore/);
  });

  test('a dump is for any other program, live or saved, and a failed one leaves no file', () => {
    const file = join(folder, 'shop.dump');
    ok('db', 'dump', 'shop', '--output', file);
    assert.equal(statSync(file).mode & 0o777, 0o600);
    const live = run(['db', 'dump', 'shop']).stdout;
    assert.ok(live.equals(readFileSync(file)));
    const saved = run(['db', 'dump', 'shop', '--snapshot', 'latest']).stdout;
    assert.equal(saved.toString('latin1', 0, 5), 'PGDMP');
    assert.match(ok('db', 'dump', 'shop', '--stream', 'globals.sql'), /CREATE ROLE "bob 's"/);
    assert.match(ended(1, ['db', 'dump', 'shop', '--stream', 'x']).err, /globals\.sql, shop\.dump/);
  });

  test('a server that does not answer is said in a second, and a name that is not there too', async () => {
    assert.match(ended(1, ['db', 'quick-check', 'nope']).err, /no database is called "nope"/);
    const text = readFileSync(join(folder, 'coffre.yaml'), 'utf8');
    writeFileSync(join(folder, 'coffre.yaml'), text.replace(`:${server.port}/`, ':1/'));
    const { err } = ended(21, ['db', 'quick-check', 'shop']);
    assert.match(err, /ECONNREFUSED/);
    const file = join(folder, 'none.dump');
    ended(1, ['db', 'dump', 'shop', '--output', file]);
    assert.throws(() => statSync(file));
    writeFileSync(join(folder, 'coffre.yaml'), text);
  });
});
