/** The whole plan of a prune: what is used, what goes, and the figures that people are shown before anything happens. */
import type { PackId } from '../../ids.ts';
import { judgeMark, markedSince, newestMarks } from './marks.ts';
import type { BlobTotals, RepositoryUsage } from './pack-usage.ts';
import { zeroTotals } from './pack-usage.ts';
import type { PackPlan, PackUsage } from './plan.ts';
import type { Mark } from './prune-index.ts';

/** Figures as restic has them; sizes are of blobs, sealed, without pack headers unless the name says packs. */
export type PruneFigures = {
  readonly used: BlobTotals;
  readonly duplicate: BlobTotals;
  readonly unused: BlobTotals;
  /** Files that no index names. */
  readonly unindexed: { readonly packs: number; readonly bytes: number };
  /** Whole packs that are written anew, and what falls away by that. */
  readonly repack: BlobTotals;
  readonly repackRemoves: BlobTotals;
  /** In packs that go as a whole. */
  readonly remove: BlobTotals;
  readonly uncompressedBytes: number;
  readonly packs: {
    readonly used: number;
    readonly partlyUsed: number;
    readonly unused: number;
    readonly keep: number;
    readonly repack: number;
    readonly remove: number;
  };
  readonly marked: MarkFigures;
};

/** Packs that an earlier prune marked. */
export type MarkFigures = {
  /** Deleted now. */
  readonly expired: { readonly packs: number; readonly bytes: number };
  readonly waiting: { readonly packs: number; readonly bytes: number; readonly firstFreedMs: number | undefined };
  /** Used again by a newer snapshot, and back in the index. */
  readonly recovered: number;
};

export type PrunePlan = {
  readonly figures: PruneFigures;
  readonly repack: readonly PackId[];
  readonly remove: readonly PackId[];
  readonly unindexed: readonly PackId[];
  /** Named by the index, needed by nobody, and not in the storage. */
  readonly missing: readonly PackId[];
};

export type PlannedPacks = {
  readonly plan: PackPlan;
  readonly usage: RepositoryUsage;
  readonly unindexed: readonly { readonly id: PackId; readonly sizeBytes: number }[];
  readonly marks: readonly Mark[];
  readonly storedBytes: ReadonlyMap<number, number>;
  readonly isLive: (packNumber: number) => boolean;
  readonly packIds: readonly PackId[];
  readonly version: 1 | 2;
  readonly nowMs: number;
  readonly graceMs: number;
};

export function describePlan(planned: PlannedPacks): PrunePlan {
  const { plan, usage, unindexed, packIds } = planned;
  const byNumber = new Map(usage.packs.map((pack) => [pack.packNumber, pack]));
  const chosen = (numbers: readonly number[]): PackUsage[] =>
    numbers.map((number) => byNumber.get(number) as PackUsage);
  const repack = chosen(plan.repack);
  const remove = chosen(plan.remove);
  const kept = chosen(plan.keep);
  const idsOf = (packs: readonly PackUsage[]): PackId[] => packs.map(({ packNumber }) => packIds[packNumber] as PackId);
  const stored = usage.packs.filter(({ isStored }) => isStored);
  const count = (is: (pack: PackUsage) => boolean): number => stored.filter(is).length;
  const uncompressedBytes = kept
    .filter(({ isUncompressed }) => isUncompressed)
    .reduce((sum, pack) => sum + sizeOf(pack), 0);
  return {
    repack: idsOf(repack),
    remove: idsOf(remove.filter(({ isStored }) => isStored)),
    missing: idsOf(remove.filter(({ isStored }) => !isStored)),
    unindexed: unindexed.map(({ id }) => id),
    figures: {
      used: usage.used,
      duplicate: usage.duplicate,
      unused: usage.unused,
      unindexed: { packs: unindexed.length, bytes: unindexed.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0) },
      repack: totalsOf(repack, (pack) => [pack.usedBlobs + pack.unusedBlobs, sizeOf(pack)]),
      repackRemoves: totalsOf(repack, (pack) => [pack.unusedBlobs, pack.unusedBytes]),
      remove: totalsOf(remove, (pack) => [pack.unusedBlobs, pack.unusedBytes]),
      uncompressedBytes: planned.version >= 2 ? uncompressedBytes : 0,
      packs: {
        used: count(({ unusedBlobs }) => unusedBlobs === 0),
        partlyUsed: count(({ usedBlobs, unusedBlobs }) => usedBlobs > 0 && unusedBlobs > 0),
        unused: count(({ usedBlobs, unusedBlobs }) => usedBlobs === 0 && unusedBlobs > 0),
        keep: kept.length,
        repack: repack.length,
        remove: remove.filter(({ isStored }) => isStored).length,
      },
      marked: markFigures(planned),
    },
  };
}

function sizeOf({ usedBytes, unusedBytes }: PackUsage): number {
  return usedBytes + unusedBytes;
}

function totalsOf(packs: readonly PackUsage[], of: (pack: PackUsage) => [blobs: number, bytes: number]): BlobTotals {
  const totals = zeroTotals();
  for (const pack of packs) {
    const [blobs, bytes] = of(pack);
    totals.blobs += blobs;
    totals.bytes += bytes;
  }
  return totals;
}

function markFigures({ marks, usage, storedBytes, isLive, nowMs, graceMs }: PlannedPacks): MarkFigures {
  const expired = { packs: 0, bytes: 0 };
  const waiting: { packs: number; bytes: number; firstFreedMs: number | undefined } = {
    packs: 0,
    bytes: 0,
    firstFreedMs: undefined,
  };
  for (const mark of newestMarks(marks, nowMs).values()) {
    const bytes = storedBytes.get(mark.packNumber);
    const isInUse = isLive(mark.packNumber) || usage.recovered.has(mark.packNumber);
    const verdict = judgeMark(mark, { nowMs, graceMs, isInUse, isStored: bytes !== undefined });
    if (verdict === 'void') continue;
    const sums = verdict === 'expired' ? expired : waiting;
    sums.packs += 1;
    sums.bytes += bytes ?? 0;
    const freedMs = markedSince(mark, nowMs) + graceMs;
    if (verdict === 'waiting') waiting.firstFreedMs = Math.min(waiting.firstFreedMs ?? freedMs, freedMs);
  }
  return { expired, waiting, recovered: usage.recovered.size };
}
