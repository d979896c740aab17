/** How long a restore would take, from what restores and proofs took here. Pure. */

import type { MeasuredRun } from '../store/restore-measures.ts';

/** `loaded`: a proof that loaded it into a scratch server; `read-back`: every byte read from the repository and hashed. */
export type MeasureKind = 'restored' | 'loaded' | 'read-back';

export type RestoreMeasure = {
  readonly kind: MeasureKind;
  /** SITE/SOURCE. */
  readonly source: string;
  readonly sizeBytes: number;
  readonly tookMs: number;
};

export type RestoreRate = {
  readonly bytesPerSecond: number;
  /** `assumed`: nothing was measured yet. */
  readonly basis: MeasureKind | 'assumed';
};

/** Between a disk over the internet and one in the house. */
export const assumedRate: RestoreRate = { bytesPerSecond: 25 * 1024 * 1024, basis: 'assumed' };

/** Of these the middle one counts, so that one busy evening changes nothing. */
const recentMax = 5;
/** From here on the rate counts and no longer the time to get going. */
const telling = 16 * 1024 * 1024;
/** A smaller one speaks for so many times its own size. */
const reach = 16;

/** The closest to a restore of this very source. @param measures newest first, of one repository */
export function restoreRate(measures: readonly RestoreMeasure[], source: string, sizeBytes: number): RestoreRate {
  const fitting = measures.filter(
    (one) => one.sizeBytes > 0 && one.tookMs > 0 && (one.sizeBytes >= telling || one.sizeBytes * reach >= sizeBytes),
  );
  const own = (kind: MeasureKind) => (one: RestoreMeasure) => one.source === source && one.kind === kind;
  const any = (kind: MeasureKind) => (one: RestoreMeasure) => one.kind === kind;
  // How a database loads says nothing about another source.
  const wishes = [own('restored'), own('loaded'), own('read-back'), any('restored'), any('read-back')];
  for (const isWanted of wishes) {
    const found = fitting.filter(isWanted).slice(0, recentMax);
    const [first] = found;
    if (first !== undefined) return { bytesPerSecond: middle(found), basis: first.kind };
  }
  return assumedRate;
}

export function restoreMs(sizeBytes: number, { bytesPerSecond }: RestoreRate): number {
  return Math.ceil((sizeBytes / bytesPerSecond) * 1000);
}

/** The slower one of two. */
function middle(measures: readonly RestoreMeasure[]): number {
  const rates = measures.map(({ sizeBytes, tookMs }) => (sizeBytes * 1000) / tookMs).toSorted((a, b) => a - b);
  return rates[Math.floor((rates.length - 1) / 2)]!;
}

/** What a run of the history measured; a proof that loaded it took all the way, and is one of reading back too. */
export function measuresOf({ kind, source, figures }: MeasuredRun): RestoreMeasure[] {
  const measure = (of: MeasureKind, sizeBytes: number | undefined, tookMs: number | undefined): RestoreMeasure[] =>
    sizeBytes === undefined || tookMs === undefined ? [] : [{ kind: of, source, sizeBytes, tookMs }];
  const { bytesTotal, verifyMs, readBackBytes, readBackMs, stepsLoaded = 0, bytesRestored, restoreMs } = figures;
  if (kind === 'restore') return measure('restored', bytesRestored, restoreMs);
  return [
    ...(stepsLoaded > 0 ? measure('loaded', bytesTotal, verifyMs) : []),
    ...measure('read-back', readBackBytes, readBackMs),
  ];
}
