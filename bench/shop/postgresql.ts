/** The shop in PostgreSQL: Coffre beside what people do today, pg_dump with gzip, and pgBackRest where it is installed. */
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { startPostgres, type PostgresServer } from '../../test/services/postgres.ts';
import type { Arena, Contestant } from './contest.ts';
import { copyText } from './copy-text.ts';
import { shopDay, shopTableNames, shopTables, type ShopType } from './shop.ts';

export type ArenaRequest = {
  readonly scale: number;
  readonly workFolder: string;
  /** The program, as people have it. */
  readonly coffre: string;
  /** Of the programs of PostgreSQL. */
  readonly programs: string;
};

const types: Readonly<Record<ShopType, string>> = {
  id: 'integer PRIMARY KEY',
  integer: 'integer NOT NULL',
  cents: 'numeric(12, 2) NOT NULL',
  text: 'text',
  time: 'timestamp NOT NULL',
  json: 'jsonb NOT NULL',
  bytes: 'bytea NOT NULL',
  flag: 'boolean NOT NULL',
};

export async function postgresArena(request: ArenaRequest): Promise<Arena> {
  const server = await startPostgres({
    programs: request.programs,
    argv: ['-c', 'shared_buffers=512MB', '-c', 'max_wal_size=4GB', '-c', 'archive_mode=on', '-c', 'wal_level=replica'],
  });
  try {
    server.run('createdb', ['shop']);
    for (const table of shopTableNames) fillTable(server, table, request.scale);
    sql(
      server,
      'CREATE INDEX ON orders (customer); CREATE INDEX ON messages (customer); CREATE INDEX ON audit (at); VACUUM ANALYZE',
    );
    const version = sql(server, 'SHOW server_version').trim();
    const contestants = [coffre(server, request), gzipped(server, request), ...pgBackRest(server, request)];
    return {
      title: `shop at scale ${request.scale}: ${countRows(server, 'shop')} rows, ${(Number(sql(server, "SELECT pg_database_size('shop')")) / 1e6).toFixed(0)} MB`,
      versions: [`PostgreSQL ${version}`],
      contestants,
      liveADay: (day) => liveADay(server, day, request.scale),
      rows: () => countRows(server, 'shop'),
      [Symbol.asyncDispose]: async () => await server[Symbol.asyncDispose](),
    };
  } catch (error) {
    await server[Symbol.asyncDispose]();
    throw error;
  }
}

function sql(server: PostgresServer, text: string, database = 'shop'): string {
  return server.run('psql', ['-X', '-q', '-A', '-t', '-v', 'ON_ERROR_STOP=1', '-f', '-', database], text);
}

function fillTable(server: PostgresServer, table: (typeof shopTableNames)[number], scale: number): void {
  const columns = shopTables[table].map(({ name, type }) => `${name} ${types[type]}`).join(', ');
  sql(server, `CREATE TABLE ${table} (${columns})`);
  copyIn(server, table, scale, {});
}

function copyIn(
  server: PostgresServer,
  table: (typeof shopTableNames)[number],
  scale: number,
  range: { first?: number; count?: number },
): void {
  // In pieces: a program is given its whole input at once.
  let lines: string[] = [];
  const send = (): void =>
    void server.run(
      'psql',
      ['-X', '-q', '-v', 'ON_ERROR_STOP=1', '-c', `COPY ${table} FROM STDIN`, 'shop'],
      lines.join(''),
    );
  for (const some of copyText(table, scale, 'postgres', range)) {
    lines.push(some);
    if (lines.length < 40) continue;
    send();
    lines = [];
  }
  if (lines.length > 0) send();
}

function liveADay(server: PostgresServer, day: number, scale: number): void {
  const { added, changed } = shopDay(day, scale);
  for (const { table, first, count } of added) copyIn(server, table, scale, { first, count });
  const updates = changed.map(({ table, column, id, value }) => {
    const written = column === 'total' ? (Number(value) / 100).toFixed(2) : `'${String(value).replaceAll("'", "''")}'`;
    return `UPDATE ${table} SET ${column} = ${written} WHERE id = ${id};`;
  });
  sql(server, `BEGIN; ${updates.join('\n')} COMMIT; CHECKPOINT;`);
}

function countRows(server: PostgresServer, database: string): number {
  return Number(
    sql(server, `SELECT ${shopTableNames.map((table) => `(SELECT count(*) FROM ${table})`).join(' + ')}`, database),
  );
}

function must(
  program: string,
  words: readonly string[],
  options: { environment?: Record<string, string>; folder?: string; asUser?: { uid: number; gid: number } } = {},
): void {
  const environment = { ...process.env, ...options.environment };
  const done = spawnSync(program, words, {
    env: environment,
    cwd: options.folder ?? '/',
    encoding: 'utf8',
    maxBuffer: 2 ** 26,
    ...options.asUser,
  });
  if (done.status !== 0)
    throw new Error(`${program} ${words[0] ?? ''}: ${done.error?.message ?? `${done.stderr}${done.stdout}`.trim()}`);
}

function coffre(server: PostgresServer, { workFolder, coffre: program }: ArenaRequest): Contestant {
  const folder = join(workFolder, 'coffre');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'key'), 'bench');
  writeFileSync(
    join(folder, 'coffre.yaml'),
    `version: 1
secrets: {key: {file: ${folder}/key}}
repositories: {local: {url: ${folder}/repository, password: "\${secret:key}"}}
sites: {bench: {sources: {shop: {type: postgresql, connect: {socket: ${server.folder}, user: coffre, database: shop}}}}}
plans: {shop: {sources: [bench/shop], to: local, schedule: {cron: "0 2 * * *"}}}
`,
  );
  const run = (...words: string[]): void =>
    must(program, words, { folder, environment: { COFFRE_STATE_DIR: join(folder, 'state'), HOME: folder } });
  run('init', 'local');
  return {
    name: 'coffre (counts every row)',
    backup: () => run('run', 'shop'),
    storedBytes: () => sizeOf(join(folder, 'repository')),
    restore: () => {
      run('db', 'restore', 'shop', '--target', 'by_coffre');
      return countRows(server, 'by_coffre');
    },
  };
}

function gzipped(server: PostgresServer, { workFolder, programs }: ArenaRequest): Contestant {
  const folder = join(workFolder, 'gzip');
  mkdirSync(folder, { recursive: true });
  const environment = { PGHOST: server.folder, PGUSER: 'coffre' };
  let backups = 0;
  return {
    name: 'pg_dump and gzip',
    backup: () => {
      backups += 1;
      must('bash', ['-o', 'pipefail', '-c', `'${programs}/pg_dump' shop | gzip > '${folder}/${backups}.sql.gz'`], {
        environment,
      });
    },
    storedBytes: () => sizeOf(folder),
    restore: () => {
      server.run('createdb', ['by_gzip']);
      const pipe = `gunzip -c '${folder}/${backups}.sql.gz' | '${programs}/psql' -q -v ON_ERROR_STOP=1 -o /dev/null by_gzip`;
      must('bash', ['-o', 'pipefail', '-c', pipe], { environment });
      return countRows(server, 'by_gzip');
    },
  };
}

/** Files of the whole server with its WAL, not of one database; restored into another folder, started there and counted. */
function pgBackRest(server: PostgresServer, { workFolder }: ArenaRequest): Contestant[] {
  const program = '/usr/bin/pgbackrest';
  if (!existsSync(program)) return [];
  const folder = join(workFolder, 'pgbackrest');
  for (const path of ['repository', 'log', 'lock', 'spool']) mkdirSync(join(folder, path), { recursive: true });
  chmodSync(workFolder, 0o755);
  own(folder, server.asUser);
  const configuration = join(folder, 'pgbackrest.conf');
  writeFileSync(configuration, configurationOf(folder, server));
  const words = [`--config=${configuration}`, '--stanza=shop', '--log-level-console=warn'];
  const call = (command: string, ...more: string[]): void =>
    must(program, [command, ...words, ...more], server.asUser === undefined ? {} : { asUser: server.asUser });
  let isMade = false;
  return [
    {
      name: 'pgBackRest (whole server, incremental)',
      backup: () => {
        if (!isMade) {
          sql(server, `ALTER SYSTEM SET archive_command = '${program} ${words.join(' ')} archive-push %p'`);
          sql(server, 'SELECT pg_reload_conf()');
          call('stanza-create');
          isMade = true;
        }
        call('backup', '--type=incr');
      },
      storedBytes: () => sizeOf(join(folder, 'repository')),
      restore: () => {
        const target = join(server.folder, 'by_pgbackrest');
        mkdirSync(target, { mode: 0o700 });
        own(target, server.asUser);
        call('restore', `--pg1-path=${target}`);
        return startAndCount(server, target);
      },
    },
  ];
}

function configurationOf(folder: string, { folder: socket, port }: PostgresServer): string {
  return `[global]
repo1-path=${folder}/repository
repo1-retention-full=9
log-path=${folder}/log
lock-path=${folder}/lock
spool-path=${folder}/spool
log-level-file=off
start-fast=y
compress-type=gz
process-max=2
[shop]
pg1-path=${socket}/data
pg1-socket-path=${socket}
pg1-port=${port}
pg1-user=coffre
`;
}

function startAndCount(server: PostgresServer, data: string): number {
  const port = '5499';
  const options = `-k ${server.folder} -p ${port} -c listen_addresses= -c archive_mode=off`;
  server.run('pg_ctl', ['-D', data, '-w', '-o', options, '-l', join(server.folder, 'restored.log'), 'start']);
  try {
    const count = shopTableNames.map((table) => `(SELECT count(*) FROM ${table})`).join(' + ');
    return Number(server.run('psql', ['-X', '-A', '-t', '-p', port, '-c', `SELECT ${count}`, 'shop']));
  } finally {
    server.run('pg_ctl', ['-D', data, '-m', 'immediate', 'stop']);
    rmSync(data, { recursive: true, force: true });
  }
}

function own(path: string, user: PostgresServer['asUser']): void {
  if (user === undefined) return;
  chownSync(path, user.uid, user.gid);
  if (!statSync(path).isDirectory()) return;
  for (const name of readdirSync(path)) own(join(path, name), user);
}

function sizeOf(path: string): number {
  const stat = lstatSync(path);
  if (!stat.isDirectory()) return stat.size;
  return readdirSync(path).reduce((sum, name) => sum + sizeOf(join(path, name)), 0);
}
