/**
 * Several dumps and a count of one moment. One dump program for each database goes up to the start of its transaction and
 * waits there. Under a lock all transactions begin, the one that counts too; then the lock is gone, and each dump waits
 * in its relay for its turn.
 */
import { join } from 'node:path';
import { CoffreError, isCoffreError, messageOf } from '@coffre/repository';
import type { SourceContext } from '../source.ts';
import { textsOf } from './broken-views.ts';
import { streamPathOf, type DumpPlan } from './dump-plan.ts';
import { databaseWords } from './dump-program.ts';
import { Tail } from './dump-ends.ts';
import { askingOf } from './dump-questions.ts';
import { underLock, type Locked } from './lock.ts';
import type { DatabaseTruth, MysqlTruth } from './mysql-truth.ts';
import { showName } from './names.ts';
import { countRows, readDefinitions, type Definitions, type TableFacts } from './read-content.ts';
import { openRelay, type Relay } from './relay.ts';
import { positionOf } from './server-facts.ts';
import { errorNumberOf, openSession, type Session } from './session.ts';

/** A dump that takes longer than a week is no backup any more. */
export const dumpTimeoutMs = 7 * 24 * 3_600_000;
/** Until all programs are connected. */
const startTimeoutMs = 120_000;
/** Until all transactions have begun: others wait with their writes for so long at most. */
const beginTimeoutMs = 10_000;

export type Moment = AsyncDisposable & {
  bytesOf(database: string, signal: AbortSignal): AsyncGenerator<Uint8Array>;
  truth(usersStream: string | null): Promise<MysqlTruth>;
};

type Counts = ReadonlyMap<string, ReadonlyMap<string, number>>;
type OneDump = {
  readonly relay: Relay;
  readonly output: AsyncGenerator<Uint8Array>;
  readonly first: Promise<IteratorResult<Uint8Array>>;
};

export async function beginMoment(plan: DumpPlan): Promise<Moment> {
  const { settings, context, facts, databases, leftOut } = plan;
  await using stack = new AsyncDisposableStack();
  const control = stack.use(await openSession(settings.address));
  const counter = stack.use(await openSession(settings.address));
  const before = await definitionsOf(control, plan);
  const ended = new AbortController();
  stack.defer(() => ended.abort());
  const relays = new Map<string, Relay>();
  for (const [at, database] of databases.entries()) {
    const floats = (before.get(database)?.tables ?? []).filter(({ columns }) => columns.floats.size > 0);
    const asking = askingOf(database, new Map(floats.map(({ name, columns }) => [name, columns])));
    relays.set(database, stack.use(await openRelay(join(plan.folder, `${at}.sock`), settings.address, asking)));
  }
  const loose = tablesOf(before).filter(([, table]) => !table.transactional);
  const lockable = tablesOf(before).map(([database, { name }]) => [database, name] as const);
  const dumps = new Map(
    [...relays].map(([database, relay]) => [database, startDump(plan, database, relay, before, ended.signal)]),
  );
  const all = [...dumps.values()];
  await reached(all, ({ ready }) => ready, startTimeoutMs, context);
  await counter.run('SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ');
  const locked = await underLock(control, facts, lockable, context, async () => {
    for (const { relay } of all) relay.begin();
    await counter.run('START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY');
    await reached(all, ({ begun }) => begun, beginTimeoutMs, context);
    return { position: await positionOf(control, facts), loose: await countAll(control, loose) };
  });
  const counts = countInTransaction(
    counter,
    tablesOf(before).filter(
      ([database, table]) => table.transactional && !leftOut.rows.has(`${database}.${table.name}`),
    ),
  );
  counts.catch(() => undefined);
  const kept = stack.move();
  return {
    bytesOf: (database, signal) => bytesOf(dumps.get(database)!, database, signal),
    truth: async (usersStream) => {
      const exact = await counts.catch((error: unknown) => {
        throw altered(error);
      });
      await refuseAltered(control, plan, before);
      const settled = settledCounts(locked.value.loose, await countAll(control, loose), leftOut.rows);
      const rows = (database: string, table: string): number | null =>
        exact.get(database)?.get(table) ?? settled.get(database)?.get(table) ?? null;
      return truthOf(plan, before, locked, rows, usersStream);
    },
    [Symbol.asyncDispose]: async () => await kept.disposeAsync(),
  };
}

async function definitionsOf(session: Session, { databases, leftOut }: DumpPlan): Promise<Map<string, Definitions>> {
  const found = new Map<string, Definitions>();
  for (const database of databases) found.set(database, await readDefinitions(session, database, leftOut));
  return found;
}

function tablesOf(definitions: ReadonlyMap<string, Definitions>): (readonly [string, TableFacts])[] {
  return [...definitions].flatMap(([database, { tables }]) => tables.map((table) => [database, table] as const));
}

async function countAll(session: Session, tables: readonly (readonly [string, TableFacts])[]): Promise<Counts> {
  const counts = new Map<string, Map<string, number>>();
  for (const [database, table] of tables) {
    const ofDatabase = counts.get(database) ?? new Map<string, number>();
    counts.set(database, ofDatabase.set(table.name, await countRows(session, database, table)));
  }
  return counts;
}

/** While it lasts, an ALTER of a counted table waits; so it ends with the last count and not with the dump. */
async function countInTransaction(
  session: Session,
  tables: readonly (readonly [string, TableFacts])[],
): Promise<Counts> {
  const counts = await countAll(session, tables);
  await session.run('ROLLBACK');
  return counts;
}

/** Those of tables without transactions that were as many before as after, so that nobody wrote, or not for long. */
function settledCounts(before: Counts, after: Counts, leftOut: ReadonlySet<string>): Counts {
  return new Map(
    [...before].map(([database, tables]) => [
      database,
      new Map(
        [...tables].filter(
          ([name, rows]) => after.get(database)?.get(name) === rows && !leftOut.has(`${database}.${name}`),
        ),
      ),
    ]),
  );
}

function startDump(
  { context, program, loginFile, leftOut, facts }: DumpPlan,
  database: string,
  relay: Relay,
  before: ReadonlyMap<string, Definitions>,
  signal: AbortSignal,
): OneDump {
  const own = (names: ReadonlySet<string>): string[] => [...names].filter((name) => name.startsWith(`${database}.`));
  const ignored = [
    ...own(leftOut.tables).map((name) => `--ignore-table=${name}`),
    ...own(leftOut.rows).map((name) => `--ignore-table-data=${name}`),
  ];
  const history = before.get(database)?.tables.some(({ versioned }) => versioned) === true;
  const argv = databaseWords({ program, loginFile, socket: relay.socket }, database, ignored, {
    history,
    events: facts.hasEvents,
  });
  const output = context.programs.output({
    argv,
    timeoutMs: dumpTimeoutMs,
    signal: AbortSignal.any([signal, context.signal]),
  });
  const first = output.next();
  first.catch(() => undefined);
  return { relay, output, first };
}

async function reached(
  dumps: readonly OneDump[],
  point: (relay: Relay) => Promise<void>,
  timeoutMs: number,
  { clock, signal }: SourceContext,
): Promise<void> {
  const enough = new AbortController();
  const late = clock.sleep(timeoutMs, AbortSignal.any([enough.signal, signal])).then(() => {
    throw new CoffreError('SOURCE_BUSY', `the dump programs did not begin within ${timeoutMs / 1000} s`, {
      hint: 'The machine or the server is overloaded. Nothing was saved.',
    });
  });
  late.catch(() => undefined);
  try {
    // A program that fails says why; the broken connection of its relay is only the consequence.
    const there = dumps.map(({ relay, first }) =>
      point(relay).catch(async (error: unknown) => {
        await first;
        throw error;
      }),
    );
    await Promise.race([Promise.all(there), late]);
  } finally {
    enough.abort();
  }
}

async function* bytesOf(
  { relay, output, first }: OneDump,
  database: string,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const tail = new Tail();
  const stop = (): void => void output.return(undefined);
  signal.addEventListener('abort', stop);
  try {
    relay.release();
    for (let part = await first; part.done !== true; part = await output.next()) {
      tail.add(part.value);
      yield part.value;
    }
  } catch (error) {
    throw dumpFailed(error, database);
  } finally {
    signal.removeEventListener('abort', stop);
    await output.return(undefined);
  }
  if (!tail.isComplete) {
    throw new CoffreError('SOURCE_COMMAND_FAILED', `the dump of ${showName(database)} ended early, without an error`, {
      hint: 'Nothing was saved. Run the dump program by itself and look at what it prints last.',
    });
  }
}

/** Of the server: a definition changed, a table is gone. */
const alteredErrors = new Set([1412, 1146, 1054]);

function altered(error: unknown): unknown {
  const number = errorNumberOf(error);
  if (number === undefined || !alteredErrors.has(number)) return error;
  return changedMeanwhile(messageOf(error), error);
}

function dumpFailed(error: unknown, database: string): unknown {
  if (!isCoffreError(error, 'SOURCE_COMMAND_FAILED')) return error;
  if (/\((1412|1146|1054)\)|Error (1412|1146|1054):/.test(error.message)) return changedMeanwhile(error.message, error);
  const hint = /Lost connection|server has gone away|\b2013\b|\b2006\b/.test(error.message)
    ? 'The server ended the connection: was it restarted, is its disk full? Nothing was saved.'
    : 'Nothing was saved.';
  return new CoffreError('SOURCE_COMMAND_FAILED', `the dump of ${showName(database)} failed: ${error.message}`, {
    hint,
    cause: error,
  });
}

function changedMeanwhile(what: string, cause?: unknown): CoffreError {
  return new CoffreError('SOURCE_BUSY', `a definition was changed while it was dumped: ${what}`, {
    hint: 'ALTER, DROP, RENAME and TRUNCATE break a dump that runs. Nothing was saved; run the backup again.',
    cause,
  });
}

async function refuseAltered(
  session: Session,
  plan: DumpPlan,
  before: ReadonlyMap<string, Definitions>,
): Promise<void> {
  const after = await definitionsOf(session, plan);
  for (const [database, earlier] of before) {
    const later = after.get(database);
    if (later === undefined || JSON.stringify(withoutDefault(earlier)) === JSON.stringify(withoutDefault(later)))
      continue;
    const name = earlier.tables.find(
      (one) => later.tables.find((other) => other.name === one.name)?.sha256 !== one.sha256,
    );
    throw changedMeanwhile(name === undefined ? `in ${showName(database)}` : `table ${showName(database, name.name)}`);
  }
}

function withoutDefault({ tables, objects }: Definitions): unknown {
  return { tables, objects };
}

type Begun = Locked<{ readonly position: MysqlTruth['position'] }>;

function truthOf(
  { facts, program, settings, databases, broken }: DumpPlan,
  before: ReadonlyMap<string, Definitions>,
  { kind, lockedMs, value }: Begun,
  rows: (database: string, table: string) => number | null,
  usersStream: string | null,
): MysqlTruth {
  const describe = (name: string): DatabaseTruth => {
    const { charset, collation, tables, objects, definers } = before.get(name)!;
    return {
      name,
      stream: streamPathOf(settings.name, name),
      charset,
      collation,
      tables: tables.map((table) => ({
        name: table.name,
        engine: table.engine,
        rows: rows(name, table.name),
        sha256: table.sha256,
        columnsSha256: table.columnsSha256,
      })),
      objects,
      definers,
      brokenViews: textsOf(broken, name),
    };
  };
  return {
    family: facts.family,
    version: facts.version,
    dumpedBy: program.version,
    lock: kind,
    lockedMs,
    position: value.position,
    usersStream,
    databases: databases.map(describe),
  };
}
