/** How everything stands: each source of each plan, each repository, and the worst of it first. */
import { channelStanding, triggerStanding } from './extensions.ts';
import type { ChannelStanding, TriggerStanding } from './extensions.ts';
import type { StatusFacts, UnplannedSource } from './facts.ts';
import { itemState } from './item.ts';
import type { ItemState } from './item.ts';
import { byWorst, levels, worse } from './problem.ts';
import type { Level, Problem } from './problem.ts';
import { groundOf, repositoryState } from './repository.ts';
import type { RepositoryState } from './repository.ts';
import { isPrecious } from './three-two-one.ts';

export type Status = {
  readonly atMs: number;
  readonly level: Level;
  /** Worst first. */
  readonly items: readonly ItemState[];
  readonly repositories: readonly RepositoryState[];
  readonly unplanned: readonly (UnplannedSource & { readonly problem: Problem })[];
  readonly triggers: readonly TriggerStanding[];
  readonly channels: readonly ChannelStanding[];
  readonly plans: PlanCounts;
  /** What is to be said first; undefined when all is well. */
  readonly worst: Worst | undefined;
};

export type PlanCounts = {
  readonly total: number;
  readonly byLevel: Readonly<Record<Level, number>>;
};

export type Worst = {
  readonly problem: Problem;
  readonly plan: string | undefined;
  /** A source, or the repository that the problem is about. */
  readonly subject: string;
};

export function statusOf(facts: StatusFacts): Status {
  const { nowMs } = facts;
  const repositories = new Map(facts.repositories.map((repository) => [repository.name, groundOf(repository)]));
  const items = facts.items
    .map((item) => itemState(item, { nowMs, repositories }))
    .toSorted((one, other) => levels.indexOf(other.level) - levels.indexOf(one.level));
  const states = facts.repositories
    .map((repository) => repositoryState(repository, nowMs))
    .toSorted((one, other) => levels.indexOf(other.level) - levels.indexOf(one.level));
  const unplanned = facts.unplanned.map((source) => ({ ...source, problem: unprotected(source) }));
  const triggers = (facts.triggers ?? []).map(triggerStanding);
  const channels = (facts.channels ?? []).map((channel) => channelStanding(channel, nowMs));
  const level = [
    ...items.map((item) => item.level),
    ...states.map((state) => state.level),
    ...unplanned.map(({ problem }) => problem.level),
    ...triggers.map((trigger) => trigger.level),
    ...channels.map((channel) => channel.level),
  ].reduce<Level>(worse, items.length === 0 ? 'unknown' : 'ok');
  return {
    atMs: nowMs,
    level,
    items,
    repositories: states,
    unplanned,
    triggers,
    channels,
    plans: countPlans(items),
    worst: worstThing(items, states, unplanned) ?? worstExtension(triggers, channels),
  };
}

function unprotected({ criticality, foreignHost }: UnplannedSource): Problem {
  if (foreignHost !== undefined) return { cause: 'unprotected', level: 'unknown' };
  return { cause: 'unprotected', level: isPrecious(criticality) ? 'critical' : 'warning' };
}

/** A plan is as its worst source is. */
function countPlans(items: readonly ItemState[]): PlanCounts {
  const worst = new Map<string, Level>();
  for (const { plan, level } of items) worst.set(plan, worse(worst.get(plan) ?? 'ok', level));
  const byLevel = { ok: 0, unknown: 0, warning: 0, critical: 0 };
  for (const level of worst.values()) byLevel[level] += 1;
  return { total: worst.size, byLevel };
}

const weight = { critical: 3, high: 2, medium: 1, low: 0 } as const;
/** What is wrong there is wrong for all that is kept there. */
const repositoryWeight = 4;

function worstThing(
  items: readonly ItemState[],
  repositories: readonly RepositoryState[],
  unplanned: Status['unplanned'],
): Worst | undefined {
  const candidates: (Worst & { readonly weight: number })[] = [
    ...repositories.flatMap(({ name, problems }) =>
      problems.slice(0, 1).map((problem) => ({ problem, plan: undefined, subject: name, weight: repositoryWeight })),
    ),
    ...items.flatMap(({ plan, source, criticality, problems }) =>
      problems.slice(0, 1).map((problem) => ({ problem, plan, subject: source, weight: weight[criticality] })),
    ),
    ...unplanned.map(({ source, criticality, problem }) => ({
      problem,
      plan: undefined,
      subject: source,
      weight: weight[criticality],
    })),
  ].filter(({ problem }) => problem.level !== 'ok');
  let worst: (Worst & { readonly weight: number }) | undefined;
  for (const candidate of candidates) {
    if (worst === undefined || comesBefore(candidate, worst)) worst = candidate;
  }
  return worst === undefined ? undefined : { problem: worst.problem, plan: worst.plan, subject: worst.subject };
}

/** Only where nothing that is protected is in trouble itself. */
function worstExtension(triggers: readonly TriggerStanding[], channels: readonly ChannelStanding[]): Worst | undefined {
  const [found] = [
    ...triggers.flatMap(({ plan, trigger, problems }) =>
      problems.map((problem) => ({ plan, subject: trigger, problem })),
    ),
    ...channels.flatMap(({ channel, problems }) =>
      problems.map((problem) => ({ plan: undefined, subject: channel, problem })),
    ),
  ];
  return found;
}

type Weighed = { readonly problem: Problem; readonly weight: number };

function comesBefore(one: Weighed, other: Weighed): boolean {
  const byLevel = levels.indexOf(one.problem.level) - levels.indexOf(other.problem.level);
  if (byLevel !== 0) return byLevel > 0;
  if (one.weight !== other.weight) return one.weight > other.weight;
  return byWorst(one.problem, other.problem) < 0;
}

/** For one who asks about some plans or one site only: what is wrong elsewhere does not count, their repositories do. */
export function chosenFacts(
  facts: StatusFacts,
  { plans, site }: { readonly plans: readonly string[]; readonly site: string | undefined },
): StatusFacts {
  if (plans.length === 0 && site === undefined) return facts;
  const wanted = new Set(plans);
  const items = facts.items.filter(
    (item) => (plans.length === 0 || wanted.has(item.plan)) && (site === undefined || item.site === site),
  );
  const used = new Set(items.flatMap(({ backup, copies }) => [backup, ...copies].map((track) => track.repository)));
  return {
    ...facts,
    items,
    repositories: facts.repositories.filter(({ name }) => used.has(name)),
    ...(facts.triggers !== undefined && {
      triggers: facts.triggers.filter(({ plan }) => items.some((item) => item.plan === plan)),
    }),
    unplanned: plans.length > 0 ? [] : facts.unplanned.filter((source) => source.site === site),
  };
}
