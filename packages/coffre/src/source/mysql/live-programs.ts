/** Views, routines, triggers and events of a live database: taken down, and put back as they were. */
import type { ProgramKind } from './dump-statements.ts';
import { dropsOf } from './exchange-steps.ts';
import { identifier, literal } from './names.ts';
import { text } from './server-facts.ts';
import type { Session } from './session.ts';

export type LiveProgram = {
  readonly kind: ProgramKind;
  readonly name: string;
  /** Of a trigger. */
  readonly table: string | undefined;
  readonly sqlMode: string | undefined;
  readonly create: string;
};

type Listed = Pick<LiveProgram, 'kind' | 'name' | 'table'>;

/** In an order in which they can be made again: what others may use comes first. */
export async function readPrograms(session: Session, database: string): Promise<LiveProgram[]> {
  await session.run(`USE ${identifier(database)}`);
  const programs: LiveProgram[] = [];
  for (const listed of await listPrograms(session, database)) {
    const [row = {}] = await session.rows(`SHOW CREATE ${listed.kind} ${identifier(listed.name)}`);
    const created = Object.keys(row).find((column) => /^(?:Create |SQL Original Statement)/i.test(column)) ?? '';
    const mode = Object.keys(row).find((column) => /^sql_mode$/i.test(column));
    programs.push({ ...listed, create: text(row, created), sqlMode: mode === undefined ? undefined : text(row, mode) });
  }
  return programs;
}

async function listPrograms(session: Session, database: string): Promise<Listed[]> {
  const here = literal(database);
  const rows = await session.rows(
    `SELECT ROUTINE_TYPE AS kind, ROUTINE_NAME AS name, NULL AS on_table FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = ${here}
     UNION ALL SELECT 'VIEW', TABLE_NAME, NULL FROM information_schema.VIEWS WHERE TABLE_SCHEMA = ${here}
     UNION ALL SELECT 'TRIGGER', TRIGGER_NAME, EVENT_OBJECT_TABLE FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = ${here}
     UNION ALL SELECT 'EVENT', EVENT_NAME, NULL FROM information_schema.EVENTS WHERE EVENT_SCHEMA = ${here}`,
  );
  return rows.map((row) => ({
    kind: text(row, 'kind') as LiveProgram['kind'],
    name: text(row, 'name'),
    table: row['on_table'] === null ? undefined : text(row, 'on_table'),
  }));
}

export async function dropProgram(session: Session, database: string, program: Listed): Promise<void> {
  for (const sql of dropsOf(database, program)) await session.run(Buffer.from(sql, 'latin1').toString('utf8'));
}

/** Views may need each other: rounds, until a round makes no more of them. */
export async function makePrograms(
  session: Session,
  database: string,
  programs: readonly LiveProgram[],
): Promise<void> {
  await session.run(`USE ${identifier(database)}`);
  let waiting = [...programs];
  for (;;) {
    const failed: { program: LiveProgram; error: unknown }[] = [];
    for (const program of waiting) {
      try {
        await session.run(`SET SESSION sql_mode = ${literal(program.sqlMode ?? '')}`);
        await session.run(program.create);
      } catch (error) {
        failed.push({ program, error });
      } finally {
        await session.run("SET SESSION sql_mode = ''");
      }
    }
    if (failed.length === 0) return;
    if (failed.length === waiting.length) throw failed[0]!.error;
    waiting = failed.map(({ program }) => program);
  }
}
