/** From what people write for snapshots to the snapshots. Unreadable files are skipped unless one is named. */
import { CoffreError, isCoffreError } from '../errors.ts';
import { carriedBytes, type ByteString } from '../format/bytestring.ts';
import type { Snapshot } from '../format/snapshot.ts';
import type { SnapshotId } from '../ids.ts';
import type { Repository, StoredSnapshot } from '../repository.ts';
import {
  isEmptyFilter,
  latestOf,
  matchesFilter,
  parseSnapshotName,
  resolvePrefix,
  type SnapshotFilter,
  type SnapshotName,
} from './select.ts';

export type FoundSnapshot = {
  readonly id: SnapshotId;
  readonly snapshot: Snapshot;
  /** After the colon; absent when there was none. */
  readonly folder?: ByteString;
};

/** One snapshot; the filter counts for `latest` only. @throws {CoffreError} USAGE, SNAPSHOT_NOT_FOUND, ID_AMBIGUOUS */
export async function findSnapshot(
  repository: Repository,
  text: string,
  filter: SnapshotFilter = {},
): Promise<FoundSnapshot> {
  const name = parseSnapshotName(text);
  const found = await createFinder(repository, filter).find(name);
  return { ...found, ...(name.folder !== undefined && { folder: carriedBytes(name.folder) }) };
}

export type FoundSnapshots = {
  readonly found: readonly StoredSnapshot[];
  /** Names that could not be resolved, in the order given; the others are still there. */
  readonly problems: readonly { readonly name: string; readonly error: unknown }[];
  /** A filter was given and, beside explicit ids, not used. */
  readonly filterUnused: boolean;
};

/** The snapshots named, each once, in the order given; without names all that match the filter. */
export async function findSnapshots(
  repository: Repository,
  names: readonly string[],
  filter: SnapshotFilter = {},
): Promise<FoundSnapshots> {
  if (names.length === 0) {
    const all = await repository.listSnapshots();
    const found = all.filter(({ snapshot }) => matchesFilter(snapshot, filter));
    return { found, problems: [], filterUnused: false };
  }
  const finder = createFinder(repository, filter);
  const found = new Map<SnapshotId, StoredSnapshot>();
  const problems: { name: string; error: unknown }[] = [];
  let usedFilter = false;
  for (const text of names) {
    try {
      const name = parseSnapshotName(text);
      if (name.folder !== undefined) throw folderNotAllowed(text);
      usedFilter ||= name.wanted.kind === 'latest';
      const snapshot = await finder.find(name);
      found.set(snapshot.id, snapshot);
    } catch (error) {
      if (!isCoffreError(error) || error.retryable) throw error;
      problems.push({ name: text, error });
    }
  }
  return { found: [...found.values()], problems, filterUnused: !usedFilter && !isEmptyFilter(filter) };
}

function folderNotAllowed(text: string): CoffreError {
  return new CoffreError('USAGE', `${text}: a folder after the colon is not possible here`, {
    hint: 'Name the snapshot alone.',
  });
}

/** Lists once for all names. */
function createFinder(repository: Repository, filter: SnapshotFilter) {
  let ids: Promise<SnapshotId[]> | undefined;
  let all: Promise<StoredSnapshot[]> | undefined;
  return {
    async find({ wanted }: SnapshotName): Promise<StoredSnapshot> {
      if (wanted.kind === 'latest') {
        all ??= repository.listSnapshots();
        return latestOf(await all, { nowNs: repository.host.clock.nowNs(), filter, back: wanted.back });
      }
      ids ??= repository.listIds('snapshots').then((files) => files.map(({ id }) => id));
      const id = resolvePrefix(await ids, wanted.prefix, 'snapshot');
      return { id, snapshot: await repository.loadSnapshot(id) };
    },
  };
}
