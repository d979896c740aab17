/** Removing what no snapshot needs: plan beside others, publish alone, delete after a grace period. */
import type { CompressionLevel } from '../../compress/zstd.ts';
import { CoffreError } from '../../errors.ts';
import type { PackId, SnapshotId } from '../../ids.ts';
import { entryWords, type BlobSegment } from '../../index/blob-table.ts';
import type { Repository } from '../../repository.ts';
import { Bits } from './bits.ts';
import { packContents } from './index-rewrite.ts';
import { isUndated } from './marks.ts';
import { planPacks, type PackPlan, type PackPlanOptions } from './plan.ts';
import { describePlan, type PrunePlan } from './prune-plan.ts';
import type { Mark } from './prune-index.ts';
import { publish, type Published, type PublishEvent } from './publish.ts';
import { recheck } from './recheck.ts';
import { repack, type PackToRepack, type RepackResult } from './repack.ts';
import { survey, type Survey, type SurveyEvent } from './survey.ts';

/** What a `HeldLock` is to a prune. */
export type PruneLock = AsyncDisposable & { readonly signal: AbortSignal };

export type PruneOptions = Omit<PackPlanOptions, 'version'> & {
  /** How long packs stay after they were marked; 0 deletes at once. */
  readonly graceMs: number;
  readonly dryRun?: boolean;
  /** As if they were gone already: for a dry run after a dry run. */
  readonly ignoreSnapshots?: ReadonlySet<SnapshotId>;
  readonly compression: CompressionLevel;
  readonly packTargetBytes?: number;
  /**
   * Shared while it reads and repacks, exclusive for the end. Whoever wants others out all the time holds an exclusive lock
   * around all this and answers with that.
   */
  readonly lock: (kind: 'shared' | 'exclusive') => Promise<PruneLock>;
  readonly signal: AbortSignal;
};

export type PruneEvent =
  | SurveyEvent
  | { readonly kind: 'plan'; readonly plan: PrunePlan }
  | { readonly kind: 'repacking'; readonly done: number; readonly total: number }
  | { readonly kind: 'waiting-for-lock' }
  | { readonly kind: 'changed'; readonly putBack: number }
  | PublishEvent;

export type PruneResult = Published & { readonly plan: PrunePlan };

const nothingPublished: Published = {
  deleted: { packs: 0, bytes: 0 },
  marked: { packs: 0, bytes: 0 },
  freedMs: undefined,
  recovered: 0,
};

/** Beside programs that take no locks nothing is deleted sooner than this after it was marked. */
const lockFreeGraceMs = 60 * 60_000;

/**
 * A kill at any point leaves every snapshot as it was, and the next prune goes on.
 * @throws {CoffreError} PRUNE_REFUSED, REPO_CHANGED, REPO_LOCKED, and what `survey` throws
 */
export async function prune(
  repository: Repository,
  options: PruneOptions,
  report: (event: PruneEvent) => void,
): Promise<PruneResult> {
  if (options.dryRun !== true) repository.backend.refuseShrunkenLists?.();
  const prepared = await prepare(repository, options, report);
  if (prepared.work === undefined) return { ...nothingPublished, plan: prepared.plan };
  const { found, leaving, copies } = prepared.work;
  report({ kind: 'waiting-for-lock' });
  await using lock = await options.lock('exclusive');
  const signal = AbortSignal.any([options.signal, lock.signal]);
  const checked = await recheck(repository, found, leaving, copies, signal);
  refuseInstant(found, options.graceMs);
  if (checked.putBack > 0) report({ kind: 'changed', putBack: checked.putBack });
  const published = await publish(repository, found, checked, { graceMs: options.graceMs, signal }, report);
  return { ...published, plan: prepared.plan };
}

type Work = {
  readonly found: Survey;
  readonly leaving: ReadonlySet<number>;
  readonly copies: RepackResult | undefined;
};

/** Everything that others may go on beside. Without work there is nothing to publish. */
async function prepare(
  repository: Repository,
  options: PruneOptions,
  report: (event: PruneEvent) => void,
): Promise<{ plan: PrunePlan; work?: Work }> {
  await using lock = await options.lock('shared');
  const signal = AbortSignal.any([options.signal, lock.signal]);
  const ignoreSnapshots = options.ignoreSnapshots ?? new Set();
  const found = await survey(repository, { signal, ignoreSnapshots }, report);
  refuseInstant(found, options.graceMs);
  const { usage } = found;
  const { version } = repository.config;
  const totals = { usedBytes: usage.used.bytes, unusedBytes: usage.duplicate.bytes + usage.unused.bytes };
  const packPlan = planPacks(usage.packs, totals, { ...options, version });
  const plan = describe(repository, found, packPlan, options.graceMs);
  report({ kind: 'plan', plan });
  if (options.dryRun === true || !hasWork(plan, found, nowMsOf(repository))) return { plan };
  const copies = await copyKept(repository, found, packPlan, { ...options, signal }, report);
  return { plan, work: { found, leaving: new Set([...packPlan.remove, ...packPlan.repack]), copies } };
}

function describe(repository: Repository, found: Survey, plan: PackPlan, graceMs: number): PrunePlan {
  const { index, usage, unindexed, storedBytes } = found;
  const live = index.livePacks();
  return describePlan({
    plan,
    usage,
    unindexed,
    storedBytes,
    marks: marksOf(found),
    isLive: (packNumber) => live.has(packNumber),
    packIds: index.table.packIds,
    version: repository.config.version,
    nowMs: nowMsOf(repository),
    graceMs,
  });
}

/** Marks that are over are work as well, also those of packs that are gone. */
function hasWork({ repack, remove, unindexed, missing, figures }: PrunePlan, found: Survey, nowMs: number): boolean {
  const marks = marksOf(found);
  const isTidy = figures.marked.waiting.packs === marks.length && !marks.some((mark) => isUndated(mark, nowMs));
  return repack.length + remove.length + unindexed.length + missing.length > 0 || !isTidy;
}

function marksOf({ index }: Survey): Mark[] {
  return [...index.files.values()].flatMap(({ marks }) => marks);
}

function nowMsOf({ host }: Repository): number {
  return Number(host.clock.nowNs() / 1_000_000n);
}

function refuseInstant({ hasLockFreeWriters }: Survey, graceMs: number): void {
  if (!hasLockFreeWriters || graceMs >= lockFreeGraceMs) return;
  throw new CoffreError(
    'PRUNE_REFUSED',
    'rustic writes here as well and takes no locks, so nothing may be deleted at once',
    {
      hint: 'Run prune without --instant-delete; what it marks is deleted by a prune after the grace period.',
    },
  );
}

/** Used blobs of packs that go, without those that a pack which stays has too. */
async function copyKept(
  repository: Repository,
  { index, used, usage }: Survey,
  plan: PackPlan,
  options: PruneOptions,
  report: (event: PruneEvent) => void,
): Promise<RepackResult | undefined> {
  if (plan.repack.length === 0) return undefined;
  const { table } = index;
  const segment = table.segments[0] as BlobSegment;
  const first = used.firstEntries();
  const kept = new Set(plan.keep);
  const done = new Bits();
  for (let entry = 0; entry < first.length; entry++) {
    const packNumber = (segment.words[entry * entryWords + 8] as number) & 0x7fff_ffff;
    if (kept.has(packNumber) && usage.isUsable(packNumber)) done.add(first[entry] as number);
  }
  const contents = packContents(table);
  const total = plan.repack.length;
  let repacked = 0;
  report({ kind: 'repacking', done: 0, total });
  function* packs(): Generator<PackToRepack> {
    for (const packNumber of plan.repack) {
      const id = table.packIds[packNumber] as PackId;
      const blobs = contents(packNumber).blobs.filter(({ id: blobId, type }) => {
        const number = segment.find(type, Buffer.from(blobId, 'hex'));
        return used.has(number) && done.add(number);
      });
      yield { id, blobs: blobs.map((blob) => ({ ...blob, packId: id })) };
    }
  }
  return await repack(index.indexed, packs(), {
    compression: options.compression,
    ...(options.packTargetBytes !== undefined && { packTargetBytes: options.packTargetBytes }),
    signal: options.signal,
    packDone: () => report({ kind: 'repacking', done: (repacked += 1), total }),
  });
}
