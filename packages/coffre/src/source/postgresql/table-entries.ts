/** Which entries of an archive make some of its tables, in the order of the archive. Pure. */
import type { ArchiveEntry, ArchiveHead } from './archive.ts';
import type { Relation } from './load-target.ts';

export type TableEntries = {
  readonly ids: readonly number[];
  /** Constraints that name tables which would not be there. */
  readonly leftOut: readonly string[];
};

/** What hangs on a table and is of no use without it. */
const parts = new Set([
  'TABLE DATA',
  'CONSTRAINT',
  'CHECK CONSTRAINT',
  'DEFAULT',
  'INDEX',
  'INDEX ATTACH',
  'TABLE ATTACH',
  'TRIGGER',
  'RULE',
  'POLICY',
  'ROW SECURITY',
  'ACL',
  'COMMENT',
  'SECURITY LABEL',
  'STATISTICS',
  'SEQUENCE OWNED BY',
]);
const sequenceParts = new Set(['SEQUENCE', 'SEQUENCE SET', 'SEQUENCE OWNED BY']);
/** Never taken along by a table that needs them: they are about the whole database. */
const outside = new Set(['ENCODING', 'STDSTRINGS', 'SEARCHPATH']);

/**
 * @param withNeeded also types, functions and schemas that the tables need, for a database where nothing is yet
 */
export function entriesOfTables(
  { entries }: ArchiveHead,
  tables: readonly Relation[],
  withNeeded: boolean,
): TableEntries {
  const byId = new Map(entries.map((entry) => [entry.id, entry]));
  const isMeant = ({ kind, schema, tag }: ArchiveEntry): boolean =>
    kind === 'TABLE' && tables.some((table) => table.schema === schema && table.name === tag);
  const taken = new Set(entries.filter(isMeant).map(({ id }) => id));
  const whole = new Set(entries.filter((entry) => outside.has(entry.kind)).map(({ id }) => id));
  const leftOut: string[] = [];
  takeSequences(entries, taken);
  // A part may hang on a part: the comment of an index.
  for (let size = -1; size !== taken.size;) {
    size = taken.size;
    for (const entry of entries) {
      if (taken.has(entry.id) || !entry.dependencies.some((id) => taken.has(id))) continue;
      if (parts.has(entry.kind) || sequenceParts.has(entry.kind)) taken.add(entry.id);
      else if (entry.kind === 'FK CONSTRAINT' && isBetween(entry, byId, taken, withNeeded)) taken.add(entry.id);
    }
  }
  for (const entry of entries) {
    if (entry.kind !== 'FK CONSTRAINT' || taken.has(entry.id)) continue;
    if (tables.some(({ schema, name }) => entry.schema === schema && entry.tag.startsWith(`${name} `)))
      leftOut.push(entry.tag);
  }
  if (withNeeded) takeNeeded(byId, taken, tables, entries);
  return { ids: entries.filter(({ id }) => taken.has(id) || whole.has(id)).map(({ id }) => id), leftOut };
}

/** Those that a column takes its numbers from: they depend on the table only through their owner's entry. */
function takeSequences(entries: readonly ArchiveEntry[], taken: Set<number>): void {
  const owned = entries.filter(
    ({ kind, dependencies }) => kind === 'SEQUENCE OWNED BY' && dependencies.some((id) => taken.has(id)),
  );
  for (const { schema, tag } of owned) {
    for (const entry of entries) {
      if (sequenceParts.has(entry.kind) && entry.schema === schema && entry.tag === tag) taken.add(entry.id);
    }
  }
}

function isBetween(
  entry: ArchiveEntry,
  byId: ReadonlyMap<number, ArchiveEntry>,
  taken: ReadonlySet<number>,
  isAlone: boolean,
): boolean {
  // Where the database has the other tables, the key can be checked; alone both must be taken.
  const tables = entry.dependencies.filter((id) => byId.get(id)?.kind === 'TABLE');
  return isAlone ? tables.length > 1 && tables.every((id) => taken.has(id)) : tables.some((id) => taken.has(id));
}

function takeNeeded(
  byId: ReadonlyMap<number, ArchiveEntry>,
  taken: Set<number>,
  tables: readonly Relation[],
  entries: readonly ArchiveEntry[],
): void {
  for (const { kind, tag, id } of entries) {
    if (kind === 'SCHEMA' && tables.some(({ schema }) => schema === tag)) taken.add(id);
  }
  const open = [...taken];
  for (let id = open.pop(); id !== undefined; id = open.pop()) {
    for (const needed of byId.get(id)?.dependencies ?? []) {
      const entry = byId.get(needed);
      if (entry === undefined || taken.has(needed) || entry.kind === 'TABLE') continue;
      taken.add(needed);
      open.push(needed);
    }
  }
}

/** For `pg_restore --use-list`: the number decides, the rest is for people. */
export function useList(ids: readonly number[]): string {
  return ids.map((id) => `${id}; 0 0\n`).join('');
}
