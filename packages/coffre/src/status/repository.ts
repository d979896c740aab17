/** One repository: when it was last seen and read, how full it is, and what is wrong there. */
import type { RepositoryPlace } from '../config/config.ts';
import type { VerificationKind } from '../store/verifications.ts';
import { roomOf } from './capacity.ts';
import type { Room } from './capacity.ts';
import type { RepositoryFacts, VerificationFact } from './facts.ts';
import type { RepositoryGround } from './item.ts';
import { byWorst, worstOf } from './problem.ts';
import type { Level, Problem } from './problem.ts';

export type RepositoryState = RepositoryPlace & {
  readonly name: string;
  readonly level: Level;
  /** With success. */
  readonly listedMs: number | undefined;
  /** When last any of its data was read back, with success. */
  readonly readMs: number | undefined;
  readonly checkedMs: number | undefined;
  readonly readWholeMs: number | undefined;
  readonly drilledMs: number | undefined;
  readonly room: Room | undefined;
  /** A newest backup was not there when it was last listed. */
  readonly isInventoryShort: boolean;
  readonly isAppendOnly: boolean;
  readonly objectLockMs: number | undefined;
  readonly maintainedBy: string | undefined;
  readonly holders: RepositoryFacts['holders'];
  readonly problems: readonly Problem[];
};

const dayMs = 86_400_000;
/** It is listed every day; a day may be missed. */
const listedMaxMs = 2 * dayMs;
/** So full that the next backup may not fit. */
const fullPercent = 95;
const usualAlertPercent = 80;
const daysToFullMin = 7;

export function groundOf(facts: RepositoryFacts): RepositoryGround {
  const { verifications, medium, place } = facts;
  return {
    medium,
    place,
    damage: damageOf(facts),
    listedMs: verifications.list?.good?.atMs,
    readMs: facts.readsWhole ? verifications['check-read']?.good?.atMs : undefined,
    proved: new Map(facts.proved.toReversed().map((proof) => [proof.snapshot, proof])),
  };
}

export function repositoryState(facts: RepositoryFacts, nowMs: number): RepositoryState {
  const room = roomOf(facts.room);
  const problems = [
    ...damageProblems(facts),
    ...reachProblems(facts, nowMs),
    ...checkProblems(facts, nowMs),
    ...roomProblems(facts.name, room, facts.capacityAlertPercent ?? usualAlertPercent),
  ].toSorted(byWorst);
  return {
    name: facts.name,
    medium: facts.medium,
    place: facts.place,
    level: worstOf(problems),
    listedMs: facts.verifications.list?.good?.atMs,
    readMs: goodMs(facts, 'pack', 'check-read', 'verify', 'restore', 'drill'),
    checkedMs: goodMs(facts, 'check', 'check-read'),
    readWholeMs: facts.readsWhole ? facts.verifications['check-read']?.good?.atMs : undefined,
    drilledMs: goodMs(facts, 'drill', 'restore'),
    room,
    isInventoryShort: facts.verifications.list?.newest.outcome === 'damaged',
    isAppendOnly: facts.isAppendOnly,
    objectLockMs: facts.objectLockMs,
    maintainedBy: facts.maintainedBy,
    holders: facts.holders,
    problems,
  };
}

function goodMs({ verifications }: RepositoryFacts, ...kinds: readonly VerificationKind[]): number | undefined {
  const known = kinds.flatMap((kind) => verifications[kind]?.good?.atMs ?? []);
  return known.length === 0 ? undefined : Math.max(...known);
}

const readingKinds = ['pack', 'check', 'check-read', 'verify', 'restore', 'drill', 'list'] as const;

/**
 * Damage stands until the same kind of look finds none; only a whole reading also speaks for a single pack. A pack that
 * is read at random and found whole says nothing about the one that was not.
 */
function damageOf({ verifications, readsWhole, fullWithinMs }: RepositoryFacts): VerificationFact | undefined {
  const readMs = verifications['check-read']?.good?.atMs ?? Number.NEGATIVE_INFINITY;
  // Readings of a share have been everywhere when their promised time is over.
  const wholeMs = readsWhole ? readMs : readMs - (fullWithinMs ?? Number.POSITIVE_INFINITY);
  for (const kind of readingKinds) {
    const found = verifications[kind]?.newestDamaged;
    if (found === undefined || found.atMs <= wholeMs) continue;
    const goodMsOfKind = verifications[kind]?.good?.atMs ?? Number.NEGATIVE_INFINITY;
    const speaksForAll = kind === 'check' || kind === 'list' || (kind === 'check-read' && readsWhole);
    if (!speaksForAll || goodMsOfKind <= found.atMs) return found;
  }
  return undefined;
}

function damageProblems(facts: RepositoryFacts): Problem[] {
  const damage = damageOf(facts);
  if (damage === undefined) return [];
  const detail = damage.detail === undefined ? {} : { detail: damage.detail };
  return [{ cause: 'damaged', level: 'critical', repository: facts.name, sinceMs: damage.atMs, ...detail }];
}

function reachProblems(facts: RepositoryFacts, nowMs: number): Problem[] {
  const { name: repository, verifications } = facts;
  const { list } = verifications;
  if (list?.newest.outcome === 'unreachable') {
    const sinceMs = list.good?.atMs ?? list.newest.atMs;
    const level: Level = nowMs - sinceMs > listedMaxMs ? 'critical' : 'warning';
    const detail = list.newest.detail === undefined ? {} : { detail: list.newest.detail };
    return [{ cause: 'unreachable', level, repository, sinceMs, ...detail }];
  }
  const sinceMs = list?.good?.atMs ?? facts.heldSinceMs;
  if (sinceMs === undefined || nowMs - sinceMs <= listedMaxMs) return [];
  return [{ cause: 'not_listed', level: 'warning', repository, sinceMs }];
}

function checkProblems(facts: RepositoryFacts, nowMs: number): Problem[] {
  const { name: repository, checkDueMs, fullWithinMs, verifications } = facts;
  const problems: Problem[] = [];
  if (checkDueMs !== undefined && nowMs - checkDueMs > dayMs) {
    problems.push({ cause: 'check_late', level: 'warning', repository, sinceMs: checkDueMs });
  }
  const readMs = verifications['check-read']?.good?.atMs ?? facts.heldSinceMs;
  if (fullWithinMs !== undefined && readMs !== undefined && nowMs - readMs > fullWithinMs) {
    problems.push({ cause: 'not_verified', level: 'warning', repository, sinceMs: readMs });
  }
  return problems;
}

function roomProblems(repository: string, room: Room | undefined, alertPercent: number): Problem[] {
  if (room?.usedPercent === undefined) return [];
  const percent = Math.floor(room.usedPercent);
  if (room.usedPercent >= fullPercent) return [{ cause: 'capacity', level: 'critical', repository, percent }];
  const isSoonFull = room.daysToFull !== undefined && room.daysToFull < daysToFullMin;
  if (room.usedPercent < alertPercent && !isSoonFull) return [];
  return [
    {
      cause: 'capacity',
      level: 'warning',
      repository,
      percent,
      ...(isSoonFull && { count: Math.floor(room.daysToFull) }),
    },
  ];
}
