/** The facts of `status`, from the configuration and the history. Nothing is asked of a storage. */
import type { Config, PlanConfig, SourceConfig } from '../config/config.ts';
import { scheduleSentence } from '../schedule/describe.ts';
import { nextDue } from '../schedule/due.ts';
import { scheduleOf } from '../schedule/schedule-spec.ts';
import { Zones } from '../schedule/zone.ts';
import { openRuns } from '../store/runs.ts';
import type { Run } from '../store/runs.ts';
import { settingsNow } from '../store/settings.ts';
import type { StoredSetting } from '../store/settings.ts';
import { backupRows, copyRows, planRows, retentionRows } from '../store/status-items.ts';
import type { CopyRow, EndedRow, PlanRow, TrackRow } from '../store/status-items.ts';
import type { Rows } from '../store/store.ts';
import { expectationOf } from './expectation.ts';
import type { ExpectationInput } from './expectation.ts';
import type { CopyFacts, ItemFacts, OpenRunFacts, PauseFacts, PlanRunFacts, StatusFacts, TrackFacts } from './facts.ts';
import { extensionFacts } from './read-extensions.ts';
import { repositoryFacts } from './read-repositories.ts';

export type StatusDoors = {
  readonly nowMs: number;
  /** The name of this machine. */
  readonly here: string;
  /** False when its process is gone; undefined when nobody here can know. */
  readonly isAlive: (run: Run) => boolean | undefined;
  /** Of the disk that a folder is on; undefined when it does not say, or not soon. */
  readonly freeSpace: (folder: string) => Promise<{ freeBytes: number; capacityBytes: number } | undefined>;
};

/** @param rows undefined while there is no history */
export async function readStatusFacts(
  config: Config,
  rows: Rows | undefined,
  doors: StatusDoors,
): Promise<StatusFacts> {
  const plans = [...config.plans.values()];
  const places = placesOf(plans);
  const zones = new Zones();
  const planned = new Set(plans.flatMap(({ sources }) => sources.map(({ name }) => name)));
  return {
    nowMs: doors.nowMs,
    items: await readItemFacts({ config, plans, zones }, rows, doors),
    ...(await extensionFacts(config, rows, doors.nowMs)),
    repositories: await repositoryFacts(config, rows, { places, zones, doors }),
    unplanned: [...config.sources.values()]
      .filter(({ name }) => !planned.has(name))
      .map(({ name, site, criticality, host }) => ({
        source: name,
        site,
        criticality,
        foreignHost: host === undefined || host === doors.here ? undefined : host,
      })),
  };
}

export type ItemQuestion = {
  readonly config: Pick<Config, 'sites'>;
  readonly plans: readonly PlanConfig[];
  readonly zones: Zones;
};
type ItemDoors = Omit<StatusDoors, 'freeSpace'>;

/** Each source of these plans, in their order. */
export async function readItemFacts(
  { config, plans, zones }: ItemQuestion,
  rows: Rows | undefined,
  doors: ItemDoors,
): Promise<ItemFacts[]> {
  const places = placesOf(plans);
  const past = rows === undefined ? noPast : await readPast(rows, plans, places);
  return places.map((place, index): ItemFacts => {
    const { plan, source } = place;
    const run = planRunFacts(plan, past, doors);
    const backup = trackFacts(plan.to, past.backups[index], readsBack(plan));
    return {
      plan: plan.name,
      source: source.name,
      site: source.site,
      foreignHost: source.host === undefined || source.host === doors.here ? undefined : source.host,
      criticality: source.criticality,
      engine: source.type,
      schedule: scheduleSentence(plan.schedule),
      knownSinceMs: past.plans.get(plan.name)?.scheduledSinceMs,
      rpoMs: source.objectives.rpoMs,
      rtoMs: source.objectives.rtoMs,
      place: config.sites.get(source.site)?.place,
      waivers: source.waivers,
      isEnabled: plan.schedule.enabled,
      pause: pauseOf(plan, past.settings, doors.nowMs),
      expectation: expectationOf(plan.schedule, expected(plan, backup, past, run, doors.nowMs), zones),
      retriesMax: plan.retries.times,
      run,
      backup,
      copies: copyFacts(place, past, doors.nowMs, zones),
    };
  });
}

export type Placed = { readonly plan: PlanConfig; readonly source: SourceConfig };

function placesOf(plans: readonly PlanConfig[]): Placed[] {
  return plans.flatMap((plan) => plan.sources.map((source) => ({ plan, source })));
}

type Past = {
  readonly plans: ReadonlyMap<string, PlanRow>;
  /** One for each place. */
  readonly backups: readonly TrackRow[];
  /** By place and repository. */
  readonly copies: ReadonlyMap<string, CopyRow>;
  readonly retention: ReadonlyMap<string, readonly { readonly repository: string; readonly run: EndedRow }[]>;
  readonly open: ReadonlyMap<string, Run>;
  readonly settings: ReadonlyMap<string, StoredSetting>;
};

const noPast: Past = {
  plans: new Map(),
  backups: [],
  copies: new Map(),
  retention: new Map(),
  open: new Map(),
  settings: new Map(),
};

async function readPast(rows: Rows, plans: readonly PlanConfig[], places: readonly Placed[]): Promise<Past> {
  const names = plans.map(({ name }) => name);
  const found = await planRows(rows, names);
  const backups = await backupRows(
    rows,
    places.map(({ plan, source }) => ({ plan: plan.name, source: source.name, repository: plan.to })),
  );
  const copyKeys = places.flatMap(({ plan, source }) =>
    plan.copies.map(({ to }) => ({ plan: plan.name, source: source.name, repository: to, from: plan.to })),
  );
  const copies = await copyRows(rows, copyKeys);
  const retentionKeys = plans.flatMap(({ name, retention }) =>
    [...retention.keys()].map((repository) => ({ plan: name, repository })),
  );
  const retained = await retentionRows(rows, retentionKeys);
  const retention = new Map<string, { repository: string; run: EndedRow }[]>();
  for (const [index, { plan, repository }] of retentionKeys.entries()) {
    const run = retained[index];
    if (run !== undefined) retention.set(plan, [...(retention.get(plan) ?? []), { repository, run }]);
  }
  return {
    plans: new Map(names.map((name, index) => [name, found[index]!])),
    backups,
    copies: new Map(copyKeys.map((key, index) => [trackKey(key.plan, key.source, key.repository), copies[index]!])),
    retention,
    open: newestOpen(await openRuns(rows)),
    settings: new Map((await settingsNow(rows)).map((setting) => [setting.name, setting])),
  };
}

function trackKey(...parts: readonly string[]): string {
  return JSON.stringify(parts);
}

/** Of the runs themselves; their parts run with them. */
function newestOpen(runs: readonly Run[]): ReadonlyMap<string, Run> {
  return new Map(
    runs
      .filter(({ kind, parent }) => (kind === 'backup' || kind === 'copy') && parent === undefined)
      .map((run) => [run.plan, run]),
  );
}

function planRunFacts(plan: PlanConfig, past: Past, doors: ItemDoors): PlanRunFacts {
  const row = past.plans.get(plan.name);
  const open = past.open.get(plan.name);
  const slot = row?.newestSlot;
  return {
    newest: row?.newest,
    open: open === undefined ? undefined : openFacts(open, doors),
    failures: row?.failures ?? 0,
    usualMs: percentile95(row?.durationsMs ?? []),
    samples: row?.durationsMs.length ?? 0,
    openSlots: row?.openSlots ?? 0,
    newestSlot:
      slot === undefined
        ? undefined
        : { dueMs: slot.dueMs, missingMs: slot.missingMs, outcome: slot.outcome ?? 'open' },
    retainsIn: [...plan.retention.keys()],
    retention: past.retention.get(plan.name) ?? [],
  };
}

function openFacts(run: Run, doors: ItemDoors): OpenRunFacts {
  return { kind: run.kind, startedMs: run.startedAtMs, isAlive: doors.isAlive(run) };
}

const samplesMin = 5;

export function percentile95(values: readonly number[]): number | undefined {
  if (values.length < samplesMin) return undefined;
  const sorted = values.toSorted((one, other) => one - other);
  return sorted[Math.ceil(sorted.length * 0.95) - 1];
}

/** Files are parsed while they are read; every other step reads back what was saved. */
function readsBack(plan: PlanConfig): boolean {
  return plan.verify.each.some((step) => step !== 'parse');
}

function trackFacts(repository: string, row: TrackRow | undefined, isProved: boolean): TrackFacts {
  const lastGood = row?.lastGood;
  return {
    repository,
    newest: row?.newest,
    lastGood:
      lastGood === undefined
        ? undefined
        : {
            startedMs: lastGood.startedMs,
            endedMs: lastGood.endedMs,
            outcome: lastGood.outcome,
            reason: lastGood.reason,
            code: lastGood.code,
            // Of several that a copy brought, the newest comes last.
            snapshot: lastGood.snapshots.at(-1),
            isVerified: isProved && (lastGood.figures['stepsPassed'] ?? 0) > 0,
            isAsked: isProved && (lastGood.figures['stepsLoaded'] ?? 0) > 0,
            figures: lastGood.figures,
          },
  };
}

function copyFacts({ plan, source }: Placed, past: Past, nowMs: number, zones: Zones): CopyFacts[] {
  return plan.copies.map((copy) => {
    const row = past.copies.get(trackKey(plan.name, source.name, copy.to));
    const spec = copy.when.kind === 'schedule' ? scheduleOf([copy.when.trigger]) : undefined;
    const dueAfter = (atMs: number | undefined): number | undefined =>
      spec === undefined || atMs === undefined ? undefined : nextDue(spec, atMs, zones)?.dueMs;
    return {
      ...trackFacts(copy.to, row, false),
      when: copy.when.kind,
      objectiveMs: copy.objectiveMs,
      recoveryPointMs: row?.recoveryPointMs,
      waitingSinceMs: row?.waitingSinceMs,
      dueMs: dueAfter(row?.waitingSinceMs),
      nextDueMs: dueAfter(nowMs),
    };
  });
}

function pauseOf(plan: PlanConfig, settings: Past['settings'], nowMs: number): PauseFacts | undefined {
  const setting = settings.get(`pause:${plan.name}`) ?? settings.get('pause:*');
  if (setting !== undefined) return { reason: setting.value, by: setting.changedBy, untilMs: setting.untilMs };
  const untilMs = plan.schedule.pausedUntilMs;
  return untilMs === undefined || untilMs <= nowMs ? undefined : { reason: '', by: '', untilMs };
}

/** Slots that were given up on purpose, or lie before the schedule was made, are not waited for. */
function expected(
  plan: PlanConfig,
  backup: TrackFacts,
  past: Past,
  run: PlanRunFacts,
  nowMs: number,
): ExpectationInput {
  const since = past.plans.get(plan.name)?.scheduledSinceMs;
  const slot = run.newestSlot;
  const skippedMs = slot?.outcome === 'skipped' ? slot.dueMs : undefined;
  const answeredMs = latest(backup.lastGood?.startedMs, since, skippedMs);
  return {
    plan: plan.name,
    nowMs,
    answeredMs,
    handledMs: latest(answeredMs, slot?.dueMs),
    usualMs: run.usualMs,
  };
}

function latest(...times: readonly (number | undefined)[]): number | undefined {
  const known = times.filter((atMs) => atMs !== undefined);
  return known.length === 0 ? undefined : Math.max(...known);
}
