/** Which snapshots are to be copied, and which are there already, by restic's rules. Pure. */
import type { Snapshot } from '../../format/snapshot.ts';
import { parseTimestamp, timestampNs } from '../../format/time.ts';
import type { SnapshotId } from '../../ids.ts';
import type { StoredSnapshot } from '../../repository.ts';

export type ChosenSnapshots = {
  /** Oldest first. */
  readonly missing: readonly StoredSnapshot[];
  readonly present: readonly { readonly snapshot: StoredSnapshot; readonly copy: SnapshotId }[];
};

export function chooseSnapshots(
  wanted: readonly StoredSnapshot[],
  existing: readonly StoredSnapshot[],
): ChosenSnapshots {
  const byOriginal = new Map<SnapshotId, StoredSnapshot[]>();
  for (const stored of existing) {
    for (const id of new Set([stored.id, originalOf(stored)])) {
      const known = byOriginal.get(id);
      if (known === undefined) byOriginal.set(id, [stored]);
      else known.push(stored);
    }
  }
  const missing: StoredSnapshot[] = [];
  const present: { snapshot: StoredSnapshot; copy: SnapshotId }[] = [];
  for (const snapshot of oldestFirst(wanted)) {
    const copy = byOriginal.get(originalOf(snapshot))?.find((other) => isCopy(snapshot.snapshot, other.snapshot));
    if (copy === undefined) missing.push(snapshot);
    else present.push({ snapshot, copy: copy.id });
  }
  return { missing, present };
}

/** The id it had before the first rewrite, tag or copy. */
function originalOf({ id, snapshot }: StoredSnapshot): SnapshotId {
  return snapshot.original ?? id;
}

function oldestFirst(snapshots: readonly StoredSnapshot[]): StoredSnapshot[] {
  const dated = snapshots.map((stored) => ({ stored, ns: timestampNs(parseTimestamp(stored.snapshot.time)) }));
  dated.sort((a, b) => (a.ns === b.ns ? (a.stored.id < b.stored.id ? -1 : 1) : a.ns < b.ns ? -1 : 1));
  return dated.map(({ stored }) => stored);
}

/** Everything but parent and original agrees; the same instant may be written in another zone, lists in another order. */
function isCopy(a: Snapshot, b: Snapshot): boolean {
  return (
    a.tree === b.tree &&
    (a.hostname ?? '') === (b.hostname ?? '') &&
    (a.username ?? '') === (b.username ?? '') &&
    (a.uid ?? 0) === (b.uid ?? 0) &&
    (a.gid ?? 0) === (b.gid ?? 0) &&
    timestampNs(parseTimestamp(a.time)) === timestampNs(parseTimestamp(b.time)) &&
    isSameSet(a.paths, b.paths) &&
    isSameSet(a.excludes, b.excludes) &&
    isSameSet(a.tags, b.tags)
  );
}

function isSameSet(a: readonly string[] = [], b: readonly string[] = []): boolean {
  const [left, right] = [new Set(a), new Set(b)];
  return a.length === b.length && left.size === right.size && left.isSubsetOf(right);
}

/** As the other repository stores it: the parent means nothing there, the first id is remembered. */
export function copiedSnapshot({ id, snapshot }: StoredSnapshot): Snapshot {
  const { parent: _parent, foreign, ...members } = snapshot;
  // rustic names several.
  const { parents: _parents, ...others } = foreign ?? {};
  return {
    ...members,
    original: snapshot.original ?? id,
    ...(Object.keys(others).length > 0 && { foreign: others }),
  };
}
