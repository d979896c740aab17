/** What the user may not read of a database, before a dump meets it in the middle. */
import { ours, notOfExtension } from './facts.ts';
import { showName } from './names.ts';
import type { Session } from './session.ts';

export type Obstacles = {
  readonly tables: readonly string[];
  /** Policies would hide rows of these from the user. */
  readonly filtered: readonly string[];
  readonly largeObjects: number;
};

export async function obstaclesIn(session: Session): Promise<Obstacles> {
  const rows = await session.rows(`
    SELECT n.nspname AS schema, c.relname AS name, CASE WHEN row_security_active(c.oid) THEN 'filtered' END AS filtered,
      has_schema_privilege(n.oid, 'USAGE') AND CASE c.relkind WHEN 'S' THEN has_sequence_privilege(c.oid, 'SELECT')
        ELSE has_table_privilege(c.oid, 'SELECT') END AS readable
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE ${ours} AND c.relkind IN ('r', 'p', 'S', 'm') AND c.relpersistence <> 't' AND ${notOfExtension('pg_class', 'c')}
    ORDER BY 1, 2`);
  const named = (some: typeof rows): string[] => some.map((row) => showName(row['schema']!, row['name']!));
  // pg_read_all_data does not include them.
  const [objects] = await session.rows(`
    SELECT count(*) AS count FROM pg_largeobject_metadata m
    WHERE current_setting('lo_compat_privileges') = 'off' AND NOT pg_has_role(m.lomowner, 'USAGE')
      AND NOT EXISTS (SELECT FROM aclexplode(m.lomacl) a WHERE a.privilege_type = 'SELECT'
        AND (a.grantee = 0 OR pg_has_role(a.grantee, 'USAGE')))`);
  return {
    tables: named(rows.filter((row) => row['readable'] !== 't')),
    filtered: named(rows.filter((row) => row['filtered'] !== null)),
    largeObjects: Number(objects?.['count']),
  };
}
