/**
 * The shop in a real mongod where one is here (`test/peers/servers.sh`), else in FerretDB on SQLite: Coffre beside what
 * people do today, mongodump with gzip. FerretDB takes most of the time of both, so that its figures compare the two and say
 * little of a real MongoDB.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { lstatSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Db, MongoClient } from 'mongodb';
import { startFerretdb, toolsPath } from '../../test/services/ferretdb.ts';
import { skipWithoutMongod, startMongod } from '../../test/services/mongod.ts';
import type { Arena, Contestant } from './contest.ts';
import type { ArenaRequest } from './postgresql.ts';
import { shopDay, shopRows, shopTableNames, shopTables, type ShopRow, type ShopTable } from './shop.ts';

type Document = { _id: number; [name: string]: unknown };
type Server = AsyncDisposable & { readonly url: string; readonly client: MongoClient };
type Place = Pick<ArenaRequest, 'workFolder' | 'coffre'>;

const batchDocuments = 1000;

export async function mongodbArena({ scale, workFolder, coffre }: ArenaRequest): Promise<Arena> {
  await using opening = new AsyncDisposableStack();
  const isReal = skipWithoutMongod() === false;
  const server: Server = opening.use(isReal ? await startMongod() : await startFerretdb());
  const shop = server.client.db('shop');
  for (const table of shopTableNames) await insert(shop, table, shopRows(table, scale));
  await shop.collection('orders').createIndex({ customer: 1 }, {}, {});
  let rows = await countRows(server.client, 'shop');
  const kept = opening.move();
  return {
    title: `shop at scale ${scale}: ${rows} documents`,
    versions: [isReal ? `mongod ${await versionOf(server)}` : 'FerretDB 1.24 (SQLite)', 'mongo-tools of July 2024'],
    contestants: [await byCoffre(server, { workFolder, coffre }), gzipped(server, workFolder, isReal)],
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

async function versionOf({ client }: Server): Promise<string> {
  return String((await client.db().admin().serverInfo())['version']);
}

/** Not waited for by standing still: nobody would read what the server says, and a full pipe stops it. */
async function must(program: string, words: readonly string[], environment: Record<string, string>): Promise<void> {
  const PATH = `${toolsPath()}:${process.env['PATH'] ?? ''}`;
  const env = { ...process.env, PATH, ...environment };
  const child = spawn(program, words, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (more: string) => (said = (said + more).slice(-10_000)));
  }
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new Error(`${program} ${words[0] ?? ''}: ${said.trim()}`);
}

async function byCoffre(server: Server, { workFolder, coffre }: Place): Promise<Contestant> {
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
  const run = async (...words: string[]): Promise<void> => await must(coffre, words, environment);
  await run('init', 'local');
  return {
    name: 'coffre (reads the archive again)',
    backup: async () => await run('run', 'shop'),
    storedBytes: () => sizeOf(join(folder, 'repository')),
    restore: async () => {
      await run('db', 'restore', 'shop', '--target', 'by_coffre');
      return await countRows(server.client, 'by_coffre');
    },
  };
}

function gzipped(server: Server, workFolder: string, isReal: boolean): Contestant {
  const folder = join(workFolder, 'gzip');
  mkdirSync(folder);
  let backups = 0;
  const shell = async (line: string): Promise<void> => await must('bash', ['-o', 'pipefail', '-c', line], {});
  const archive = (): string => `--uri='${server.url}' --quiet --gzip --archive='${folder}/${backups}.gz'`;
  return {
    name: 'mongodump --gzip',
    backup: async () => {
      backups += 1;
      await shell(`mongodump ${archive()} --db=shop`);
    },
    storedBytes: () => sizeOf(folder),
    restore: async () => {
      // FerretDB takes no index from it.
      const indexes = isReal ? '' : '--noIndexRestore';
      await shell(`mongorestore ${archive()} --stopOnError ${indexes} --nsFrom='shop.*' --nsTo='by_gzip.*'`);
      return await countRows(server.client, 'by_gzip');
    },
  };
}

function sizeOf(path: string): number {
  const stat = lstatSync(path);
  if (!stat.isDirectory()) return stat.size;
  return readdirSync(path).reduce((sum, name) => sum + sizeOf(join(path, name)), 0);
}
