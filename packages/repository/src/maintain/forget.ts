/**
 * Which snapshots go: the policy as restic 0.19 reads it, then what Coffre adds, a floor per group and the protection of
 * snapshots dated in the future. Nothing is removed here: the plan is a value to show and to refuse.
 */
import { groupByDefault, groupSnapshots, type GroupBy, type GroupKey, type SnapshotGroup } from '../browse/group.ts';
import { hasTags, isFutureDated, newestFirst } from '../browse/select.ts';
import { CoffreError } from '../errors.ts';
import { parseTimestamp, timestampNs, type Timestamp } from '../format/time.ts';
import { shortId, type SnapshotId } from '../ids.ts';
import type { StoredSnapshot } from '../repository.ts';
import { bucketOf, isAfter, subtractSpan, type LocalOffset } from './calendar.ts';
import { countRules, formatSpan, formatTagList, isEmptyPolicy, isZeroSpan, withinRules } from './policy.ts';
import type { CountRule, KeepCount, RetentionPolicy } from './policy.ts';

export type ForgetOptions = {
  readonly nowNs: bigint;
  readonly groupBy?: GroupBy;
  /** The newest so many of every group stay, whatever the policy says. */
  readonly keepMin?: number;
  /** An empty policy removes everything that a filter chose; without a filter it is refused even so. */
  readonly allowRemoveAll?: boolean;
  /** The snapshots were chosen by host, tag or path. */
  readonly isFiltered?: boolean;
  /** Of this machine when absent; spans cross summer time as its clock does. */
  readonly localOffset?: LocalOffset;
};

export type KeepReason = {
  readonly snapshot: StoredSnapshot;
  readonly matches: readonly string[];
  /** What each rule has left after this snapshot; -1 for unlimited, rules that are not set are absent. */
  readonly counters: { readonly [Name in CountRule]?: number };
};

export type ForgetGroup = {
  readonly key: GroupKey;
  /** Newest first, as all lists here. */
  readonly keep: readonly StoredSnapshot[];
  readonly remove: readonly StoredSnapshot[];
  /** In the order of `keep`. */
  readonly reasons: readonly KeepReason[];
};

export type ForgetPlan = { readonly groups: readonly ForgetGroup[]; readonly remove: readonly StoredSnapshot[] };

/** @throws {CoffreError} POLICY_EMPTY, POLICY_REMOVES_ALL */
export function planForget(
  snapshots: readonly StoredSnapshot[],
  policy: RetentionPolicy,
  options: ForgetOptions,
): ForgetPlan {
  const isEmpty = isEmptyPolicy(policy);
  if (isEmpty) refuseEmpty(options);
  const groups = groupSnapshots(snapshots, options.groupBy ?? groupByDefault).map((group) => {
    const { planned, policyKeeps } = planGroup(group, policy, options);
    if (!isEmpty && policyKeeps === 0 && planned.remove.length > 0) throw removesAll(group.key);
    return planned;
  });
  return { groups, remove: groups.flatMap((group) => group.remove) };
}

function refuseEmpty(options: ForgetOptions): void {
  if (options.allowRemoveAll !== true) {
    throw new CoffreError('POLICY_EMPTY', 'no policy was specified, no snapshots will be removed', {
      hint: 'Say what to keep, for example --keep-daily 7 --keep-weekly 4.',
    });
  }
  if (options.isFiltered !== true) {
    throw new CoffreError('POLICY_REMOVES_ALL', 'removing every snapshot of the repository is refused', {
      hint: 'Choose the snapshots with --host, --tag or --path.',
    });
  }
}

function removesAll(key: GroupKey): CoffreError {
  const parts = [
    ...(key.hostname === '' ? [] : [`host ${key.hostname}`]),
    ...((key.paths ?? []).length === 0 ? [] : [`path [${key.paths?.join(' ')}]`]),
    ...((key.tags ?? []).length === 0 ? [] : [`tags [${key.tags?.join(' ')}]`]),
  ];
  return new CoffreError(
    'POLICY_REMOVES_ALL',
    `refusing to delete last snapshot of snapshot group "${parts.join(', ')}"`,
    {
      hint: 'Let the policy keep at least one snapshot of every group, for example with --keep-last 1.',
    },
  );
}

type DatedSnapshot = StoredSnapshot & { readonly time: Timestamp };

function planGroup(
  group: SnapshotGroup,
  policy: RetentionPolicy,
  options: ForgetOptions,
): { planned: ForgetGroup; policyKeeps: number } {
  const { nowNs, keepMin = 0 } = options;
  const ordered = newestFirst(group.snapshots);
  const ahead = ordered.filter(({ snapshot }) => isFutureDated(snapshot, nowNs));
  const counted = ordered
    .slice(ahead.length)
    .map((stored) => ({ ...stored, time: parseTimestamp(stored.snapshot.time) }));
  const reasons: KeepReason[] = ahead.map((snapshot) => ({ snapshot, matches: ['dated in the future'], counters: {} }));
  const remove: StoredSnapshot[] = [];
  let policyKeeps = 0;
  const verdicts = applyPolicy(counted, policy, options);
  for (const [index, { matches, counters }] of verdicts.entries()) {
    const snapshot = ordered[ahead.length + index] as StoredSnapshot;
    if (matches.length > 0) policyKeeps += 1;
    // The floor is filled from the newest on, so every snapshot among the first `keepMin` counts.
    const all = matches.length === 0 && index < keepMin ? [`newest ${keepMin} of the group`] : matches;
    if (all.length > 0) reasons.push({ snapshot, matches: all, counters });
    else remove.push(snapshot);
  }
  const keep = reasons.map((reason) => reason.snapshot);
  return { planned: { key: group.key, keep, remove, reasons }, policyKeeps };
}

type Verdict = { readonly matches: string[]; readonly counters: KeepReason['counters'] };

/** For each snapshot, newest first, the rules that keep it. */
function applyPolicy(snapshots: readonly DatedSnapshot[], policy: RetentionPolicy, options: ForgetOptions): Verdict[] {
  const localOffset = options.localOffset ?? systemOffset;
  // Seen from the newest snapshot, not from now: a machine that was off for a month loses nothing by it.
  const latest = snapshots.find(({ time }) => timestampNs(time) < options.nowNs)?.time ?? longAgo;
  const rules = [
    ...tagRules(policy),
    ...windowRule(policy, latest, localOffset),
    ...countingRules(policy),
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

function countingRules(policy: RetentionPolicy): Rule[] {
  return countRules.flatMap((rule) => {
    const count: KeepCount = policy[rule] ?? 0;
    if (count === 0) return [];
    let left = count === 'unlimited' ? -1 : count;
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

function systemOffset(sec: number): number {
  return -new Date(sec * 1000).getTimezoneOffset();
}

export type RemovalOptions = {
  readonly nowNs: bigint;
  readonly groupBy?: GroupBy;
  readonly keepMin?: number;
  /** The floor may be undercut. */
  readonly force?: boolean;
};

/**
 * The snapshots that were named, unless their groups would be left with less than the floor. `all` is every snapshot of
 * the repository; future-dated ones do not count towards the floor and may be named like others.
 * @throws {CoffreError} POLICY_FLOOR
 */
export function planRemoval(
  all: readonly StoredSnapshot[],
  named: readonly SnapshotId[],
  options: RemovalOptions,
): StoredSnapshot[] {
  const { nowNs, keepMin = 0, force = false } = options;
  const wanted = new Set(named);
  for (const { key, snapshots } of force ? [] : groupSnapshots(all, options.groupBy ?? groupByDefault)) {
    const counted = snapshots.filter(({ snapshot }) => !isFutureDated(snapshot, nowNs));
    const going = counted.filter(({ id }) => wanted.has(id));
    const left = counted.length - going.length;
    if (going.length === 0 || left >= keepMin) continue;
    const where = [key.hostname, ...(key.paths ?? [])].filter((part) => part !== '').join(' ');
    throw new CoffreError(
      'POLICY_FLOOR',
      `removing ${going.map(({ id }) => shortId(id)).join(', ')} leaves ${left} snapshots of ${where || 'the group'}, fewer than the floor of ${keepMin}`,
      { hint: 'Name fewer snapshots, or use --force when you mean it.' },
    );
  }
  return all.filter(({ id }) => wanted.has(id));
}
