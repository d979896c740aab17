/** One source of one plan: how it stands, judged from facts alone. */
import type { Criticality, RepositoryPlace } from '../config/config.ts';
import { isFailure, isGood } from './outcome.ts';
import type { CopyFacts, ItemFacts, PauseFacts, TrackFacts, VerificationFact } from './facts.ts';
import { byWorst, whyOf, worstOf } from './problem.ts';
import type { Level, Problem } from './problem.ts';
import type { ProvedSnapshot } from '../store/status-repositories.ts';
import { backupProblems } from './backup-problems.ts';
import { copyProblems } from './copy-problems.ts';
import { objectiveAllowanceMs } from './objective.ts';
import { threeTwoOne } from './three-two-one.ts';
import type { ThreeTwoOne } from './three-two-one.ts';

/** The six words of the required job states; only an agent that sends files can report the fifth. */
export type ItemStatus = 'ok' | 'failed' | 'missing' | 'hash_mismatch' | 'transfer_integrity_failed' | 'unknown';
/** What happens now, whatever came of the last run. */
export type ItemPhase = 'waiting' | 'running' | 'late' | 'paused' | 'disabled' | 'by_hand' | 'no_agent';

/**
 * How it is known that a backup is good: 0 it said so, 1 signed by the run that made it, 2 seen in the repository
 * since, 3 read back, 4 loaded into a scratch place and asked, after the backup or in a drill.
 */
export type ProofLevel = 0 | 1 | 2 | 3 | 4;

export type Proof = { readonly level: ProofLevel; readonly atMs: number };

export type TrackState = {
  readonly repository: string;
  readonly level: Level;
  readonly lastGoodMs: number | undefined;
  readonly ageMs: number | undefined;
  readonly proof: Proof | undefined;
  /** Of the newest good run; their names are in run/run-figures.ts. */
  readonly figures: Readonly<Record<string, number>>;
  readonly tookMs: number | undefined;
  readonly problems: readonly Problem[];
};

export type CopyState = TrackState & {
  readonly when: CopyFacts['when'];
  readonly objectiveMs: number | undefined;
  /** How long the earliest backup has waited that is not there yet. */
  readonly lagMs: number | undefined;
  readonly nextDueMs: number | undefined;
};

export type ItemState = {
  readonly plan: string;
  readonly source: string;
  readonly site: string;
  readonly criticality: Criticality;
  readonly foreignHost: string | undefined;
  readonly level: Level;
  readonly status: ItemStatus;
  readonly phase: ItemPhase;
  readonly backup: TrackState;
  readonly objectiveMs: number | undefined;
  /** How much older it may get while the next backup is made. */
  readonly allowanceMs: number;
  readonly rtoMs: number | undefined;
  readonly engine: string;
  readonly schedule: string;
  readonly knownSinceMs: number | undefined;
  readonly copies: readonly CopyState[];
  readonly threeTwoOne: ThreeTwoOne;
  readonly nextDueMs: number | undefined;
  readonly deadlineMs: number | undefined;
  readonly samples: number;
  readonly openSlots: number;
  readonly failures: number;
  readonly runningSinceMs: number | undefined;
  readonly lastAttemptMs: number | undefined;
  /** All of them, worst first. */
  readonly problems: readonly Problem[];
};

/** What was found out about a repository, as far as it matters to who keeps things there. */
export type RepositoryGround = RepositoryPlace & {
  readonly damage: VerificationFact | undefined;
  /** When it was last listed, and read back as a whole, with success. */
  readonly listedMs: number | undefined;
  readonly readMs: number | undefined;
  readonly proved: ReadonlyMap<string, ProvedSnapshot>;
};

export type Ground = { readonly nowMs: number; readonly repositories: ReadonlyMap<string, RepositoryGround> };

export function itemState(facts: ItemFacts, ground: Ground): ItemState {
  const { nowMs } = ground;
  const backup = trackState(facts.backup, backupProblems(facts, nowMs), ground);
  const copies = facts.copies.map((copy): CopyState => {
    const track = trackState(copy, copyProblems(copy, facts, nowMs), ground);
    const lagMs = copy.waitingSinceMs === undefined ? undefined : Math.max(0, nowMs - copy.waitingSinceMs);
    const lastGoodMs = copy.recoveryPointMs;
    const ageMs = lastGoodMs === undefined ? undefined : Math.max(0, nowMs - lastGoodMs);
    const { when, objectiveMs, nextDueMs } = copy;
    return { ...track, lastGoodMs, ageMs, when, objectiveMs, lagMs, nextDueMs };
  });
  const kept = [backup, ...copies.filter((copy) => !isStale(copy))];
  const rule = threeTwoOne(facts, holding(kept, ground), nowMs);
  // Without a backup anywhere that is what is to be said.
  const isKept = facts.foreignHost === undefined && backup.lastGoodMs !== undefined;
  const ruleProblems = isKept ? rule.problems : [];
  const problems = [
    ...backup.problems,
    ...copies.flatMap((copy) => copy.problems),
    ...ruleProblems,
    ...planProblems(facts, nowMs),
  ].toSorted(byWorst);
  return {
    plan: facts.plan,
    source: facts.source,
    site: facts.site,
    criticality: facts.criticality,
    foreignHost: facts.foreignHost,
    level: worstOf(problems),
    status: statusOf(problems, backup),
    phase: phaseOf(facts, problems),
    backup,
    objectiveMs: facts.rpoMs,
    allowanceMs: facts.rpoMs === undefined ? 0 : objectiveAllowanceMs(facts.rpoMs, facts.run.usualMs),
    rtoMs: facts.rtoMs,
    engine: facts.engine,
    schedule: facts.schedule,
    knownSinceMs: facts.knownSinceMs,
    copies,
    threeTwoOne: { ...rule, problems: ruleProblems },
    nextDueMs: facts.isEnabled ? facts.expectation.nextDueMs : undefined,
    deadlineMs: facts.isEnabled ? facts.expectation.deadlineMs : undefined,
    samples: facts.run.samples,
    openSlots: facts.run.openSlots,
    failures: facts.run.failures,
    runningSinceMs: isRunning(facts) ? facts.run.open?.startedMs : undefined,
    lastAttemptMs: lastAttempt(facts),
    problems,
  };
}

function trackState(track: TrackFacts, problems: readonly Problem[], ground: Ground): TrackState {
  const lastGoodMs = track.lastGood?.startedMs;
  const damage = ground.repositories.get(track.repository)?.damage;
  const damaged: Problem[] =
    damage === undefined || lastGoodMs === undefined
      ? []
      : [{ cause: 'hash_mismatch', level: 'critical', repository: track.repository, sinceMs: damage.atMs }];
  const all = [...problems, ...damaged].toSorted(byWorst);
  return {
    repository: track.repository,
    level: worstOf(all),
    lastGoodMs,
    ageMs: lastGoodMs === undefined ? undefined : Math.max(0, ground.nowMs - lastGoodMs),
    proof: damaged.length > 0 ? undefined : proofOf(track, ground),
    figures: track.lastGood?.figures ?? {},
    tookMs: track.lastGood === undefined ? undefined : track.lastGood.endedMs - track.lastGood.startedMs,
    problems: all,
  };
}

/** Only what happened after the backup was ready proves anything about it. */
function proofOf({ lastGood, repository }: TrackFacts, ground: Ground): Proof | undefined {
  if (lastGood === undefined) return undefined;
  const { endedMs } = lastGood;
  const about = ground.repositories.get(repository);
  const since = (atMs: number | undefined): number | undefined =>
    atMs === undefined || atMs < endedMs ? undefined : atMs;
  const [readMs, listedMs] = [since(about?.readMs), since(about?.listedMs)];
  const proved = lastGood.snapshot === undefined ? undefined : about?.proved.get(lastGood.snapshot);
  if (lastGood.isAsked && proved?.kind !== 'drill') return { level: 4, atMs: endedMs };
  if (proved !== undefined) return { level: proved.kind === 'drill' ? 4 : 3, atMs: proved.atMs };
  if (readMs !== undefined) return { level: 3, atMs: readMs };
  if (lastGood.isVerified) return { level: 3, atMs: endedMs };
  if (listedMs !== undefined) return { level: 2, atMs: listedMs };
  return { level: 1, atMs: endedMs };
}

const staleMs = 35 * 86_400_000;

/** So far behind that it brings back nothing that anybody would know again; also where nobody promised when it is made. */
function isStale({ lagMs = 0, objectiveMs = 0 }: CopyState): boolean {
  return lagMs > Math.max(objectiveMs, staleMs);
}

function holding(tracks: readonly TrackState[], ground: Ground): RepositoryPlace[] {
  const sound = tracks.filter(
    ({ lastGoodMs, repository }) =>
      lastGoodMs !== undefined && ground.repositories.get(repository)?.damage === undefined,
  );
  const names = new Set(sound.map(({ repository }) => repository));
  return [...names].map((name) => ground.repositories.get(name) ?? { medium: undefined, place: undefined });
}

function planProblems({ run, backup, pause, isEnabled, foreignHost }: ItemFacts, nowMs: number): Problem[] {
  const problems: Problem[] = [];
  if (foreignHost !== undefined) problems.push({ cause: 'no_agent', level: 'unknown', detail: foreignHost });
  if (!isEnabled) problems.push({ cause: 'disabled', level: 'warning' });
  else if (pause !== undefined) problems.push(pausedProblem(pause, nowMs));
  // Where nothing was ever saved nothing old is kept.
  const suspended = backup.lastGood === undefined ? [] : suspendedRetention(run);
  return [...problems, ...suspended, ...run.retention.flatMap(retentionProblem)];
}

function pausedProblem({ reason, untilMs }: PauseFacts, nowMs: number): Problem {
  return {
    cause: 'paused',
    level: 'warning',
    ...(untilMs !== undefined && { overMs: Math.max(0, untilMs - nowMs) }),
    ...(reason !== '' && { detail: reason }),
  };
}

/** A plan that fails removes nothing until it works again. */
function suspendedRetention({ newest, retainsIn }: ItemFacts['run']): Problem[] {
  if (newest === undefined || !isFailure(newest.outcome)) return [];
  return retainsIn.map((repository) => ({
    cause: 'retention_suspended',
    level: 'warning',
    repository,
    sinceMs: newest.startedMs,
  }));
}

function retentionProblem({ repository, run }: ItemFacts['run']['retention'][number]): Problem[] {
  if (isGood(run.outcome)) return [];
  return [{ cause: 'retention_failed', level: 'warning', repository, sinceMs: run.startedMs, ...whyOf(run) }];
}

/** Integrity goes before everything: a backup that came in time and is damaged is not there. */
function statusOf(problems: readonly Problem[], backup: TrackState): ItemStatus {
  const has = (...causes: readonly Problem['cause'][]): boolean =>
    problems.some(({ cause, level }) => level !== 'ok' && causes.includes(cause));
  if (has('hash_mismatch')) return 'hash_mismatch';
  if (has('no_agent')) return 'unknown';
  if (has('failed', 'lost')) return 'failed';
  if (has('missing', 'objective_broken')) return 'missing';
  return backup.lastGoodMs === undefined ? 'unknown' : 'ok';
}

function phaseOf(facts: ItemFacts, problems: readonly Problem[]): ItemPhase {
  if (facts.foreignHost !== undefined) return 'no_agent';
  if (isRunning(facts)) return 'running';
  if (!facts.isEnabled) return 'disabled';
  if (facts.pause !== undefined) return 'paused';
  if (problems.some(({ cause }) => cause === 'late' || cause === 'missing')) return 'late';
  return facts.expectation.kind === 'by_hand' ? 'by_hand' : 'waiting';
}

function isRunning({ run }: ItemFacts): boolean {
  return run.open !== undefined && run.open.isAlive !== false;
}

function lastAttempt({ backup, run }: ItemFacts): number | undefined {
  const known = [backup.newest?.startedMs, run.newest?.startedMs, run.open?.startedMs].filter(
    (value) => value !== undefined,
  );
  return known.length === 0 ? undefined : Math.max(...known);
}
