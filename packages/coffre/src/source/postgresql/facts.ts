/**
 * What a database holds, read from its catalogue inside one transaction. What PostgreSQL renders from inside (views, defaults,
 * constraints) reads differently from version to version, so each relation has two fingerprints: its columns, which every
 * version says alike, and its definition, which is compared between servers of one version.
 */
import { createHash } from 'node:crypto';
import { identifier, showName } from './names.ts';
import type { Row, Session } from './session.ts';

export type Relation = {
  readonly kind: 'table' | 'partitioned table' | 'view' | 'materialized view' | 'foreign table' | 'sequence' | 'type';
  readonly schema: string;
  readonly name: string;
  readonly columns: string;
  readonly definition: string;
  /** Of tables that hold rows themselves. */
  readonly rows: number | null;
  /** Of what is in them, in any order; null where it was not asked for. */
  readonly contentSum: string | null;
};

/** Functions, types, extensions and others: by a name of their own, with a fingerprint of the definition. */
export type NamedObject = {
  readonly kind: string;
  readonly schema: string | null;
  readonly name: string;
  readonly definition: string;
};

export type Facts = {
  readonly relations: readonly Relation[];
  readonly objects: readonly NamedObject[];
  readonly extensions: Readonly<Record<string, string>>;
  readonly largeObjects: number;
  /** Last values by shown name; null for one that was never asked. */
  readonly sequences: ReadonlyMap<string, string | null>;
  readonly roles: readonly string[];
};

export type FactsRequest = {
  /** Tables whose rows are wanted; those that cannot be read now have none. */
  readonly countsRows: boolean | ((schema: string, name: string) => boolean);
  readonly sumsContent: boolean;
  readonly signal: AbortSignal;
};

export const ours = `n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'`;
export const notOfExtension = (catalogue: string, alias: string): string =>
  `NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = '${catalogue}'::regclass AND e.objid = ${alias}.oid AND e.deptype = 'e')`;
/** The server makes it together with something else, as the constructors of a range type. */
const isPartOf = (catalogue: string, alias: string): string =>
  `EXISTS (SELECT FROM pg_depend i WHERE i.classid = '${catalogue}'::regclass AND i.objid = ${alias}.oid AND i.deptype = 'i')`;

const relationsSql = `
SELECT c.oid, c.relkind AS kind, n.nspname AS schema, c.relname AS name,
  has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT')
    AND NOT (c.relpersistence = 'u' AND pg_is_in_recovery()) AS readable,
  (SELECT string_agg(concat(quote_ident(a.attname), ' ', format_type(a.atttypid, a.atttypmod),
     CASE WHEN a.attnotnull THEN ' not null' END, ' ', a.attidentity, a.attgenerated,
     CASE WHEN a.attcollation <> t.typcollation THEN a.attcollation::regcollation END), ',' ORDER BY a.attnum)
   FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
   WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS columns,
  concat_ws(E'\\n', c.relpersistence, c.relrowsecurity, c.reloptions,
    CASE WHEN c.relkind IN ('v', 'm') THEN pg_get_viewdef(c.oid) END,
    CASE WHEN c.relkind = 'p' THEN pg_get_partkeydef(c.oid) END,
    pg_get_expr(c.relpartbound, c.oid),
    (SELECT string_agg(i.inhparent::regclass::text, ',' ORDER BY i.inhseqno) FROM pg_inherits i WHERE i.inhrelid = c.oid),
    (SELECT string_agg(quote_ident(a.attname) || '=' || pg_get_expr(d.adbin, d.adrelid), ',' ORDER BY a.attname COLLATE "C")
     FROM pg_attrdef d JOIN pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum WHERE d.adrelid = c.oid),
    (SELECT string_agg(quote_ident(k.conname) || ' ' || pg_get_constraintdef(k.oid), ',' ORDER BY k.conname COLLATE "C")
     FROM pg_constraint k WHERE k.conrelid = c.oid AND k.contype IN ('c', 'f', 'p', 'u', 'x')),
    (SELECT string_agg(pg_get_indexdef(i.indexrelid), ',' ORDER BY pg_get_indexdef(i.indexrelid) COLLATE "C")
     FROM pg_index i WHERE i.indrelid = c.oid),
    (SELECT string_agg(pg_get_triggerdef(g.oid), ',' ORDER BY g.tgname COLLATE "C")
     FROM pg_trigger g WHERE g.tgrelid = c.oid AND NOT g.tgisinternal),
    (SELECT string_agg(concat(quote_ident(p.polname), p.polcmd, p.polpermissive, pg_get_expr(p.polqual, c.oid), ' ',
       pg_get_expr(p.polwithcheck, c.oid)), ',' ORDER BY p.polname COLLATE "C")
     FROM pg_policy p WHERE p.polrelid = c.oid),
    (SELECT string_agg(pg_get_ruledef(r.oid), ',' ORDER BY r.rulename COLLATE "C")
     FROM pg_rewrite r WHERE r.ev_class = c.oid AND r.rulename <> '_RETURN'),
    -- That of an identity column takes its type from the column.
    (SELECT concat_ws(' ', CASE WHEN ${isPartOf('pg_class', 'c')} THEN '' ELSE s.seqtypid::regtype::text END, s.seqstart, s.seqincrement, s.seqmax, s.seqmin, s.seqcache, s.seqcycle)
     FROM pg_sequence s WHERE s.seqrelid = c.oid)
  ) AS definition
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE ${ours} AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S', 'c') AND c.relpersistence <> 't'
  AND ${notOfExtension('pg_class', 'c')}
ORDER BY n.nspname COLLATE "C", c.relname COLLATE "C"`;

const objectsSql = `
SELECT 'function' AS kind, n.nspname AS schema, p.proname || '(' || pg_get_function_identity_arguments(p.oid) || ')' AS name,
  CASE WHEN p.prokind = 'a' THEN p.prosrc ELSE pg_get_functiondef(p.oid) END AS definition
FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE ${ours} AND ${notOfExtension('pg_proc', 'p')}
  AND NOT ${isPartOf('pg_proc', 'p')}
UNION ALL
SELECT 'type', n.nspname, t.typname, concat_ws(' ', t.typtype,
  (SELECT string_agg(quote_literal(l.enumlabel), ',' ORDER BY l.enumsortorder) FROM pg_enum l WHERE l.enumtypid = t.oid),
  CASE WHEN t.typtype = 'd' THEN concat(format_type(t.typbasetype, t.typtypmod), ' ', t.typnotnull, t.typdefault) END,
  (SELECT string_agg(pg_get_constraintdef(k.oid), ',' ORDER BY k.conname COLLATE "C")
   FROM pg_constraint k WHERE k.contypid = t.oid AND k.contype = 'c'))
FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
WHERE ${ours} AND t.typtype IN ('e', 'd', 'r') AND ${notOfExtension('pg_type', 't')}
UNION ALL
SELECT 'schema', NULL, n.nspname, '' FROM pg_namespace n
WHERE ${ours} AND n.nspname <> 'public' AND ${notOfExtension('pg_namespace', 'n')}
UNION ALL
SELECT 'event trigger', NULL, evtname, concat(evtevent, evtenabled) FROM pg_event_trigger v WHERE ${notOfExtension('pg_event_trigger', 'v')}
UNION ALL
SELECT 'publication', NULL, pubname, concat(puballtables, pubinsert, pubupdate, pubdelete, pubtruncate) FROM pg_publication
ORDER BY 1, 2, 3`;

const rolesSql = `
SELECT DISTINCT r.rolname AS role FROM pg_roles r WHERE r.rolname !~ '^pg_' AND r.oid IN (
  SELECT refobjid FROM pg_shdepend WHERE refclassid = 'pg_authid'::regclass AND deptype IN ('o', 'a', 'r')
    AND dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
  UNION SELECT relowner FROM pg_class WHERE oid >= 16384
  UNION SELECT nspowner FROM pg_namespace WHERE oid >= 16384
  UNION SELECT proowner FROM pg_proc WHERE oid >= 16384)
ORDER BY 1`;

const kinds: Readonly<Record<string, Relation['kind']>> = {
  r: 'table',
  p: 'partitioned table',
  v: 'view',
  m: 'materialized view',
  f: 'foreign table',
  S: 'sequence',
  c: 'type',
};

const tablesAtOnce = 16;

export async function factsOf(session: Session, request: FactsRequest): Promise<Facts> {
  const found = await session.rows(relationsSql);
  const counts = await countRows(session, found, request);
  const extensions = await session.rows('SELECT extname, extversion FROM pg_extension ORDER BY 1');
  const sequences = await session.rows(
    'SELECT schemaname AS schema, sequencename AS name, last_value FROM pg_sequences ORDER BY 1, 2',
  );
  const [objects] = await session.rows('SELECT count(*) AS count FROM pg_largeobject_metadata');
  return {
    relations: found.map((row) => relationOf(row, counts.get(row['oid']!))),
    objects: (await session.rows(objectsSql)).map((row) => ({
      kind: row['kind']!,
      schema: row['schema'] ?? null,
      name: row['name']!,
      definition: fingerprint(row['definition'] ?? ''),
    })),
    extensions: Object.fromEntries(extensions.map((row) => [row['extname']!, row['extversion']!])),
    largeObjects: Number(objects?.['count']),
    sequences: new Map(sequences.map((row) => [showName(row['schema']!, row['name']!), row['last_value'] ?? null])),
    roles: (await session.rows(rolesSql)).map((row) => row['role']!),
  };
}

type Counted = { readonly rows: number; readonly contentSum: string | null };

async function countRows(
  session: Session,
  found: readonly Row[],
  request: FactsRequest,
): Promise<Map<string, Counted>> {
  const { countsRows } = request;
  const isWanted = (row: Row): boolean =>
    typeof countsRows === 'boolean' ? countsRows : countsRows(row['schema']!, row['name']!);
  const tables = found.filter((row) => row['kind'] === 'r' && row['readable'] === 't' && isWanted(row));
  const counts = new Map<string, Counted>();
  for (let at = 0; at < tables.length; at += tablesAtOnce) {
    request.signal.throwIfAborted();
    const some = tables.slice(at, at + tablesAtOnce);
    const sql = some.map((row) => countSql(row, request.sumsContent)).join(' UNION ALL ');
    for (const { oid, rows, sum } of await session.rows(sql)) {
      counts.set(oid!, { rows: Number(rows), contentSum: sum ?? (request.sumsContent ? '0' : null) });
    }
  }
  return counts;
}

/** The sum is of half the MD5 of every row as text: the same rows have the same sum in any order. */
function countSql(row: Row, sumsContent: boolean): string {
  const table = `${identifier(row['schema']!)}.${identifier(row['name']!)}`;
  const sum = sumsContent ? "sum(('x' || substr(md5((coffre_row.*)::text), 1, 16))::bit(64)::bigint)::text" : 'NULL';
  return `SELECT '${row['oid']}' AS oid, count(*) AS rows, ${sum} AS sum FROM ONLY ${table} AS coffre_row`;
}

function relationOf(row: Row, counted: Counted | undefined): Relation {
  return {
    kind: kinds[row['kind']!]!,
    schema: row['schema']!,
    name: row['name']!,
    columns: fingerprint(row['columns'] ?? ''),
    definition: fingerprint(row['definition'] ?? ''),
    rows: counted?.rows ?? null,
    contentSum: counted?.contentSum ?? null,
  };
}

/** 64 bits: enough to see a change, short enough to stand beside every table. */
function fingerprint(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}
