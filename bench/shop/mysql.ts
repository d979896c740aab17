/** The shop in MariaDB: Coffre beside what people do today, mysqldump with gzip. */
import { spawnSync } from 'node:child_process';
import { lstatSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Session } from '../../packages/coffre/src/source/mysql/session.ts';
import { startMariadb, type MariadbServer } from '../../test/services/mariadb.ts';
import type { Arena, Contestant } from './contest.ts';
import type { ArenaRequest } from './postgresql.ts';
import {
  shopDay,
  shopRows,
  shopTableNames,
  shopTables,
  type ShopTable,
  type ShopType,
  type ShopValue,
} from './shop.ts';

const types: Readonly<Record<ShopType, string>> = {
  id: 'int PRIMARY KEY',
  integer: 'int NOT NULL',
  cents: 'decimal(12, 2) NOT NULL',
  text: 'mediumtext',
  time: 'datetime NOT NULL',
  json: 'json NOT NULL',
  bytes: 'mediumblob NOT NULL',
  flag: 'boolean NOT NULL',
};
const statementCharactersMax = 500_000;

export async function mysqlArena({ scale, workFolder, coffre }: ArenaRequest): Promise<Arena> {
  await using opening = new AsyncDisposableStack();
  const server = opening.use(
    await startMariadb('--innodb-buffer-pool-size=512M', '--innodb-log-file-size=512M', '--innodb-flush-method=fsync'),
  );
  const session = opening.use(await server.connect());
  await session.run('CREATE DATABASE shop CHARACTER SET utf8mb4');
  await session.run('USE shop');
  for (const table of shopTableNames) await fillTable(session, table, scale);
  await session.run('ALTER TABLE orders ADD KEY (customer)');
  await session.run('ALTER TABLE messages ADD KEY (customer)');
  await session.run('ALTER TABLE audit ADD KEY (at)');
  const [about] = await session.rows(
    "SELECT VERSION() AS version, SUM(DATA_LENGTH + INDEX_LENGTH) AS bytes FROM information_schema.TABLES WHERE TABLE_SCHEMA = 'shop'",
  );
  let rows = await countRows(session, 'shop');
  const kept = opening.move();
  return {
    title: `shop at scale ${scale}: ${rows} rows, ${(Number(about?.['bytes']) / 1e6).toFixed(0)} MB`,
    versions: [`MariaDB ${String(about?.['version'])}`],
    contestants: [byCoffre(server, session, { workFolder, coffre }), gzipped(server, session, workFolder)],
    liveADay: async (day) => {
      await liveADay(session, day, scale);
      rows = await countRows(session, 'shop');
    },
    rows: () => rows,
    [Symbol.asyncDispose]: async () => await kept.disposeAsync(),
  };
}

async function fillTable(session: Session, table: ShopTable, scale: number): Promise<void> {
  const columns = shopTables[table].map(({ name, type }) => `\`${name}\` ${types[type]}`).join(', ');
  await session.run(`CREATE TABLE ${table} (${columns})`);
  await insert(session, table, scale);
}

async function insert(
  session: Session,
  table: ShopTable,
  scale: number,
  first?: number,
  count?: number,
): Promise<void> {
  let waiting: string[] = [];
  let characters = 0;
  const send = async (): Promise<void> => {
    if (waiting.length > 0) await session.run(`INSERT INTO ${table} VALUES ${waiting.join(',')}`);
    waiting = [];
    characters = 0;
  };
  for (const row of shopRows(table, scale, first, count)) {
    const text = `(${row.map((value, at) => written(value, shopTables[table][at]?.type)).join(',')})`;
    waiting.push(text);
    characters += text.length;
    if (characters > statementCharactersMax) await send();
  }
  await send();
}

function written(value: ShopValue, type: ShopType | undefined): string {
  if (value === null) return 'NULL';
  if (type === 'cents') return (Number(value) / 100).toFixed(2);
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  if (typeof value === 'string') return `'${value.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`;
  return `0x${Buffer.from(value).toString('hex')}`;
}

async function liveADay(session: Session, day: number, scale: number): Promise<void> {
  const { added, changed } = shopDay(day, scale);
  for (const { table, first, count } of added) await insert(session, table, scale, first, count);
  await session.run('BEGIN');
  for (const { table, column, id, value } of changed) {
    const type = shopTables[table].find(({ name }) => name === column)?.type;
    await session.run(`UPDATE ${table} SET \`${column}\` = ${written(value, type)} WHERE id = ${id}`);
  }
  await session.run('COMMIT');
}

async function countRows(session: Session, database: string): Promise<number> {
  const counts = shopTableNames.map((table) => `(SELECT COUNT(*) FROM \`${database}\`.${table})`);
  return Number((await session.rows(`SELECT ${counts.join(' + ')} AS found`))[0]?.['found']);
}

function must(program: string, words: readonly string[], environment: Record<string, string> = {}, folder = '/'): void {
  const done = spawnSync(program, words, { env: { ...process.env, ...environment }, cwd: folder, encoding: 'utf8' });
  if (done.status === 0) return;
  throw new Error(`${program} ${words[0] ?? ''}: ${done.error?.message ?? `${done.stderr}${done.stdout}`.trim()}`);
}

function byCoffre(
  server: MariadbServer,
  session: Session,
  { workFolder, coffre: program }: Pick<ArenaRequest, 'workFolder' | 'coffre'>,
): Contestant {
  const folder = join(workFolder, 'coffre');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'key'), 'bench');
  writeFileSync(
    join(folder, 'coffre.yaml'),
    `version: 1
secrets: {key: {file: ${folder}/key}}
repositories: {local: {url: ${folder}/repository, password: "\${secret:key}"}}
sites: {bench: {sources: {shop: {type: mariadb, connect: {socket: ${server.folder}/mysqld.sock, user: root, database: shop}}}}}
plans: {shop: {sources: [bench/shop], to: local, schedule: {cron: "0 2 * * *"}}}
`,
  );
  const run = (...words: string[]): void =>
    must(program, words, { COFFRE_STATE_DIR: join(folder, 'state'), HOME: folder }, folder);
  run('init', 'local');
  return {
    name: 'coffre (counts every row)',
    backup: () => run('run', 'shop'),
    storedBytes: () => sizeOf(join(folder, 'repository')),
    restore: async () => {
      run('db', 'restore', 'shop', '--target', 'by_coffre');
      return await countRows(session, 'by_coffre');
    },
  };
}

function gzipped(server: MariadbServer, session: Session, workFolder: string): Contestant {
  const folder = join(workFolder, 'gzip');
  mkdirSync(folder, { recursive: true });
  const login = `--no-defaults -uroot -S '${server.folder}/mysqld.sock'`;
  let backups = 0;
  const shell = (line: string): void => must('bash', ['-o', 'pipefail', '-c', line]);
  return {
    name: 'mysqldump and gzip',
    backup: () => {
      backups += 1;
      shell(`mysqldump ${login} --single-transaction --routines --events shop | gzip > '${folder}/${backups}.sql.gz'`);
    },
    storedBytes: () => sizeOf(folder),
    restore: async () => {
      await session.run('CREATE DATABASE by_gzip');
      shell(`gunzip -c '${folder}/${backups}.sql.gz' | mysql ${login} by_gzip`);
      return await countRows(session, 'by_gzip');
    },
  };
}

function sizeOf(path: string): number {
  const stat = lstatSync(path);
  if (!stat.isDirectory()) return stat.size;
  return readdirSync(path).reduce((sum, name) => sum + sizeOf(join(path, name)), 0);
}
