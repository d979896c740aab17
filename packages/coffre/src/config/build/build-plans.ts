import type { KeepCount, RetentionPolicy } from '@coffre/repository';
import type { ZoneName } from '../../schedule/schedule-spec.ts';
import type {
  CopyConfig,
  Guards,
  PlanConfig,
  PlanName,
  RepositoryName,
  RetentionConfig,
  SourceConfig,
  SourceName,
} from '../config.ts';
import type { ConfigDocument } from '../schema/document.ts';
import { guardsWritten, hookOf } from './build-sources.ts';
import { scheduleOf, TriggerReader } from './schedule-of.ts';

type Written = ConfigDocument['plans'][string];
type Surroundings = { readonly zone: ZoneName; readonly sources: ReadonlyMap<SourceName, SourceConfig> };
/** What plans have in common, made once. */
type Shared = Surroundings & { readonly triggers: TriggerReader; readonly usualGuards: Guards };

export function plansOf(document: ConfigDocument, surroundings: Surroundings): ReadonlyMap<PlanName, PlanConfig> {
  const usualGuards = usualGuardsOf(document.defaults.guards);
  const shared = { ...surroundings, triggers: new TriggerReader(), usualGuards };
  return new Map(
    Object.entries(document.plans).map(([key, written]) => {
      const name = key as PlanName;
      return [name, planOf(name, written, document.defaults, shared)];
    }),
  );
}

function planOf(name: PlanName, written: Written, defaults: ConfigDocument['defaults'], shared: Shared): PlanConfig {
  const { sources, usualGuards } = shared;
  const retries = written.retries ?? defaults.retries;
  return {
    name,
    sources: written.sources.flatMap((source) => sources.get(source as SourceName) ?? []),
    to: written.to as RepositoryName,
    schedule: scheduleOf(written.schedule, shared, {
      jitterMs: written.jitter ?? defaults.jitter,
      catchUp: written.catch_up ?? defaults.catch_up,
      enabled: written.enabled,
    }),
    skipIfUnchanged: written.skip_if_unchanged,
    copies: Object.entries(written.copy).map(([to, copy]) => copyOf(to as RepositoryName, copy, shared)),
    retention: new Map(
      Object.entries(written.retention).map(([to, rules]) => [to as RepositoryName, retentionOf(rules)]),
    ),
    verify: written.verify,
    hooks: written.hooks.map(hookOf),
    guards:
      Object.keys(written.guards).length === 0 ? usualGuards : { ...usualGuards, ...guardsWritten(written.guards) },
    maxRuntimeMs: written.max_runtime ?? defaults.max_runtime,
    priority: written.priority ?? defaults.priority,
    retries: { times: retries.times, waitMs: retries.wait },
    tags: written.tags,
  };
}

function usualGuardsOf(written: ConfigDocument['defaults']['guards']): Guards {
  return {
    emptySource: written.empty_source,
    wrongMount: written.wrong_mount,
    minFiles: written.min_files,
    shrinkOverPercent: written.shrink_over,
    growthOverPercent: written.growth_over,
    futureSnapshots: written.future_snapshots,
  };
}

function copyOf(to: RepositoryName, written: Written['copy'][string], { zone, triggers }: Shared): CopyConfig {
  const { after, schedule, objective } = written;
  const when: CopyConfig['when'] =
    schedule === undefined
      ? { kind: after ?? 'each' }
      : { kind: 'schedule', trigger: triggers.timetable(schedule, zone) };
  return { to, when, objectiveMs: objective, hooks: written.hooks.map(hookOf) };
}

function retentionOf(written: Written['retention'][string]): RetentionConfig {
  const {
    floor,
    manual,
    strategy,
    tags,
    within_hourly,
    within_daily,
    within_weekly,
    within_monthly,
    within_yearly,
    ...rest
  } = written;
  const rules: Readonly<Record<string, KeepCount | object | undefined>> = {
    ...rest,
    withinHourly: within_hourly,
    withinDaily: within_daily,
    withinWeekly: within_weekly,
    withinMonthly: within_monthly,
    withinYearly: within_yearly,
    tags: tags?.map((tag) => [tag]),
  };
  const automatic = { policy: said(rules), floor, ...(strategy === undefined ? {} : { strategy }) };
  if (manual === undefined) return automatic;
  const { floor: manualFloor, ...manualRules } = manual;
  return { ...automatic, manual: { policy: said(manualRules), floor: manualFloor } };
}

function said(rules: Readonly<Record<string, KeepCount | object | undefined>>): RetentionPolicy {
  return Object.fromEntries(Object.entries(rules).filter(([, value]) => value !== undefined));
}
