/**
 * SQLite and Redis beside what people do today:
 *
 *   node --conditions=@coffre/source bench/small-engines.ts [--scale 0.3] [--rounds 5] [--folder /tmp/…] [--coffre PROGRAM]
 *
 * Scale 0.3 is a SQLite database of about 100 MB. SQLite is measured against `.backup` of its shell and gzip, Redis against
 * `redis-cli --rdb` and gzip. Every figure is the time of whole commands in processes of their own, as a person waits for
 * them; the second backup is after one day of the shop. Nothing is left behind.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { DatabaseSync, type SQLInputValue } from 'node:sqlite';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { startRedis } from '../test/services/redis.ts';
import { describeMachine } from './machine.ts';
import { shopDay, shopRows, shopTableNames, shopTables, type ShopTable, type ShopValue } from './shop/shop.ts';
import { spreadOf } from './statistics.ts';

const { values } = parseArgs({
  options: {
    scale: { type: 'string', default: '0.3' },
    rounds: { type: 'string', default: '5' },
    folder: { type: 'string', default: tmpdir() },
    coffre: { type: 'string', default: fileURLToPath(new URL('../.cache/release/bin/coffre', import.meta.url)) },
  },
});
const [scale, rounds] = [Number(values.scale), Number(values.rounds)];
const coffre = resolve(values.coffre);
const folder = mkdtempSync(join(values.folder, 'coffre-engines-'));
const environment = {
  PATH: process.env['PATH'],
  HOME: folder,
  TMPDIR: folder,
  RESTIC_PASSWORD: 'a password for measuring',
  COFFRE_STATE_DIR: join(folder, 'state'),
};
const say = (line: string): void => void process.stdout.write(`${line}\n`);

class Timings {
  readonly #taken = new Map<string, number[]>();

  time(name: string, argv: readonly string[]): void {
    const startedMs = performance.now();
    run(argv);
    const all = this.#taken.get(name) ?? [];
    all.push((performance.now() - startedMs) / 1000);
    this.#taken.set(name, all);
  }

  show(): void {
    for (const [name, seconds] of this.#taken) {
      const { min, median, max } = spreadOf(seconds);
      say(`${name.padEnd(24)} ${median.toFixed(2)} s (${min.toFixed(2)} to ${max.toFixed(2)})`);
    }
  }
}

try {
  say(`${describeMachine()}; scale ${scale}, ${rounds} rounds, median (least to most)`);
  measureSqlite();
  await measureRedis();
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function measureSqlite(): void {
  const live = join(folder, 'shop.db');
  const database = new DatabaseSync(live);
  database.exec('PRAGMA journal_mode = wal; PRAGMA synchronous = off');
  for (const table of shopTableNames) {
    database.exec(
      `CREATE TABLE ${table} (${shopTables[table].map(({ name }) => `"${name}"`).join()}, PRIMARY KEY (id))`,
    );
    insertInto(database, table, shopRows(table, scale));
  }
  database.exec('PRAGMA wal_checkpoint(TRUNCATE)');
  say(`\nSQLite, ${megabytes(statSync(live).size)}`);
  const shell = ['sh', '-c', `rm -f copy gz && sqlite3 '${live}' '.backup copy' && gzip -c copy >gz && rm copy`];
  const taken = new Timings();
  for (let round = 0; round < rounds; round += 1) {
    const repository = freshRepository(`sqlite-${round}`);
    taken.time('coffre backup', [coffre, '-r', repository, 'backup', '--sqlite', live]);
    taken.time('coffre load', [coffre, '-r', repository, 'source', 'load', 'latest', 'shop.db', '-t', `l${round}`]);
    taken.time('coffre verify', [coffre, '-r', repository, 'verify']);
    taken.time('.backup and gzip', shell);
    taken.time('gunzip', ['sh', '-c', 'gunzip -c gz >out']);
    taken.time('integrity_check', ['sqlite3', 'out', 'PRAGMA integrity_check']);
    rmSync(join(folder, `l${round}`));
  }
  const repository = join(folder, `sqlite-${rounds - 1}`);
  const first = sizeOf(repository);
  for (const { table, first: begin, count } of shopDay(1, scale).added) {
    insertInto(database, table, shopRows(table, scale, begin, count));
  }
  for (const { table, id } of shopDay(1, scale).changed) touch(database, table, id);
  database.close();
  taken.time('coffre second backup', [coffre, '-r', repository, 'backup', '--sqlite', live]);
  taken.time('.backup and gzip, second', shell);
  taken.show();
  say(
    `stored: first ${megabytes(first)}, second +${megabytes(sizeOf(repository) - first)}; gzip ${megabytes(sizeOf(join(folder, 'gz')))} each`,
  );
}

function insertInto(database: DatabaseSync, table: ShopTable, rows: Iterable<readonly ShopValue[]>): void {
  const marks = shopTables[table].map(() => '?').join();
  const insert = database.prepare(`INSERT INTO ${table} VALUES (${marks})`);
  database.exec('BEGIN');
  for (const row of rows) insert.run(...row.map(asSqlite));
  database.exec('COMMIT');
}

function asSqlite(value: ShopValue): SQLInputValue {
  return typeof value === 'boolean' ? Number(value) : value;
}

/** Rewrites a row as it is but for a text that is one letter longer. */
function touch(database: DatabaseSync, table: ShopTable, id: number): void {
  const text = shopTables[table].find(({ type }) => type === 'text');
  if (text !== undefined) database.exec(`UPDATE ${table} SET "${text.name}" = "${text.name}" || 'x' WHERE id = ${id}`);
}

async function measureRedis(): Promise<void> {
  await using server = await startRedis();
  using connection = await server.connect();
  let bytes = 0;
  for (const table of ['orders', 'audit'] as const) {
    let commands: string[][] = [];
    for (const row of shopRows(table, scale)) {
      const [id, ...rest] = row;
      const value = JSON.stringify(rest);
      bytes += value.length;
      commands.push(['SET', `${table}:${String(id)}`, value]);
      if (commands.length === 1000) await connection.askAll(commands.splice(0));
    }
    await connection.askAll(commands);
    commands = [];
  }
  const { path } = server.address.place as { path: string };
  say(`\nRedis, ${megabytes(bytes)} of values`);
  writeFileSync(join(folder, 'password'), environment.RESTIC_PASSWORD);
  const taken = new Timings();
  for (let round = 0; round < rounds; round += 1) {
    const repository = freshRepository(`redis-${round}`);
    const config = join(folder, `${round}.yaml`);
    writeFileSync(
      config,
      `version: 1\ntimezone: UTC\nsecrets: {p: {file: ${join(folder, 'password')}}}
repositories: {r: {url: "${repository}", password: "\${secret:p}"}}
sites: {s: {sources: {cache: {type: redis, connect: {socket: "${path}"}}}}}
plans: {p: {sources: [s/cache], to: r}}\n`,
    );
    taken.time('coffre run', [coffre, 'run', 'p', '--config', config]);
    const place = join(folder, `loaded${round}`);
    taken.time('coffre load', [coffre, '-r', repository, 'source', 'load', 'latest', 'cache', '-t', place]);
    taken.time('coffre verify', [coffre, '-r', repository, 'verify']);
    taken.time('redis-cli --rdb and gzip', [
      'bash',
      '-c',
      `set -o pipefail; redis-cli -s '${path}' --rdb - | gzip -c >rdb.gz`,
    ]);
    taken.time('gunzip', ['sh', '-c', 'gunzip -c rdb.gz >out.rdb']);
    taken.time('redis-check-rdb', ['redis-check-rdb', 'out.rdb']);
    rmSync(place, { recursive: true });
    say(`stored: ${megabytes(sizeOf(repository))}; gzip ${megabytes(sizeOf(join(folder, 'rdb.gz')))}`);
  }
  taken.show();
}

function freshRepository(name: string): string {
  const repository = join(folder, name);
  mkdirSync(repository);
  run([coffre, '-r', repository, 'init']);
  return repository;
}

function run(argv: readonly string[]): void {
  const [program = '', ...words] = argv;
  const done = spawnSync(program, words, { env: environment, cwd: folder, encoding: 'utf8' });
  if (done.status !== 0) throw new Error(`${argv.join(' ')}: ${done.error?.message ?? done.stderr}`);
}

function sizeOf(path: string): number {
  const stat = statSync(path);
  if (!stat.isDirectory()) return stat.size;
  return readdirSync(path).reduce((sum, name) => sum + sizeOf(join(path, name)), 0);
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
