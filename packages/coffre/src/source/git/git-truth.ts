/** What a git repository holds, as far as its references say, and how two such moments differ. Pure. */
import { createHash } from 'node:crypto';
import { z } from 'zod';

const listedMax = 5000;

export const gitTruth = z.strictObject({
  path: z.string(),
  isBare: z.boolean(),
  objectFormat: z.enum(['sha1', 'sha256']),
  /** The reference that HEAD names, or the id where it names none. */
  head: z.string().nullable(),
  references: z.strictObject({
    count: z.int(),
    /** Of `<id> <name>` lines, in order of the names. */
    sha256: z.string(),
    /** Name -> id; bytes of names as Latin-1. Null where they are too many. */
    ids: z.record(z.string(), z.string()).nullable(),
  }),
  /** In the bundle; null when only references were looked at. */
  objects: z.int().nullable(),
  isShallow: z.boolean(),
});
export type GitTruth = z.infer<typeof gitTruth>;
export type GitReferences = GitTruth['references'];

/** @param references HEAD is none of them: it is told apart */
export function referencesOf(references: Iterable<readonly [string, string]>): GitReferences {
  const sorted = [...references].filter(([name]) => name !== 'HEAD').toSorted(([a], [b]) => (a < b ? -1 : 1));
  const hash = createHash('sha256');
  for (const [name, id] of sorted) hash.update(`${id} ${name}\n`, 'latin1');
  return {
    count: sorted.length,
    sha256: hash.digest('hex'),
    ids: sorted.length > listedMax ? null : Object.fromEntries(sorted),
  };
}

export function compareReferences(earlier: GitReferences, later: GitReferences): string[] {
  if (earlier.sha256 === later.sha256) return [];
  if (earlier.ids === null || later.ids === null) {
    return [`the ${later.count} references are not the ${earlier.count} that were saved`];
  }
  const said: string[] = [];
  for (const [name, id] of Object.entries(earlier.ids)) {
    const found = later.ids[name];
    if (found === undefined) said.push(`${shown(name)} is gone`);
    else if (found !== id) said.push(`${shown(name)} is at ${found.slice(0, 12)} instead of ${id.slice(0, 12)}`);
  }
  for (const name of Object.keys(later.ids)) if (!(name in earlier.ids)) said.push(`${shown(name)} is new`);
  return said;
}

export function compareGit(earlier: GitTruth, later: GitTruth): string[] {
  const head =
    earlier.head === later.head ? [] : [`HEAD is ${later.head ?? 'nothing'} instead of ${earlier.head ?? 'nothing'}`];
  return [...head, ...compareReferences(earlier.references, later.references)];
}

/** Bytes that a terminal must not obey are escaped. */
function shown(name: string): string {
  const text = Buffer.from(name, 'latin1').toString('utf8');
  return /^[\w/.-]+$/.test(text) ? text : JSON.stringify(text);
}
