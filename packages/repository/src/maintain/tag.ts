import type { Snapshot } from '../format/snapshot.ts';
import type { SnapshotId } from '../ids.ts';
import type { Repository, StoredSnapshot } from '../repository.ts';
import { isCoffreError } from '../errors.ts';
import { replaceSnapshot, type SnapshotChange } from './replace-snapshot.ts';

export type TagChange =
  /** An empty list takes all tags away. */
  | { readonly kind: 'set'; readonly tags: readonly string[] }
  | { readonly kind: 'change'; readonly add: readonly string[]; readonly remove: readonly string[] };

/** Undefined when nothing changes. */
export function retag({ id, snapshot }: StoredSnapshot, change: TagChange): Snapshot | undefined {
  const before = snapshot.tags ?? [];
  const after =
    change.kind === 'set'
      ? withoutRepeats(change.tags)
      : withoutRepeats([...before, ...change.add]).filter((tag) => !change.remove.includes(tag));
  if (after.length === before.length && after.every((tag, index) => tag === before[index])) return undefined;
  const { tags: _, ...rest } = snapshot;
  // `original` names the snapshot as it was first saved, however often it is tagged.
  return { ...rest, ...(after.length > 0 && { tags: after }), original: snapshot.original ?? id };
}

function withoutRepeats(tags: readonly string[]): string[] {
  return [...new Set(tags)];
}

export type TagEvent =
  | ({ readonly kind: 'changed' } & SnapshotChange)
  /** The others are still done. */
  | { readonly kind: 'failed'; readonly id: SnapshotId; readonly error: unknown };

/** The caller holds an exclusive lock. Resolves to how many snapshots changed. @throws {CoffreError} storage errors */
export async function tagSnapshots(
  repository: Repository,
  snapshots: readonly StoredSnapshot[],
  change: TagChange,
  report: (event: TagEvent) => void,
): Promise<number> {
  let changed = 0;
  for (const stored of snapshots) {
    const next = retag(stored, change);
    if (next === undefined) continue;
    try {
      report({ kind: 'changed', ...(await replaceSnapshot(repository, stored.id, next)) });
      changed += 1;
    } catch (error) {
      if (!isCoffreError(error) || error.code === 'INTERRUPTED' || error.code === 'REPO_LOCK_LOST') throw error;
      report({ kind: 'failed', id: stored.id, error });
    }
  }
  return changed;
}
