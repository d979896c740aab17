/** Which packs a check reads now, so that each is read again in time. All of it is arithmetic on the ledger. */
import type { Random } from '../host/host.ts';
import type { PackId } from '../ids.ts';
import type { PackReading } from './verification-ledger.ts';

export type SizedPack = { readonly id: PackId; readonly sizeBytes: number };
export type Readings = { reading(id: PackId): PackReading | undefined };

export type Amount = { readonly packs: number; readonly bytes: number };

export type Coverage = {
  readonly total: Amount;
  /** Read back and right within the window. */
  readonly verified: Amount;
  readonly neverRead: Amount;
  /** Their time is over. */
  readonly overdue: Amount;
  /** The one that waits longest; absent in an empty repository. */
  readonly oldest?: { readonly id: PackId; readonly readMs?: number; readonly seenMs: number };
};

export function measureCoverage(
  packs: readonly SizedPack[],
  readings: Readings,
  window: { readonly nowMs: number; readonly withinMs: number },
): Coverage {
  const zero = { packs: 0, bytes: 0 };
  const [total, verified, neverRead, overdue] = [{ ...zero }, { ...zero }, { ...zero }, { ...zero }];
  const add = (sum: { packs: number; bytes: number }, { sizeBytes }: SizedPack): void => {
    sum.packs += 1;
    sum.bytes += sizeBytes;
  };
  let oldest: Waiting<SizedPack> | undefined;
  for (const waiting of packs.map((pack) => waitingOf(pack, readings, window))) {
    const { pack, readMs, deadlineMs } = waiting;
    add(total, pack);
    if (readMs === undefined) add(neverRead, pack);
    else if (deadlineMs >= window.nowMs) add(verified, pack);
    if (deadlineMs < window.nowMs) add(overdue, pack);
    if (oldest === undefined || comparePatience(waiting, oldest) < 0) oldest = waiting;
  }
  if (oldest === undefined) return { total, verified, neverRead, overdue };
  const { pack, readMs, seenMs } = oldest;
  return {
    total,
    verified,
    neverRead,
    overdue,
    oldest: { id: pack.id, seenMs, ...(readMs !== undefined && { readMs }) },
  };
}

type Waiting<T> = {
  readonly pack: T;
  readonly seenMs: number;
  readonly readMs: number | undefined;
  readonly deadlineMs: number;
};

function waitingOf<T extends SizedPack>(
  pack: T,
  readings: Readings,
  { nowMs, withinMs }: { readonly nowMs: number; readonly withinMs: number },
): Waiting<T> {
  const { seenMs = nowMs, readMs } = readings.reading(pack.id) ?? {};
  return { pack, seenMs, readMs, deadlineMs: (readMs ?? seenMs) + withinMs };
}

/** Never read comes first, then what was read longest ago. */
function comparePatience(a: Waiting<unknown>, b: Waiting<unknown>): number {
  return (a.readMs ?? 0) - (b.readMs ?? 0) || a.seenMs - b.seenMs;
}

/** The packs that were longest not read, in that order; chance decides between equals. */
export function longestUnread<T extends SizedPack>(packs: readonly T[], readings: Readings, random: Random): T[] {
  return inOrder(packs, readings, random, { nowMs: 0, withinMs: 0 }).map(({ pack }) => pack);
}

function inOrder<T extends SizedPack>(
  packs: readonly T[],
  readings: Readings,
  random: Random,
  window: { readonly nowMs: number; readonly withinMs: number },
): Waiting<T>[] {
  const drawn = random.bytes(packs.length * 4);
  return packs
    .map((pack, index) => ({ waiting: waitingOf(pack, readings, window), order: drawn.readUInt32LE(index * 4) }))
    .sort((a, b) => comparePatience(a.waiting, b.waiting) || a.order - b.order)
    .map(({ waiting }) => waiting);
}

export type ReadingPromise = {
  readonly nowMs: number;
  /** Every pack is read again after at most this time. */
  readonly withinMs: number;
  /** When the check before this one was. */
  readonly checkedMs: number | undefined;
  /** As many packs as asked for, which the promise may exceed. */
  readonly wishedPacks: number;
};

export type ReadingPlan<T> = {
  readonly chosen: readonly T[];
  readonly bytes: number;
  /** What the wish alone would have read. */
  readonly wished: Amount;
  /** The wish was too small to keep the promise. */
  readonly isRaised: boolean;
  /** Between two checks, as this repository is checked. */
  readonly intervalMs: number;
};

const dayMs = 24 * 3_600_000;
const hourMs = 3_600_000;

/**
 * Packs whose time ends before the next check are read now. The rest is spread over the checks to come: with `n` of them
 * left until a deadline, at least an n-th of what is due by then is read in each.
 */
export function planReading<T extends SizedPack>(
  packs: readonly T[],
  readings: Readings,
  random: Random,
  promise: ReadingPromise,
): ReadingPlan<T> {
  const { nowMs, withinMs, checkedMs, wishedPacks } = promise;
  const intervalMs = Math.min(Math.max(hourMs, checkedMs === undefined ? dayMs : nowMs - checkedMs), withinMs);
  const waiting = inOrder(packs, readings, random, promise);
  const checksLeft = ({ deadlineMs }: Waiting<T>): number =>
    Math.max(1, Math.floor((deadlineMs - nowMs) / intervalMs) + 1);
  const needBytes = paceBytes(waiting.map((one) => ({ sizeBytes: one.pack.sizeBytes, checks: checksLeft(one) })));
  const due = waiting.filter((one) => checksLeft(one) === 1);
  const others = waiting.filter((one) => checksLeft(one) > 1);
  const chosen: T[] = [];
  let bytes = 0;
  for (const [index, { pack }] of [...due, ...others].entries()) {
    if (index >= due.length && chosen.length >= wishedPacks && bytes >= needBytes) break;
    chosen.push(pack);
    bytes += pack.sizeBytes;
  }
  const wishedBytes = waiting.slice(0, wishedPacks).reduce((sum, { pack }) => sum + pack.sizeBytes, 0);
  const wished = { packs: Math.min(wishedPacks, packs.length), bytes: wishedBytes };
  return { chosen, bytes, wished, isRaised: chosen.length > wished.packs, intervalMs };
}

/** The least that, read in every check, meets every deadline. */
function paceBytes(packs: readonly { readonly sizeBytes: number; readonly checks: number }[]): number {
  let [sum, pace] = [0, 0];
  for (const { sizeBytes, checks } of [...packs].sort((a, b) => a.checks - b.checks)) {
    sum += sizeBytes;
    pace = Math.max(pace, sum / checks);
  }
  return pace;
}
