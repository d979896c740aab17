import {
  cleanPath,
  isFutureDated,
  matchesFilter,
  newestFirst,
  parseGroupBy,
  parseTimestamp,
  timestampNs,
  toByteString,
  toText,
} from '@coffre/repository';
import type { Repository, SnapshotId, Timestamp } from '@coffre/repository';
import { selectSnapshot } from './snapshot-options.ts';

export type ParentWish = {
  readonly force: boolean;
  /** As given with --parent. */
  readonly name: string | undefined;
  readonly groupBy: string;
  readonly host: string;
  /** Absolute. */
  readonly paths: readonly string[];
  readonly tags: readonly string[];
  /** Of the new snapshot: a parent is not newer. */
  readonly time: Timestamp;
};

/** The snapshot to compare with: the one named, or the newest of the same group. @throws {CoffreError} SNAPSHOT_NOT_FOUND */
export async function chooseParent(repository: Repository, wish: ParentWish): Promise<SnapshotId | undefined> {
  if (wish.force) return undefined;
  const groupBy = parseGroupBy(wish.groupBy);
  const filter = {
    hosts: groupBy.host ? [wish.host] : [],
    paths: groupBy.paths ? wish.paths.map((path) => toText(cleanPath(toByteString(path)))) : [],
    tags: groupBy.tags ? [wish.tags.length === 0 ? [''] : wish.tags] : [],
  };
  if (wish.name !== undefined) return (await selectSnapshot(repository, filter, wish.name)).id;
  const nowNs = repository.host.clock.nowNs();
  const limitNs = timestampNs(wish.time);
  const fitting = (await repository.listSnapshots()).filter(
    ({ snapshot }) =>
      matchesFilter(snapshot, filter) &&
      timestampNs(parseTimestamp(snapshot.time)) <= limitNs &&
      !isFutureDated(snapshot, nowNs),
  );
  return newestFirst(fitting)[0]?.id;
}
