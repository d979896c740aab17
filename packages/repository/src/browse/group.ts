import { CoffreError } from '../errors.ts';
import { toByteString } from '../format/bytestring.ts';
import type { StoredSnapshot } from '../repository.ts';

export type GroupBy = { readonly host: boolean; readonly paths: boolean; readonly tags: boolean };

/** One group per host and set of paths, as restic has it. */
export const groupByDefault: GroupBy = { host: true, paths: true, tags: false };

/** What all snapshots of a group share; null where the grouping does not look (or nothing is there), as in restic's JSON. */
export type GroupKey = {
  readonly hostname: string;
  readonly paths: readonly string[] | null;
  readonly tags: readonly string[] | null;
};

export type SnapshotGroup = { readonly key: GroupKey; readonly snapshots: readonly StoredSnapshot[] };

/** `host,paths`; the empty text means one group of all. @throws {CoffreError} USAGE */
export function parseGroupBy(text: string): GroupBy {
  const groupBy = { host: false, paths: false, tags: false };
  for (const word of text.split(',')) {
    if (word === 'host' || word === 'hosts') groupBy.host = true;
    else if (word === 'path' || word === 'paths') groupBy.paths = true;
    else if (word === 'tag' || word === 'tags') groupBy.tags = true;
    else if (word !== '') {
      throw new CoffreError('USAGE', `snapshots cannot be grouped by ${JSON.stringify(word)}`, {
        hint: 'Use host, paths and tags, with commas between, or an empty text for one group.',
      });
    }
  }
  return groupBy;
}

/** Groups in order of host, paths, tags; inside a group the order of the list. */
export function groupSnapshots(snapshots: readonly StoredSnapshot[], groupBy: GroupBy): SnapshotGroup[] {
  const groups = new Map<string, { key: GroupKey; snapshots: StoredSnapshot[] }>();
  for (const stored of snapshots) {
    const key = groupKeyOf(stored, groupBy);
    const text = JSON.stringify([key.hostname, key.paths, key.tags]);
    const group = groups.get(text);
    if (group === undefined) groups.set(text, { key, snapshots: [stored] });
    else group.snapshots.push(stored);
  }
  const ordered = [...groups.values()].map((group) => ({ group, order: orderOf(group.key) }));
  return ordered.sort((a, b) => (a.order < b.order ? -1 : 1)).map(({ group }) => group);
}

function orderOf({ hostname, paths, tags }: GroupKey): string {
  return [hostname, (paths ?? []).join('\0'), (tags ?? []).join('\0')].join('\0\0');
}

function groupKeyOf({ snapshot }: StoredSnapshot, groupBy: GroupBy): GroupKey {
  return {
    hostname: groupBy.host ? (snapshot.hostname ?? '') : '',
    paths: groupBy.paths ? sortedByBytes(snapshot.paths) : null,
    tags: groupBy.tags && (snapshot.tags ?? []).length > 0 ? sortedByBytes(snapshot.tags ?? []) : null,
  };
}

function sortedByBytes(texts: readonly string[]): string[] {
  return texts
    .map((text) => ({ text, bytes: toByteString(text) }))
    .sort((a, b) => (a.bytes < b.bytes ? -1 : a.bytes > b.bytes ? 1 : 0))
    .map(({ text }) => text);
}
