/** What the configuration wants to be done again and again, as the agenda knows it. Pure. */
import type { Config, PlanConfig, RepositoryConfig } from '../config/config.ts';
import { careName } from '../run/care.ts';
import { planLease } from '../run/lease-keeper.ts';
import type { RunKind } from '../store/runs.ts';
import type { SlotWork } from '../store/slot-claims.ts';
import { shareOf } from '../schedule/jitter.ts';
import { scheduleOf } from '../schedule/schedule-spec.ts';
import type { ClockTrigger, ScheduleSpec } from '../schedule/schedule-spec.ts';
import type { WatchedDatabase } from '../source/sqlite/continuous.ts';
import type { Lease, PlanEntry } from '../schedule/plan-entry.ts';

export type WatchedSource = {
  readonly path: string;
  /** Patterns of what is not saved, and whose changes do not matter. */
  readonly exclude: readonly string[];
};

/** One thing that is due at times: its entry in the agenda, and the words of the program that does it. */
export type Work = {
  readonly entry: PlanEntry;
  readonly words: readonly string[];
  /** Where a change starts it; patterns are allowed. Undefined when changes do not. */
  readonly watched?: readonly WatchedSource[];
  /** SQLite databases whose writes start it, each at most once in its interval. */
  readonly databases?: readonly WatchedDatabase[];
  /** What its runs are in the history. */
  readonly history: { readonly plan: string; readonly kind: RunKind; readonly repository?: string };
};

export function workOf(config: Config, host: string): ReadonlyMap<string, Work> {
  const found = new Map<string, Work>();
  for (const plan of config.plans.values()) {
    if (!isOfHere(plan, host)) continue;
    for (const work of [planWork(plan, host), ...copyWorks(plan, host)]) found.set(work.entry.plan, work);
  }
  for (const repository of config.repositories.values()) {
    const work = careWork(repository, host);
    if (work !== undefined) found.set(work.entry.plan, work);
  }
  return found;
}

export function slotWorkOf({ entry, history }: Work): SlotWork {
  const { plan, kind } = history;
  return { plan, kind, lease: entry.leases.find(({ mode }) => mode === 'exclusive')?.repository };
}

/** A plan whose every source is on other hosts has no business here. */
function isOfHere({ sources }: PlanConfig, host: string): boolean {
  return sources.some((source) => source.host === undefined || source.host === host);
}

function planWork(plan: PlanConfig, host: string): Work {
  const objectivesMs = plan.sources.flatMap(({ objectives }) => objectives.rpoMs ?? []);
  const copiesNow = plan.copies.filter(({ when }) => when.kind === 'each').map(({ to }) => to);
  const repositories = [plan.to, ...copiesNow].map((repository): Lease => ({ repository, mode: 'shared' }));
  const { name, mode } = planLease(plan.name);
  const watched = watchedSources(plan);
  const isWatched = plan.schedule.triggers.some(({ kind }) => kind === 'on_change') && watched.length > 0;
  const databases = continuousDatabases(plan);
  return {
    words: ['run', plan.name],
    history: { plan: plan.name, kind: 'backup' },
    ...(isWatched && { watched }),
    ...(databases.length > 0 && { databases }),
    entry: {
      plan: plan.name,
      spec: databases.length > 0 ? startingOnChange(plan.schedule) : plan.schedule,
      host,
      leases: [...repositories, { repository: name, mode }],
      priority: plan.priority,
      maxRuntimeMs: plan.maxRuntimeMs,
      retries: plan.retries,
      ...(objectivesMs.length === 0 ? {} : { objectiveMs: Math.min(...objectivesMs) }),
    },
  };
}

function continuousDatabases({ sources }: PlanConfig): WatchedDatabase[] {
  return sources.flatMap((source) => {
    if (source.type !== 'sqlite' || source.continuousMs === undefined) return [];
    return source.paths.map((path) => ({ path, intervalMs: source.continuousMs }));
  });
}

/** The watch itself waits as long as it should between two runs. */
function startingOnChange(spec: ScheduleSpec): ScheduleSpec {
  if (spec.triggers.some(({ kind }) => kind === 'on_change')) return spec;
  return { ...spec, triggers: [...spec.triggers, { kind: 'on_change', settleMs: 0, atMostMs: 0 }] };
}

/** Only sources that lie in files of this machine can be watched. */
function watchedSources({ sources }: PlanConfig): WatchedSource[] {
  return sources.flatMap((source): WatchedSource[] => {
    if (source.type === 'files')
      return source.paths.map((path) => ({ path: path.replaceAll('{module}', '*'), exclude: source.exclude }));
    if (source.type === 'sqlite') return source.paths.map((path) => ({ path, exclude: [] }));
    if (source.type === 'git') return [{ path: source.path, exclude: [] }];
    // Servers and programs have no files that could be listened to.
    return [];
  });
}

/** Copies with times of their own. No name in a configuration has a slash, so theirs are nobody else's. */
function copyWorks(plan: PlanConfig, host: string): Work[] {
  const { name, mode } = planLease(plan.name);
  return plan.copies.flatMap(({ to, when, objectiveMs }): Work[] => {
    if (when.kind !== 'schedule') return [];
    const { enabled, catchUp } = plan.schedule;
    const entry: PlanEntry = {
      plan: `copy/${plan.name}/${to}`,
      spec: scheduleOf([when.trigger], { enabled, catchUp }),
      host,
      leases: [
        { repository: plan.to, mode: 'shared' },
        { repository: to, mode: 'shared' },
        { repository: name, mode },
      ],
      priority: plan.priority,
      maxRuntimeMs: plan.maxRuntimeMs,
      retries: plan.retries,
      ...(objectiveMs === undefined ? {} : { objectiveMs }),
    };
    return [
      { entry, words: ['run', plan.name, '--copy', to], history: { plan: plan.name, kind: 'copy', repository: to } },
    ];
  });
}

const dayMs = 86_400_000;
const careRetries = { times: 2, waitMs: 600_000 };

/** Every repository is looked at once a day, at a time of its own, and checked and pruned when the configuration says so. */
function careWork({ name, check, prune, maintainedBy }: RepositoryConfig, host: string): Work | undefined {
  if (maintainedBy !== undefined && maintainedBy !== host) return undefined;
  const plan = careName(name);
  const daily: ClockTrigger = { kind: 'every', periodMs: dayMs, originMs: Math.floor(shareOf(plan) * dayMs) };
  const triggers = [daily, check.structure, prune?.schedule].filter((trigger) => trigger !== undefined);
  const entry: PlanEntry = {
    plan,
    spec: scheduleOf(triggers),
    host,
    leases: [{ repository: name, mode: 'shared' }],
    priority: 'low',
    maxRuntimeMs: dayMs,
    retries: careRetries,
  };
  return { entry, words: ['care', name], history: { plan, kind: 'check' } };
}
