/**
 * Which snapshots of one source of one plan in one repository go. Backups are kept apart by their tags:
 *
 *   pinned     stay, whatever they are
 *   manual     stay, unless a rule for them is given; first in, first out, above a floor of their own
 *   auto       go by the policy, above the floor; the floor counts complete ones only
 *   temp       go a week after they were made
 *   any other  is nobody's to remove
 *
 * Nothing is removed here. Pure.
 */
import { isEmptyPolicy, isFutureDated, parseTimestamp, planForget, timestampNs } from '@coffre/repository';
import type { ForgetOptions, StoredSnapshot } from '@coffre/repository';
import type { RetentionConfig, RetentionRule } from '../config/config.ts';
import { factsOf } from './tags.ts';

export const temporaryMs = 7 * 86_400_000;

export type RetentionQuestion = {
  /** Of the whole repository, or of this plan; others are passed over. */
  readonly snapshots: readonly StoredSnapshot[];
  readonly plan: string;
  /** SITE/SOURCE. */
  readonly source: string;
  /** With the rule for named ones inside; undefined keeps everything. */
  readonly automatic: RetentionConfig | undefined;
  readonly nowNs: bigint;
  /** False where data was missing: such a one never takes the place of a complete one, nor fills the floor. */
  readonly isComplete?: (snapshot: StoredSnapshot) => boolean;
  readonly localOffset?: ForgetOptions['localOffset'];
};

export type KeptSnapshot = { readonly snapshot: StoredSnapshot; readonly reasons: readonly string[] };

export type RetentionChoice = {
  /** Those of this plan and source that stay, and why. */
  readonly keep: readonly KeptSnapshot[];
  /** Oldest first. */
  readonly remove: readonly StoredSnapshot[];
};

export function chooseRetention(question: RetentionQuestion): RetentionChoice {
  const own = question.snapshots.filter(({ snapshot }) => {
    const { plan, source } = factsOf(snapshot);
    return plan === question.plan && source === question.source;
  });
  const loose = own.filter(({ snapshot }) => !factsOf(snapshot).isPinned);
  const kept = new Map<StoredSnapshot, readonly string[]>([
    ...own.filter(({ snapshot }) => factsOf(snapshot).isPinned).map((one) => [one, ['pinned']] as const),
    ...loose.filter(({ snapshot }) => factsOf(snapshot).kind === undefined).map((one) => [one, ['no kind']] as const),
    ...automaticKept(question, ofKind(loose, 'auto')),
    ...manualKept(question, ofKind(loose, 'manual')),
    ...temporaryKept(question, ofKind(loose, 'temp')),
  ]);
  return {
    keep: own.flatMap((snapshot) => {
      const reasons = kept.get(snapshot);
      return reasons === undefined ? [] : [{ snapshot, reasons }];
    }),
    remove: own.filter((one) => !kept.has(one)).toSorted(oldestFirst),
  };
}

type Kept = ReadonlyMap<StoredSnapshot, readonly string[]>;

function automaticKept(question: RetentionQuestion, snapshots: readonly StoredSnapshot[]): Kept {
  const { automatic: rule, isComplete = () => true } = question;
  if (rule === undefined) return all(snapshots, 'no rule');
  const complete = snapshots.filter((one) => isComplete(one));
  // Twice: as all of them would be kept, and as if those that miss something were not there.
  return new Map([...keptBy(question, { ...rule, floor: 0 }, snapshots), ...keptBy(question, rule, complete)]);
}

function manualKept(question: RetentionQuestion, snapshots: readonly StoredSnapshot[]): Kept {
  const manual = question.automatic?.manual;
  return manual === undefined ? all(snapshots, 'manual') : keptBy(question, manual, snapshots);
}

function temporaryKept({ nowNs }: RetentionQuestion, snapshots: readonly StoredSnapshot[]): Kept {
  const fromNs = nowNs - BigInt(temporaryMs) * 1_000_000n;
  return all(
    snapshots.filter(({ snapshot }) => timestampNs(parseTimestamp(snapshot.time)) > fromNs),
    'temporary, for a week',
  );
}

/** Those that the rules or the floor keep; those dated in the future too, which count for neither. */
function keptBy(question: RetentionQuestion, rule: RetentionRule, snapshots: readonly StoredSnapshot[]): Kept {
  if (isEmptyPolicy(rule.policy)) return all(snapshots, 'no rule');
  if (snapshots.every(({ snapshot }) => isFutureDated(snapshot, question.nowNs))) return all(snapshots, 'future');
  const { groups } = planForget(snapshots, rule.policy, {
    nowNs: question.nowNs,
    groupBy: { host: false, paths: false, tags: false },
    keepMin: rule.floor,
    ...(question.localOffset === undefined ? {} : { localOffset: question.localOffset }),
  });
  return new Map(groups.flatMap(({ reasons }) => reasons.map(({ snapshot, matches }) => [snapshot, matches])));
}

function ofKind(snapshots: readonly StoredSnapshot[], kind: string): StoredSnapshot[] {
  return snapshots.filter(({ snapshot }) => factsOf(snapshot).kind === kind);
}

function all(snapshots: readonly StoredSnapshot[], reason: string): Kept {
  return new Map(snapshots.map((one) => [one, [reason]]));
}

function oldestFirst(a: StoredSnapshot, b: StoredSnapshot): number {
  const [left, right] = [a, b].map(({ snapshot }) => timestampNs(parseTimestamp(snapshot.time))) as [bigint, bigint];
  return left < right ? -1 : left > right ? 1 : a.id < b.id ? -1 : 1;
}
