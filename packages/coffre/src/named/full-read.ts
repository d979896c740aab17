/**
 * Which backups belong together, and which of them read everything. Every snapshot restores on its own; "full",
 * "differential" and "incremental" only say what it is compared with. Pure.
 */
import { newestFirst, parseTimestamp, timestampNs } from '@coffre/repository';
import type { Snapshot, StoredSnapshot } from '@coffre/repository';
import { factsOf } from './tags.ts';

/** `unknown`: it was copied or changed, and a copy has no parent whatever was read. */
export type ReadKind = 'full' | 'incremental' | 'unknown';

export function readKindOf(snapshot: Pick<Snapshot, 'tags' | 'parent' | 'original'>): ReadKind {
  if (factsOf(snapshot).isFull) return 'full';
  if (snapshot.parent !== undefined) return 'incremental';
  return snapshot.original === undefined ? 'full' : 'unknown';
}

/** Those of the same source of the same plan, or of the same host and paths, and this one; newest first. */
export function backupsUpTo(snapshots: readonly StoredSnapshot[], target: StoredSnapshot): StoredSnapshot[] {
  const untilNs = nsOf(target);
  const isRelated = relationTo(target.snapshot);
  const before = snapshots.filter((one) => one.id !== target.id && nsOf(one) < untilNs && isRelated(one.snapshot));
  return [target, ...newestFirst(before)];
}

export type LastFullRead = {
  readonly stored: StoredSnapshot;
  /** It is the one that was asked about. */
  readonly isItself: boolean;
};

/** A complete one where there is any. @param chain as `backupsUpTo` gives it */
export function lastFullRead(chain: readonly StoredSnapshot[]): LastFullRead | undefined {
  const oldest = chain.at(-1);
  const isFull = (one: StoredSnapshot): boolean => {
    const kind = readKindOf(one.snapshot);
    // With nothing before it there was nothing to compare with.
    return kind === 'full' || (kind === 'unknown' && one === oldest);
  };
  const full = chain.filter(isFull);
  const stored = full.find(({ snapshot }) => !factsOf(snapshot).isIncomplete) ?? full[0];
  return stored === undefined ? undefined : { stored, isItself: stored === chain[0] };
}

/** What this one was compared with, or the complete one before it. */
export function backupBefore([target, ...earlier]: readonly StoredSnapshot[]): StoredSnapshot | undefined {
  const parent = target?.snapshot.parent;
  return (
    earlier.find(({ id, snapshot }) => parent !== undefined && (id === parent || snapshot.original === parent)) ??
    earlier.find(({ snapshot }) => !factsOf(snapshot).isIncomplete) ??
    earlier[0]
  );
}

function relationTo(target: Snapshot): (other: Snapshot) => boolean {
  const { plan, source } = factsOf(target);
  if (plan !== undefined && source !== undefined) {
    return (other) => {
      const facts = factsOf(other);
      return facts.plan === plan && facts.source === source && facts.kind !== 'temp';
    };
  }
  const paths = JSON.stringify(target.paths.toSorted());
  return (other) =>
    factsOf(other).plan === undefined &&
    (other.hostname ?? '') === (target.hostname ?? '') &&
    JSON.stringify(other.paths.toSorted()) === paths;
}

function nsOf({ snapshot }: StoredSnapshot): bigint {
  return timestampNs(parseTimestamp(snapshot.time));
}
