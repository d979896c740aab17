/**
 * Which snapshots go: the policy as restic 0.19 reads it, then what Coffre adds, a floor per group and the protection
 * from snapshots made to push others out. Nothing is removed here: the plan is a value to show and to refuse.
 */
import { groupByDefault, groupSnapshots, type GroupBy, type GroupKey, type SnapshotGroup } from '../browse/group.ts';
import { isFutureDated, newestFirst } from '../browse/select.ts';
import { CoffreError } from '../errors.ts';
import { parseTimestamp } from '../format/time.ts';
import { shortId, type SnapshotId } from '../ids.ts';
import type { StoredSnapshot } from '../repository.ts';
import { applyPolicy, systemOffset } from './keep-rules.ts';
import type { RuleCounters, RuleOptions, Verdict } from './keep-rules.ts';
import { isEmptyPolicy, type RetentionPolicy } from './policy.ts';
import { judgeGroup, protectedFloor, type SnapshotFlag, type Standing } from './protection.ts';

export type ForgetOptions = RuleOptions & {
  readonly groupBy?: GroupBy;
  /** The newest so many of every group stay, whatever the policy says; with protection only good ones, 3 when absent. */
  readonly keepMin?: number;
  /** An empty policy removes everything that a filter chose; without a filter it is refused even so. */
  readonly allowRemoveAll?: boolean;
  /** The snapshots were chosen by host, tag or path. */
  readonly isFiltered?: boolean;
};

export type KeepReason = {
  readonly snapshot: StoredSnapshot;
  readonly matches: readonly string[];
  readonly counters: RuleCounters;
};

export type ForgetGroup = {
  readonly key: GroupKey;
  /** Newest first, as all lists here. */
  readonly keep: readonly StoredSnapshot[];
  readonly remove: readonly StoredSnapshot[];
  /** In the order of `keep`. */
  readonly reasons: readonly KeepReason[];
  /** Kept and not counted by any rule; empty without protection, but for those dated in the future. */
  readonly flagged: readonly FlaggedSnapshot[];
  readonly held: readonly StoredSnapshot[];
};

export type FlaggedSnapshot = {
  readonly snapshot: StoredSnapshot;
  readonly flag: SnapshotFlag | 'future';
  readonly reason: string;
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

function planGroup(
  group: SnapshotGroup,
  policy: RetentionPolicy,
  options: ForgetOptions,
): { planned: ForgetGroup; policyKeeps: number } {
  const { protection } = options;
  const { keepMin = protection === undefined ? 0 : protectedFloor } = options;
  const ordered = newestFirst(group.snapshots);
  const standings = standingsOf(ordered, options);
  const counts = ({ id }: StoredSnapshot): boolean => standings.get(id) === undefined;
  const counted = ordered.filter(counts).map((stored) => ({ ...stored, time: parseTimestamp(stored.snapshot.time) }));
  const verdicts = applyPolicy(counted, policy, options).values();
  const reasons: KeepReason[] = [];
  const remove: StoredSnapshot[] = [];
  const flagged: FlaggedSnapshot[] = [];
  const held: StoredSnapshot[] = [];
  let policyKeeps = 0;
  let index = 0;
  for (const snapshot of ordered) {
    const aside = standings.get(snapshot.id);
    if (aside !== undefined) {
      reasons.push({ snapshot, matches: [aside.reason], counters: {} });
      if (aside.kind === 'held') held.push(snapshot);
      else flagged.push({ snapshot, flag: aside.flag, reason: aside.reason });
      continue;
    }
    const { matches, counters } = verdicts.next().value as Verdict;
    if (matches.length > 0) policyKeeps += 1;
    // The floor is filled from the newest on, so every snapshot among the first `keepMin` counts.
    const isFloor = matches.length === 0 && index < keepMin;
    index += 1;
    const all = [
      ...(isFloor ? [`newest ${keepMin} of the group`] : matches),
      ...(protection?.accepted?.has(snapshot.id) === true ? ['accepted'] : []),
    ];
    if (all.length > 0) reasons.push({ snapshot, matches: all, counters });
    else remove.push(snapshot);
  }
  const keep = reasons.map((reason) => reason.snapshot);
  return { planned: { key: group.key, keep, remove, reasons, flagged, held }, policyKeeps };
}

type Aside =
  | Exclude<Standing, { kind: 'counts' }>
  | { readonly kind: 'flagged'; readonly flag: 'future'; readonly reason: string };

/** Those that stay and count for no rule. */
function standingsOf(snapshots: readonly StoredSnapshot[], options: ForgetOptions): Map<SnapshotId, Aside> {
  const { nowNs, protection, localOffset = systemOffset } = options;
  const asides = new Map<SnapshotId, Aside>();
  const judged = protection && judgeGroup(snapshots, { protection, nowNs, localOffset });
  for (const { id, snapshot } of snapshots) {
    const standing = judged?.get(id);
    if (standing !== undefined && standing.kind !== 'counts') asides.set(id, standing);
    if (isFutureDated(snapshot, nowNs))
      asides.set(id, { kind: 'flagged', flag: 'future', reason: 'dated in the future' });
  }
  return asides;
}

export type RemovalOptions = Pick<ForgetOptions, 'nowNs' | 'groupBy' | 'keepMin' | 'protection' | 'localOffset'> & {
  /** The floor may be undercut. */
  readonly force?: boolean;
};

/**
 * The snapshots that were named, unless their groups would be left with less than the floor. `all` is every snapshot of
 * the repository; future-dated ones, and with protection all that push nobody out, do not count towards the floor and may
 * be named like others.
 * @throws {CoffreError} POLICY_FLOOR
 */
export function planRemoval(
  all: readonly StoredSnapshot[],
  named: readonly SnapshotId[],
  options: RemovalOptions,
): StoredSnapshot[] {
  const { keepMin = options.protection === undefined ? 0 : protectedFloor, force = false } = options;
  const wanted = new Set(named);
  for (const { key, snapshots } of force ? [] : groupSnapshots(all, options.groupBy ?? groupByDefault)) {
    const asides = standingsOf(snapshots, options);
    const counted = snapshots.filter(({ id }) => !asides.has(id));
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
