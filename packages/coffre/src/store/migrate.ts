/** Forward only, one step at a time, each in one transaction; a file is copied before its first step. */
import { sql } from 'kysely';
import { CoffreError } from '@coffre/repository/opening';
import type { StoreLocation } from './location.ts';
import { engineWords } from './migrations/migration.ts';
import type { Migration } from './migrations/migration.ts';
import { migrations, schemaVersion } from './migrations/migrations.ts';
import { postgresSchemaName, queueSchemaName } from './postgres-schema.ts';
import type { Rows, Store } from './store.ts';

export type MigrationEvent = {
  readonly from: number;
  readonly to: number;
  /** The copy of the file, or what the owner of a server may do himself. */
  readonly backup:
    | { readonly kind: 'file'; readonly path: string }
    | { readonly kind: 'advice'; readonly text: string };
};

export type MigrationParts = {
  /** Where it is somebody else's who makes its tables. */
  readonly installQueue: () => Promise<void>;
  readonly report: (event: MigrationEvent) => void;
};

export async function migrate(
  store: Store,
  location: StoreLocation,
  { installQueue, report }: MigrationParts,
): Promise<void> {
  const { version: before, hasQueue } = await stateNow(store);
  refuseNewer(before, store);
  if (before === schemaVersion) {
    // Somebody brought back the schema of the state alone.
    if (!hasQueue) await installQueue();
    return;
  }
  if (before > 0) {
    const backup = await backUp(location, before, await store.nowMs());
    report({ from: before, to: schemaVersion, backup });
  }
  // First, so that nothing was changed yet where it is not allowed.
  await installQueue();
  for (const migration of migrations) {
    if (migration.version > before) await store.transaction(async (rows) => await apply(rows, migration, store));
  }
}

/** Another process may have been quicker. */
async function apply(rows: Rows, migration: Migration, store: Store): Promise<void> {
  const { db, engine } = rows;
  if (engine === 'postgres') {
    await sql`select pg_advisory_xact_lock(${migrationLock}::bigint)`.execute(db);
    await makeSchema(db);
  }
  const words = engineWords[engine];
  await sql
    .raw(
      `create table if not exists state_schema (version ${words.integer} primary key, name text not null, applied_at ${words.integer} not null)${words.strict}`,
    )
    .execute(db);
  const { version: found } = await db
    .selectFrom('state_schema')
    .select((eb) => eb.fn.coalesce(eb.fn.max('version'), sql<number>`0`).as('version'))
    .executeTakeFirstOrThrow();
  refuseNewer(found, store);
  if (found >= migration.version) return;
  for (const statement of migration.statements(words)) await sql.raw(statement).execute(db);
  const { version, name } = migration;
  await db
    .insertInto('state_schema')
    .values({ version, name, applied_at: await rows.nowMs() })
    .execute();
}

/** Any number, the same for all of us. */
const migrationLock = 72_610_093;

/** Asked for where it exists already, the statement needs a right that was only needed once. */
async function makeSchema(db: Rows['db']): Promise<void> {
  const found = await sql`select 1 from pg_namespace where nspname = ${postgresSchemaName}`.execute(db);
  if (found.rows.length === 0) await sql.raw(`create schema ${postgresSchemaName}`).execute(db);
}

type StateNow = {
  /** 0 for a state that is not there yet. */
  readonly version: number;
  readonly hasQueue: boolean;
};

async function stateNow({ db, engine }: Rows): Promise<StateNow> {
  const found =
    engine === 'sqlite'
      ? sql<Found>`select count(*) as n, 1 as queue from sqlite_schema where type = 'table' and name = 'state_schema'`
      : sql<Found>`select count(*) filter (where schemaname = ${postgresSchemaName}) as n,
          count(*) filter (where schemaname = ${queueSchemaName}) as queue from pg_tables
          where (schemaname, tablename) in ((${postgresSchemaName}, 'state_schema'), (${queueSchemaName}, 'version'))`;
  const { rows } = await found.execute(db);
  const hasQueue = rows[0]?.queue !== 0;
  if (rows[0]?.n === 0) return { version: 0, hasQueue };
  const newest = await db
    .selectFrom('state_schema')
    .select((eb) => eb.fn.max('version').as('version'))
    .executeTakeFirst();
  return { version: newest?.version ?? 0, hasQueue };
}

type Found = { readonly n: number; readonly queue: number };

function refuseNewer(found: number, { place }: Store): void {
  if (found <= schemaVersion) return;
  throw new CoffreError(
    'STORE_NEWER',
    `the state in ${place.name} has version ${found}, and this program knows versions up to ${schemaVersion}`,
    {
      hint: 'Use the newer program again. To go back for good, put the copy from before its update in place: it is in the folder `backups` beside the state.',
    },
  );
}

async function backUp(location: StoreLocation, version: number, nowMs: number): Promise<MigrationEvent['backup']> {
  if (location.kind === 'sqlite') {
    const { copyBeforeMigration } = await import('./sqlite-copy.ts');
    return { kind: 'file', path: await copyBeforeMigration(location.file, version, nowMs) };
  }
  const text = `to be able to go back, stop here and save the old state first: pg_dump --schema '${postgresSchemaName}*' DATABASE`;
  return { kind: 'advice', text };
}
