/**
 * Views of tables, columns, routines or users that are gone. No dump program gets past one, and no server makes one: the
 * rest is saved, and what made them is kept as text.
 */
import { identifier, literal, showName } from './names.ts';
import { text } from './server-facts.ts';
import { errorNumberOf, type Session } from './session.ts';
import { readDumpArguments, type LeftOut, type MysqlSettings } from './settings.ts';

/** `definition` without its CREATE VIEW … AS. */
export type BrokenView = { readonly database: string; readonly name: string; readonly definition: string };

export type Chosen = { readonly leftOut: LeftOut; readonly broken: readonly BrokenView[] };

/** What is not dumped of these databases: what the user left out, and what cannot be. */
export async function leftOutOf(
  session: Session,
  { dumpArguments }: Pick<MysqlSettings, 'dumpArguments'>,
  databases: readonly string[],
): Promise<Chosen> {
  const asked = readDumpArguments(dumpArguments);
  const isAsked = ({ database, name }: BrokenView): boolean => asked.tables.has(`${database}.${name}`);
  const broken = (await brokenViews(session, databases)).filter((view) => !isAsked(view));
  const tables = new Set([...asked.tables, ...broken.map(({ database, name }) => `${database}.${name}`)]);
  return { leftOut: { ...asked, tables }, broken };
}

/** Of the server: what a view names is gone, or its definer. */
const brokenErrors = new Set([1356, 1449]);

/** Asked as dump programs ask. */
async function brokenViews(session: Session, databases: readonly string[]): Promise<BrokenView[]> {
  const views = await session.rows(
    `SELECT TABLE_SCHEMA AS database_name, TABLE_NAME AS name FROM information_schema.TABLES
     WHERE TABLE_SCHEMA IN (${databases.map(literal).join(', ')}) AND TABLE_TYPE = 'VIEW' ORDER BY 1, 2`,
  );
  const broken: BrokenView[] = [];
  for (const row of views) {
    const [database, name] = [text(row, 'database_name'), text(row, 'name')];
    try {
      await session.rows(`SHOW FIELDS FROM ${identifier(name)} FROM ${identifier(database)}`);
    } catch (error) {
      if (!brokenErrors.has(errorNumberOf(error) ?? 0)) throw error;
      broken.push({ database, name, definition: await definitionOf(session, database, name) });
    }
  }
  return broken;
}

async function definitionOf(session: Session, database: string, name: string): Promise<string> {
  const [row] = await session.rows(
    `SELECT VIEW_DEFINITION AS definition FROM information_schema.VIEWS
     WHERE TABLE_SCHEMA = ${literal(database)} AND TABLE_NAME = ${literal(name)}`,
  );
  return text(row, 'definition');
}

/** As the truth about a database keeps them. */
export function textsOf(broken: readonly BrokenView[], database: string): { name: string; definition: string }[] {
  return broken.filter((view) => view.database === database).map(({ name, definition }) => ({ name, definition }));
}

export function brokenInWords({ database, name }: BrokenView): string {
  return (
    `the view ${showName(database, name)} is broken: what it shows is gone, or its definer may not see it. ` +
    'It is left out, its text is kept; mend or drop it'
  );
}
