/** Which snapshots are meant: filters by host, tags and paths, `latest`, beginnings of ids. No reading happens here. */
import { CoffreError } from '../errors.ts';
import type { Snapshot } from '../format/snapshot.ts';
import { compareTimestamps, parseTimestamp, timestampNs } from '../format/time.ts';
import { shortId, type AnyId } from '../ids.ts';
import type { StoredSnapshot } from '../repository.ts';
import { cleanPath } from '../select/clean-path.ts';

/** All of the list must be there; the empty tag means "has no tags". */
export type TagList = readonly string[];

export type SnapshotFilter = {
  /** One of these. */
  readonly hosts?: readonly string[];
  /** One of these lists. */
  readonly tags?: readonly TagList[];
  /** All of these, absolute. */
  readonly paths?: readonly string[];
};

/** `a, b` means both tags. */
export function parseTagList(text: string): TagList {
  return text.split(',').map((tag) => tag.trim());
}

/** Nothing was asked for, so every snapshot matches. */
export function isEmptyFilter(filter: SnapshotFilter): boolean {
  return (filter.hosts ?? []).length + (filter.tags ?? []).length + (filter.paths ?? []).length === 0;
}

/** Whether the host is one of those, all tags of one list are there, and all paths were backed up. */
export function matchesFilter(snapshot: Snapshot, filter: SnapshotFilter): boolean {
  const { hosts = [], tags = [], paths = [] } = filter;
  if (hosts.length > 0 && !hosts.includes(snapshot.hostname ?? '')) return false;
  if (tags.length > 0 && !tags.some((list) => hasTags(snapshot, list))) return false;
  return paths.every((path) => snapshot.paths.includes(cleanPath(path)));
}

export function hasTags(snapshot: Snapshot, wanted: TagList): boolean {
  const tags = snapshot.tags ?? [];
  for (const tag of wanted) {
    if (tag === '' && tags.length === 0) return true;
    if (!tags.includes(tag)) return false;
  }
  return true;
}

/** Newest first; equal times in order of id, so that two runs agree. */
export function newestFirst(snapshots: readonly StoredSnapshot[]): StoredSnapshot[] {
  const dated = snapshots.map((stored) => ({ stored, time: parseTimestamp(stored.snapshot.time) }));
  dated.sort((a, b) => compareTimestamps(b.time, a.time) || (a.stored.id < b.stored.id ? -1 : 1));
  return dated.map(({ stored }) => stored);
}

/** A clock may be a little ahead; more than a day is a mistake or an attack. */
const futureToleranceNs = 24n * 3_600_000_000_000n;

/** Such a snapshot is kept by every policy, counted by none, and never `latest`: it must not push others out. */
export function isFutureDated(snapshot: Snapshot, nowNs: bigint): boolean {
  return timestampNs(parseTimestamp(snapshot.time)) > nowNs + futureToleranceNs;
}

export type LatestOptions = {
  readonly nowNs: bigint;
  readonly filter?: SnapshotFilter;
  /** 0 is the newest, 1 the one before it. */
  readonly back?: number;
};

/** @throws {CoffreError} SNAPSHOT_NOT_FOUND */
export function latestOf(snapshots: readonly StoredSnapshot[], options: LatestOptions): StoredSnapshot {
  const { nowNs, filter = {}, back = 0 } = options;
  const matching = snapshots.filter(({ snapshot }) => matchesFilter(snapshot, filter));
  const usable = matching.filter(({ snapshot }) => !isFutureDated(snapshot, nowNs));
  const found = newestFirst(usable)[back];
  if (found !== undefined) return found;
  const where = isEmptyFilter(filter) ? 'in the repository' : 'that matches the filter';
  const ahead = matching.length - usable.length;
  if (ahead > 0) {
    throw new CoffreError('SNAPSHOT_NOT_FOUND', `every snapshot ${where} is dated in the future`, {
      hint: 'Check the clock; to use such a snapshot, name it by its id.',
    });
  }
  const wanted = back === 0 ? 'no snapshot found' : `there are only ${usable.length} snapshots`;
  throw new CoffreError('SNAPSHOT_NOT_FOUND', `${wanted} ${where}`, {
    hint: 'Run `coffre snapshots` to see what is there.',
  });
}

/** What a person wrote for a snapshot: an id, its beginning, `latest` or `latest~2`, and perhaps `:folder`. */
export type SnapshotName = {
  readonly wanted:
    | { readonly kind: 'latest'; readonly back: number }
    | { readonly kind: 'id'; readonly prefix: string };
  /** Absent without a colon. */
  readonly folder?: string;
};

/** @throws {CoffreError} USAGE */
export function parseSnapshotName(text: string): SnapshotName {
  const colon = text.indexOf(':');
  const name = colon < 0 ? text : text.slice(0, colon);
  const folder = colon < 0 ? {} : { folder: text.slice(colon + 1) };
  const latest = /^latest(?:~(\d{1,9}))?$/.exec(name);
  if (latest !== null) return { wanted: { kind: 'latest', back: Number(latest[1] ?? 0) }, ...folder };
  if (!/^[0-9a-f]{1,64}$/.test(name)) {
    throw new CoffreError('USAGE', `${JSON.stringify(name)} does not name a snapshot`, {
      hint: 'Use an id or its beginning, `latest`, or `latest~1` for the one before.',
    });
  }
  return { wanted: { kind: 'id', prefix: name }, ...folder };
}

/** How the messages call what the ids stand for. */
export type IdNoun = 'snapshot' | 'key' | 'index' | 'lock' | 'pack' | 'blob';

/** @throws {CoffreError} ID_AMBIGUOUS with the candidates, SNAPSHOT_NOT_FOUND or REPO_FILE_MISSING */
export function resolvePrefix<T extends AnyId>(ids: readonly T[], prefix: string, noun: IdNoun): T {
  const found = prefix === '' ? [] : ids.filter((id) => id.startsWith(prefix));
  if (found.length > 1) {
    const shown = found.slice(0, 5).map((id) => distinct(id, prefix));
    const more = found.length > shown.length ? ` and ${found.length - shown.length} more` : '';
    throw new CoffreError('ID_AMBIGUOUS', `${found.length} ${noun} ids begin with ${prefix}`, {
      hint: `Write more digits: ${shown.join(', ')}${more}.`,
    });
  }
  const [only] = found;
  if (only !== undefined) return only;
  throw new CoffreError(
    noun === 'snapshot' ? 'SNAPSHOT_NOT_FOUND' : 'REPO_FILE_MISSING',
    `no ${noun} id begins with ${prefix}`,
    {
      hint:
        noun === 'snapshot'
          ? 'Run `coffre snapshots` to see what is there.'
          : `Run \`coffre list\` to see what is there.`,
    },
  );
}

/** Enough digits to tell the candidates apart from what was written. */
function distinct(id: AnyId, prefix: string): string {
  return prefix.length < 8 ? shortId(id) : id.slice(0, prefix.length + 4);
}
