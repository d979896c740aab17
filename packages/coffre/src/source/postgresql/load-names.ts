/**
 * Databases that a load makes for itself, and how it is seen whether somebody still needs them. Who loads holds a lock
 * whose key is in the name, from before the database is made until it has its real name; the server lets go of it when the
 * connection ends, however that happens. A comment says whose it is.
 */
import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import { identifier, literal } from './names.ts';
import type { Row, Session } from './session.ts';

const loadingPrefix = 'coffre_load_';
const asidePrefix = 'coffre_old_';
const namePattern = '^coffre_(load|old)_[0-9a-f]{12}$';

/** For SQL: no database of a person. */
export const isOfLoad = (column: string): string => `${column} ~ '${namePattern}'`;

/** What the comment of such a database is. */
const mark = z.object({
  coffre: z.enum(['loading', 'replaced']),
  /** The name that it is to have, or had. */
  name: z.string(),
  host: z.string(),
  pid: z.int(),
  at: z.string(),
  /** Its own, which had to go. */
  comment: z.string().nullable(),
});
export type Mark = z.infer<typeof mark>;

export type LoadNames = { readonly fresh: string; readonly aside: string };

/** @returns names that are this session's until it ends */
export async function takeNames(session: Session): Promise<LoadNames> {
  const token = randomBytes(6).toString('hex');
  const names: LoadNames = { fresh: `${loadingPrefix}${token}`, aside: `${asidePrefix}${token}` };
  await session.rows('SELECT pg_advisory_lock($1::bigint)', [keyOf(names.fresh)]);
  return names;
}

export async function leaveNames(session: Session, { fresh }: LoadNames): Promise<void> {
  await session.rows('SELECT pg_advisory_unlock($1::bigint)', [keyOf(fresh)]);
}

/** Such a key has 48 bits. */
function keyOf(name: string): string {
  return BigInt(`0x${name.slice(-12)}`).toString();
}

export function markWords(name: string, value: Mark | null): string {
  return `COMMENT ON DATABASE ${identifier(name)} IS ${value === null ? 'NULL' : literal(JSON.stringify(value))}`;
}

export type LeftBehind = {
  readonly database: string;
  readonly kind: 'loading' | 'replaced';
  /** Undefined: it was killed before it could say. */
  readonly mark: Mark | undefined;
  /** The server was stopped while it removed it: nothing can be done with it but to end that. */
  readonly isBroken: boolean;
  /** Programs of others that are connected. */
  readonly strangers: number;
};

/** What no living load needs. An advisory lock is of one database and is seen in all of them. */
export async function leftBehind(session: Session): Promise<LeftBehind[]> {
  const rows = await session.rows(`
    SELECT d.datname AS name, shobj_description(d.oid, 'pg_database') AS comment, d.datconnlimit AS limit,
      (SELECT count(*) FROM pg_stat_activity a WHERE a.datid = d.oid AND a.backend_type = 'client backend'
        AND a.application_name <> 'coffre') AS strangers
    FROM pg_database d WHERE ${isOfLoad('d.datname')} AND NOT EXISTS (
      SELECT FROM pg_locks l WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
        AND ((l.classid::bigint << 32) | l.objid::bigint) = ('x' || right(d.datname, 12))::bit(48)::bigint)
    ORDER BY 1`);
  return rows.map(leftOf);
}

function leftOf(row: Row): LeftBehind {
  const database = row['name']!;
  return {
    database,
    kind: database.startsWith(loadingPrefix) ? 'loading' : 'replaced',
    mark: readMark(row['comment'] ?? null),
    // What DROP DATABASE leaves when it does not come to its end.
    isBroken: row['limit'] === '-2',
    strangers: Number(row['strangers']),
  };
}

function readMark(comment: string | null): Mark | undefined {
  try {
    return mark.parse(JSON.parse(comment ?? ''));
  } catch {
    return undefined;
  }
}
