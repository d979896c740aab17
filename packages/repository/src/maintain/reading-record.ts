/** Between a check and the ledger: what to read, with the promise or without. */
import { CoffreError } from '../errors.ts';
import type { Random } from '../host/host.ts';
import type { Repository } from '../repository.ts';
import { choosePacks, shareCount } from './check-read.ts';
import type { ReadDataSubset } from './read-data-subset.ts';
import { measureCoverage, planReading, type Amount, type Coverage, type SizedPack } from './reading-plan.ts';
import { VerificationLedger } from './verification-ledger.ts';

/** Undefined where no state is kept. `packs` are all that are stored and indexed. */
export function openReadingRecord(
  { host, config }: Repository,
  folder: string | undefined,
  packs: readonly SizedPack[],
): VerificationLedger | undefined {
  if (folder === undefined) return undefined;
  const nowMs = Number(host.clock.nowNs() / 1_000_000n);
  const warn = (about: string, error: Error): void => host.warn({ about, error });
  const ledger = new VerificationLedger({ folder, repositoryId: config.id, nowMs, warn });
  ledger.meet(
    packs.map(({ id }) => id),
    nowMs,
  );
  return ledger;
}

export type ChosenReading = {
  readonly chosen: readonly SizedPack[];
  readonly bytes: number;
  /** The subset asked for was too small for the promise, so more is read. */
  readonly isRaised: boolean;
  /** What the subset alone would be; nothing when none was given. */
  readonly wished: Amount;
  readonly total: Amount;
  /** Present with a promise. */
  readonly before?: Coverage;
  readonly intervalMs?: number;
};

export type ReadingWish = {
  readonly readData: ReadDataSubset | undefined;
  readonly fullWithinMs: number | undefined;
  readonly ledger: VerificationLedger | undefined;
  readonly random: Random;
  readonly nowMs: number;
};

/** @throws {CoffreError} USAGE when a promise is asked for that cannot be kept */
export function chooseReading(packs: readonly SizedPack[], wish: ReadingWish): ChosenReading {
  const { readData, fullWithinMs, ledger, random, nowMs } = wish;
  const total = amountOf(packs);
  if (fullWithinMs === undefined) {
    const chosen = choosePacks(packs, readData ?? { kind: 'all' }, random, ledger);
    const amount = amountOf(chosen);
    return { chosen, bytes: amount.bytes, isRaised: false, wished: amount, total };
  }
  if (ledger === undefined) {
    throw new CoffreError('USAGE', '--full-within needs the local cache, where it is noted what was read when', {
      hint: 'Leave out --no-cache, or name a folder that can be written with --cache-dir.',
    });
  }
  const before = measureCoverage(packs, ledger, { nowMs, withinMs: fullWithinMs });
  const wishedPacks = wishedCount(packs, readData);
  const promise = { nowMs, withinMs: fullWithinMs, checkedMs: ledger.checkedMs, wishedPacks };
  const { chosen, bytes, wished, isRaised, intervalMs } = planReading(packs, ledger, random, promise);
  return { chosen, bytes, wished, isRaised: isRaised && wishedPacks > 0, total, before, intervalMs };
}

function wishedCount(packs: readonly SizedPack[], readData: ReadDataSubset | undefined): number {
  switch (readData?.kind) {
    case undefined:
      return 0;
    case 'all':
      return packs.length;
    case 'percent':
    case 'bytes':
      return shareCount(packs, readData);
    case 'part':
      throw new CoffreError('USAGE', 'a promise chooses the packs itself and does not go with a part like n/t');
    default:
      return readData satisfies never;
  }
}

function amountOf(packs: readonly SizedPack[]): Amount {
  return { packs: packs.length, bytes: packs.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0) };
}
