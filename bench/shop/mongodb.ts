/**
 * The shop in FerretDB on SQLite, for no MongoDB server can be had where this was written: Coffre beside what people do
 * today, mongodump with gzip. The server takes most of the time of both, so that the figures compare the two and say little
 * of a real MongoDB.
 */
import { spawnSync } from 'node:child_process';
import { lstatSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Db, MongoClient } from 'mongodb';
import { startFerretdb, toolsPath, type FerretdbServer } from '../../test/services/ferretdb.ts';
import type { Arena, Contestant } from './contest.ts';
import type { ArenaRequest } from './postgresql.ts';
import { shopDay, shopRows, shopTableNames, shopTables, type ShopRow, type ShopTable } from './shop.ts';

type Document = { _id: number; [name: string]: unknown };
type Place = Pick<ArenaRequest, 'workFolder' | 'coffre'>;

const batchDocuments = 1000;

export async function mongodbArena({ scale, workFolder, coffre }: ArenaRequest): Promise<Arena> {
  await using opening = new AsyncDisposableStack();
  const server = opening.use(await startFerretdb());
  const shop = server.client.db('shop');
  for (const table of shopTableNames) await insert(shop, table, shopRows(table, scale));
  await shop.collection('orders').createIndex({ customer: 1 }, {}, {});
  let rows = await countRows(server.client, 'shop');
  const kept = opening.move();
  return {
    title: `shop at scale ${scale}: ${rows} documents`,
    versions: ['FerretDB 1.24 (SQLite)', 'mongo-tools of July 2024'],
    contestants: [byCoffre(server, { workFolder, coffre }), gzipped(server, workFolder)],
    liveADay: async (day) => {
      await liveADay(shop, day, scale);
      rows = await countRows(server.client, 'shop');
    },
    rows: () => rows,
    [Symbol.asyncDispose]: async () => await kept.disposeAsync(),
  };
}

function documentOf(table: ShopTable, row: ShopRow): Document {
  const [id, ...values] = row;
  const named = values.map((value, at) => {
    const { name, type } = shopTables[table][at + 1]!;
    if (type === 'time') return [name, new Date(`${String(value)}Z`)];
    const parsed: unknown = type === 'json' ? JSON.parse(String(value)) : value;
    return [name, parsed];
  });
  return { _id: Number(id), ...(Object.fromEntries(named) as object) };
}

async function insert(shop: Db, table: ShopTable, rows: Iterable<ShopRow>): Promise<void> {
  let waiting: Document[] = [];
  const send = async (): Promise<void> => {
    if (waiting.length > 0) await shop.collection<Document>(table).insertMany(waiting);
    waiting = [];
  };
  for (const row of rows) {
    waiting.push(documentOf(table, row));
    if (waiting.length === batchDocuments) await send();
  }
  await send();
}

async function liveADay(shop: Db, day: number, scale: number): Promise<void> {
  const { added, changed } = shopDay(day, scale);
  for (const { table, first, count } of added) await insert(shop, table, shopRows(table, scale, first, count));
  for (const { table, column, id, value } of changed) {
    await shop.collection<Document>(table).updateOne({ _id: id }, { $set: { [column]: value } });
  }
}

async function countRows(client: MongoClient, database: string): Promise<number> {
  const counts = shopTableNames.map((table) => client.db(database).collection(table).countDocuments());
  return (await Promise.all(counts)).reduce((sum, count) => sum + count, 0);
}

function must(program: string, words: readonly string[], environment: Record<string, string>): void {
  const PATH = `${toolsPath()}:${process.env['PATH'] ?? ''}`;
  const done = spawnSync(program, words, { env: { ...process.env, PATH, ...environment }, encoding: 'utf8' });
  if (done.status === 0) return;
  throw new Error(`${program} ${words[0] ?? ''}: ${done.error?.message ?? `${done.stderr}${done.stdout}`.trim()}`);
}

function byCoffre(server: FerretdbServer, { workFolder, coffre }: Place): Contestant {
  const folder = join(workFolder, 'coffre');
  mkdirSync(folder);
  writeFileSync(join(folder, 'key'), 'bench');
  const config = join(folder, 'coffre.yaml');
  writeFileSync(
    config,
    `version: 1
secrets: {key: {file: ${folder}/key}}
repositories: {local: {url: ${folder}/repository, password: "\${secret:key}"}}
sites: {bench: {sources: {shop: {type: mongodb, connect: {url: "${server.url}", database: shop}}}}}
plans: {shop: {sources: [bench/shop], to: local, schedule: {cron: "0 2 * * *"}, verify: {each: [archive, open]}}}
`,
  );
  const environment = { COFFRE_STATE_DIR: join(folder, 'state'), COFFRE_CONFIG: config, HOME: folder };
  const run = (...words: string[]): void => must(coffre, words, environment);
  run('init', 'local');
  return {
    name: 'coffre (reads the archive again)',
    backup: () => run('run', 'shop'),
    storedBytes: () => sizeOf(join(folder, 'repository')),
    restore: async () => {
      run('db', 'restore', 'shop', '--target', 'by_coffre');
      return await countRows(server.client, 'by_coffre');
    },
  };
}

function gzipped(server: FerretdbServer, workFolder: string): Contestant {
  const folder = join(workFolder, 'gzip');
  mkdirSync(folder);
  let backups = 0;
  const shell = (line: string): void => must('bash', ['-o', 'pipefail', '-c', line], {});
  const archive = (): string => `--uri='${server.url}' --quiet --gzip --archive='${folder}/${backups}.gz'`;
  return {
    name: 'mongodump --gzip',
    backup: () => {
      backups += 1;
      shell(`mongodump ${archive()} --db=shop`);
    },
    storedBytes: () => sizeOf(folder),
    restore: async () => {
      // Without the index, which FerretDB does not take from it.
      shell(`mongorestore ${archive()} --stopOnError --noIndexRestore --nsFrom='shop.*' --nsTo='by_gzip.*'`);
      return await countRows(server.client, 'by_gzip');
    },
  };
}

function sizeOf(path: string): number {
  const stat = lstatSync(path);
  if (!stat.isDirectory()) return stat.size;
  return readdirSync(path).reduce((sum, name) => sum + sizeOf(join(path, name)), 0);
}
