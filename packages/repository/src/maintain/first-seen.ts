/**
 * When this machine first saw each snapshot, for storages that do not tell when they took a file in. A text of JSON, kept
 * on this machine: losing it makes every snapshot look new, and new ones push nobody out.
 *
 *   {"version":1,"snapshots":{"<id>":<ms since 1970>}}
 */
import { isId, type SnapshotId } from '../ids.ts';

export type SeenSnapshots = {
  readonly firstSeenMs: ReadonlyMap<SnapshotId, number>;
  /** To be kept for the next time. */
  readonly text: string;
};

/** @param note what was kept the last time; anything else than that counts as nothing */
export function meetSnapshots(note: string | undefined, ids: Iterable<SnapshotId>, nowMs: number): SeenSnapshots {
  const known = parseNote(note);
  const firstSeenMs = new Map<SnapshotId, number>();
  for (const id of ids) {
    const seenMs = known[id];
    // A clock that was wrong once must not make a snapshot older than it is, nor new for ever.
    const isSound = typeof seenMs === 'number' && Number.isFinite(seenMs) && seenMs > 0 && seenMs <= nowMs;
    firstSeenMs.set(id, isSound ? seenMs : nowMs);
  }
  return { firstSeenMs, text: JSON.stringify({ version: 1, snapshots: Object.fromEntries(firstSeenMs) }) };
}

function parseNote(note: string | undefined): Readonly<Record<string, unknown>> {
  if (note === undefined) return {};
  try {
    const { version, snapshots } = JSON.parse(note) as { version?: unknown; snapshots?: unknown };
    if (version !== 1 || typeof snapshots !== 'object' || snapshots === null) return {};
    return Object.fromEntries(Object.entries(snapshots).filter(([id]) => isId(id)));
  } catch {
    return {};
  }
}
