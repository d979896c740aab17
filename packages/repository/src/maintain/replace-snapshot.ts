import type { Snapshot } from '../format/snapshot.ts';
import { encodeSnapshot } from '../format/snapshot.ts';
import type { SnapshotId } from '../ids.ts';
import type { Repository } from '../repository.ts';

export type SnapshotChange = { readonly oldId: SnapshotId; readonly newId: SnapshotId };

/** The new file is stored before the old one goes: a crash between leaves both, never none. */
export async function replaceSnapshot(
  repository: Repository,
  oldId: SnapshotId,
  snapshot: Snapshot,
): Promise<SnapshotChange> {
  const newId = await repository.saveUnpacked('snapshots', encodeSnapshot(snapshot));
  if (newId !== oldId) await repository.remove('snapshots', oldId);
  return { oldId, newId };
}
