/**
 * Which snapshots may push others out. Who holds the password of a backup can write any snapshot with any date, but not
 * choose when the storage takes it in. So, by that time and within one group:
 *
 *   held      it came within the hold. It stays and counts for no rule: the rules see the group as it was before.
 *   flagged   it stays and counts for no rule, also after the hold, until a person removes or accepts it:
 *             dated ahead     of the time it was stored
 *             dated back      behind a snapshot that was there a day before it
 *             shrunken        to a tenth of what the ones before it held
 *   counts    all others
 *
 * Snapshots that came within the hold change nothing about those from before it, whatever they claim: planning with
 * them removes exactly what planning without them would.
 */
import { compareTimestamps, parseTimestamp, timestampOfNs } from '../format/time.ts';
import type { Timestamp } from '../format/time.ts';
import type { SnapshotId } from '../ids.ts';
import type { StoredSnapshot } from '../repository.ts';
import { subtractSpan, type LocalOffset } from './calendar.ts';
import { formatSpan, type CalendarSpan } from './policy.ts';

export type Protection = {
  readonly hold: CalendarSpan;
  /** When each snapshot was first seen, for storages that do not tell when they took it in. Unknown ones came just now. */
  readonly firstSeenMs?: ReadonlyMap<SnapshotId, number>;
  /** A person looked at these: they stay, count, and are what later ones are compared with. */
  readonly accepted?: ReadonlySet<SnapshotId>;
};

/** Of the newest good snapshots of a group, where nothing else was said. */
export const protectedFloor = 3;

export type SnapshotFlag = 'dated-ahead' | 'dated-back' | 'shrunken';
export type Standing =
  | { readonly kind: 'counts' }
  | { readonly kind: 'held'; readonly reason: string }
  | { readonly kind: 'flagged'; readonly flag: SnapshotFlag; readonly reason: string };

type Arrived = { readonly stored: StoredSnapshot; readonly arrivedMs: number; readonly datedMs: number };
type Flagged = Extract<Standing, { kind: 'flagged' }>;

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

export type JudgeOptions = {
  readonly protection: Protection;
  readonly nowNs: bigint;
  readonly localOffset: LocalOffset;
};

/** What each snapshot of one group may do to the others. */
export function judgeGroup(snapshots: readonly StoredSnapshot[], options: JudgeOptions): Map<SnapshotId, Standing> {
  const { protection, nowNs, localOffset } = options;
  const nowMs = Number(nowNs / 1_000_000n);
  const heldFromMs = millisecondsOf(subtractSpan(timestampOfNs(nowNs), protection.hold, localOffset));
  const all = snapshots.map((stored) => ({
    stored,
    arrivedMs: arrivalOf(stored, protection, nowMs),
    datedMs: millisecondsOf(parseTimestamp(stored.snapshot.time)),
  }));
  const settled = all.filter(({ arrivedMs }) => arrivedMs < heldFromMs);
  // On their own: what came later must not make one of them look better or worse.
  const settledFlags = flagsOf(settled, protection);
  const allFlags = flagsOf(all, protection);
  return new Map(
    all.map(({ stored: { id }, arrivedMs }): [SnapshotId, Standing] => {
      if (arrivedMs < heldFromMs) return [id, settledFlags.get(id) ?? { kind: 'counts' }];
      return [id, allFlags.get(id) ?? { kind: 'held', reason: `arrived within ${formatSpan(protection.hold)}` }];
    }),
  );
}

function arrivalOf({ id, storedMs }: StoredSnapshot, { firstSeenMs }: Protection, nowMs: number): number {
  return storedMs ?? firstSeenMs?.get(id) ?? nowMs;
}

function millisecondsOf(time: Timestamp): number {
  return time.sec * 1000 + time.nsec / 1e6;
}

function flagsOf(snapshots: readonly Arrived[], { accepted }: Protection): Map<SnapshotId, Flagged> {
  const flags = new Map<SnapshotId, Flagged>();
  const isAccepted = ({ stored }: Arrived): boolean => accepted?.has(stored.id) === true;
  const unflagged = (): Arrived[] => snapshots.filter(({ stored }) => !flags.has(stored.id));
  for (const one of snapshots) {
    if (!isAccepted(one) && one.datedMs > one.arrivedMs + dayMs) {
      const reason = `dated ${spanText(one.datedMs - one.arrivedMs)} after it was stored`;
      flags.set(one.stored.id, { kind: 'flagged', flag: 'dated-ahead', reason });
    }
  }
  for (const one of datedBack(unflagged(), isAccepted)) {
    const reason = `dated ${spanText(one.arrivedMs - one.datedMs)} before it was stored, behind newer ones`;
    flags.set(one.stored.id, { kind: 'flagged', flag: 'dated-back', reason });
  }
  for (const [one, share] of shrunken(unflagged(), isAccepted)) {
    const reason = `holds ${share} of the ones before it`;
    flags.set(one.stored.id, { kind: 'flagged', flag: 'shrunken', reason });
  }
  return flags;
}

/**
 * Put behind a snapshot that had been there for a day. A date alone proves nothing: copies, restored repositories and
 * `backup --time` have old dates too, but come in the order of their dates, or all at once.
 */
function datedBack(snapshots: readonly Arrived[], isAccepted: (one: Arrived) => boolean): Arrived[] {
  const inOrder = snapshots.toSorted((a, b) => a.arrivedMs - b.arrivedMs);
  const found = new Set<Arrived>();
  let newestMs = -Infinity;
  let at = 0;
  for (const one of inOrder) {
    for (let earlier = inOrder[at]; earlier !== undefined; earlier = inOrder[at]) {
      if (earlier.arrivedMs > one.arrivedMs - dayMs) break;
      if (!found.has(earlier)) newestMs = Math.max(newestMs, earlier.datedMs);
      at += 1;
    }
    if (one.datedMs < one.arrivedMs - dayMs && one.datedMs < newestMs && !isAccepted(one)) found.add(one);
  }
  return [...found];
}

/** A rise or fall counts against so many snapshots before it. */
const comparedMax = 5;
/** Less than this changes by itself. */
const bytesMin = 1024 * 1024;
const filesMin = 10;

type Amount = { readonly bytes: number; readonly files: number };

/** Suddenly (nearly) empty: a disk that was not mounted, a folder that was emptied. */
function shrunken(snapshots: readonly Arrived[], isAccepted: (one: Arrived) => boolean): [Arrived, string][] {
  const found: [Arrived, string][] = [];
  const before: Amount[] = [];
  for (const one of snapshots.toSorted(oldestFirst)) {
    const { summary } = one.stored.snapshot;
    if (summary === undefined) continue;
    const amount = { bytes: summary.total_bytes_processed, files: summary.total_files_processed };
    const share = collapsedTo(amount, before.slice(-comparedMax));
    if (isAccepted(one)) before.length = 0;
    if (share === undefined || isAccepted(one)) before.push(amount);
    else found.push([one, share]);
  }
  return found;
}

function oldestFirst(a: Arrived, b: Arrived): number {
  const [first, second] = [a.stored.snapshot.time, b.stored.snapshot.time].map((time) => parseTimestamp(time));
  return compareTimestamps(first as Timestamp, second as Timestamp) || (a.stored.id < b.stored.id ? 1 : -1);
}

/** The share in words when it is below a tenth of the median. */
function collapsedTo({ bytes, files }: Amount, before: readonly Amount[]): string | undefined {
  if (before.length === 0) return undefined;
  const usualBytes = median(before.map((amount) => amount.bytes));
  const usualFiles = median(before.map((amount) => amount.files));
  if (files === 0 && usualFiles > 0) return 'none of the files';
  if (usualBytes >= bytesMin && bytes < usualBytes / 10) return `${percent(bytes, usualBytes)} of the bytes`;
  if (usualFiles >= filesMin && files < usualFiles / 10) return `${percent(files, usualFiles)} of the files`;
  return undefined;
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? 0;
}

function percent(part: number, whole: number): string {
  return `${((100 * part) / whole).toFixed(1)} %`;
}

function spanText(spanMs: number): string {
  return spanMs >= 2 * dayMs ? `${Math.floor(spanMs / dayMs)} days` : `${Math.floor(spanMs / hourMs)} hours`;
}

/**
 * The hour in which a snapshot came, for `keep-last`: who can write ten thousand in a minute gets one place for them.
 * Where the storage took it in long after its date (a copy, a moved repository) the date says more.
 */
export function arrivalHour(stored: StoredSnapshot, protection: Protection, nowNs: bigint): number {
  const datedMs = millisecondsOf(parseTimestamp(stored.snapshot.time));
  const arrivedMs = arrivalOf(stored, protection, Number(nowNs / 1_000_000n));
  return Math.floor((Math.abs(arrivedMs - datedMs) <= dayMs ? arrivedMs : datedMs) / hourMs);
}
