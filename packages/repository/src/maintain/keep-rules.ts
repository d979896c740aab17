/** What each rule of a policy keeps of one group, read as restic 0.19 reads it. */
import { timestampNs, type Timestamp } from '../format/time.ts';
import { hasTags } from '../browse/select.ts';
import type { StoredSnapshot } from '../repository.ts';
import { bucketOf, isAfter, subtractSpan, type LocalOffset } from './calendar.ts';
import { countRules, formatSpan, formatTagList, isZeroSpan, withinRules } from './policy.ts';
import type { CountRule, KeepCount, RetentionPolicy } from './policy.ts';
import { arrivalHour, type Protection } from './protection.ts';

export type RuleOptions = {
  readonly nowNs: bigint;
  /** Absent as in restic: whoever can write snapshots decides what is removed. */
  readonly protection?: Protection;
  /** Of this machine when absent; spans cross summer time as its clock does. */
  readonly localOffset?: LocalOffset;
};

/** What each rule has left after a snapshot; -1 for unlimited, rules that are not set are absent. */
export type RuleCounters = { readonly [Name in CountRule]?: number };

export type DatedSnapshot = StoredSnapshot & { readonly time: Timestamp };

export type Verdict = { readonly matches: string[]; readonly counters: RuleCounters };

/** For each snapshot, newest first, the rules that keep it. */
export function applyPolicy(
  snapshots: readonly DatedSnapshot[],
  policy: RetentionPolicy,
  options: RuleOptions,
): Verdict[] {
  const localOffset = options.localOffset ?? systemOffset;
  // Seen from the newest snapshot, not from now: a machine that was off for a month loses nothing by it.
  const latest = snapshots.find(({ time }) => timestampNs(time) < options.nowNs)?.time ?? longAgo;
  const rules = [
    ...tagRules(policy),
    ...windowRule(policy, latest, localOffset),
    ...countingRules(policy, options),
    ...windowedRules(policy, latest, localOffset),
  ];
  const counts = rules.flatMap((rule) => (rule.left === undefined ? [] : [rule.left]));
  return snapshots.map((snapshot, index) => {
    const at = { index, isOldest: index === snapshots.length - 1 };
    const matches = rules.flatMap((rule) => rule.matches(snapshot, at) ?? []);
    return { matches, counters: Object.fromEntries(counts.map((left) => left())) };
  });
}

const longAgo: Timestamp = { sec: -Infinity, nsec: 0 };

type Position = { readonly index: number; readonly isOldest: boolean };
/** A rule sees the snapshots once, newest first; `matches` gives the reason when it keeps one. */
type Rule = {
  matches(snapshot: DatedSnapshot, at: Position): string | undefined;
  left?: () => [CountRule, number];
};

function tagRules(policy: RetentionPolicy): Rule[] {
  return (policy.tags ?? []).map((list) => ({
    matches: ({ snapshot }) => (hasTags(snapshot, list) ? `has tags ${formatTagList(list)}` : undefined),
  }));
}

function windowRule(policy: RetentionPolicy, latest: Timestamp, localOffset: LocalOffset): Rule[] {
  const { within } = policy;
  if (within === undefined || isZeroSpan(within)) return [];
  const from = beginOf(latest, within, localOffset);
  return [{ matches: ({ time }) => (isAfter(time, from) ? `within ${formatSpan(within)}` : undefined) }];
}

function countingRules(policy: RetentionPolicy, { protection, nowNs }: RuleOptions): Rule[] {
  return countRules.flatMap((rule) => {
    const count: KeepCount = policy[rule] ?? 0;
    if (count === 0) return [];
    if (rule === 'last' && protection !== undefined)
      return [lastByHour(count, (snapshot) => arrivalHour(snapshot, protection, nowNs))];
    let left = leftOf(count);
    let kept: number | undefined;
    return {
      left: (): [CountRule, number] => [rule, left],
      matches({ time }: DatedSnapshot, { index, isOldest }: Position): string | undefined {
        if (left === 0) return undefined;
        const bucket = rule === 'last' ? index : bucketOf(time, rule);
        // While counts are left the oldest stays too: the longest history the policy has room for.
        if (bucket === kept && !isOldest) return undefined;
        const reason = bucket === kept ? `oldest ${rule} snapshot` : `${rule} snapshot`;
        kept = bucket;
        if (left > 0) left -= 1;
        return reason;
      },
    };
  });
}

function leftOf(count: KeepCount): number {
  return count === 'unlimited' ? -1 : count;
}

/** All of the hours that the last ones came in: many in one hour take one place, and none of them is lost by it. */
function lastByHour(count: KeepCount, hourOf: (snapshot: StoredSnapshot) => number): Rule {
  let left = leftOf(count);
  const hours = new Set<number>();
  return {
    left: () => ['last', left],
    matches(snapshot) {
      const hour = hourOf(snapshot);
      if (hours.has(hour)) return 'last snapshot (same hour)';
      if (left === 0) return undefined;
      hours.add(hour);
      if (left > 0) left -= 1;
      return 'last snapshot';
    },
  };
}

function windowedRules(policy: RetentionPolicy, latest: Timestamp, localOffset: LocalOffset): Rule[] {
  return withinRules.flatMap(([name, bucketName]) => {
    const within = policy[name];
    if (within === undefined || isZeroSpan(within)) return [];
    const from = beginOf(latest, within, localOffset);
    let kept: number | undefined;
    return {
      matches({ time }: DatedSnapshot, { isOldest }: Position): string | undefined {
        if (!isAfter(time, from)) return undefined;
        const bucket = bucketOf(time, bucketName);
        if (bucket === kept && !isOldest) return undefined;
        const reason = `${bucket === kept ? 'oldest ' : ''}${bucketName} within ${formatSpan(within)}`;
        kept = bucket;
        return reason;
      },
    };
  });
}

function beginOf(latest: Timestamp, within: Parameters<typeof subtractSpan>[1], localOffset: LocalOffset): Timestamp {
  return latest === longAgo ? longAgo : subtractSpan(latest, within, localOffset);
}

export function systemOffset(sec: number): number {
  return -new Date(sec * 1000).getTimezoneOffset();
}
