/**
 * The metrics of `status` in the text format of Prometheus. Instants are exported, never ages, which would stand still
 * together with whoever exports them.
 */
import { Counter, Gauge, Registry } from 'prom-client';
import { failureReason, failureReasons } from '../store/failure-cause.ts';
import type { FailureReason } from '../store/failure-cause.ts';
import type { FailureCount } from '../store/failure-counts.ts';
import type { CopyState, ItemState } from './item.ts';
import type { RepositoryState } from './repository.ts';
import type { Status } from './status.ts';

export type MetricSurroundings = {
  readonly company: string | undefined;
  readonly version: string;
  /** Since the state was made. */
  readonly failures: readonly FailureCount[];
  /** Above so many jobs only those that are not fine have series of their own; the others are counted. */
  readonly itemsMax?: number;
};

const usualItemsMax = 5000;
const statuses = ['ok', 'failed', 'missing', 'hash_mismatch', 'transfer_integrity_failed', 'unknown'] as const;

export async function statusMetrics(status: Status, around: MetricSurroundings): Promise<string> {
  const registry = new Registry();
  const gauge = gaugesOf(registry);
  gauge('build_info', 'Which Coffre wrote this', { version: around.version }, 1);
  countJobs(status, around, gauge);
  const isLarge = status.items.length > (around.itemsMax ?? usualItemsMax);
  for (const item of status.items) {
    if (isLarge && item.level === 'ok') continue;
    jobMetrics(item, labelsOf(item, around), gauge);
    for (const copy of item.copies) copyMetrics(copy, item, status, around, gauge);
  }
  for (const repository of status.repositories) repositoryMetrics(repository, gauge);
  countFailures(status, around, isLarge, registry);
  return await registry.metrics();
}

type Labels = Readonly<Record<string, string>>;
type SetGauge = (name: string, help: string, labels: Labels, value: number | undefined) => void;

/** Unknown values leave no series: a nought would be a claim. */
function gaugesOf(registry: Registry): SetGauge {
  const known = new Map<string, Gauge>();
  return (name, help, labels, value) => {
    if (value === undefined) return;
    const found = known.get(name);
    const gauge =
      found ?? new Gauge({ name: `coffre_${name}`, help, labelNames: Object.keys(labels), registers: [registry] });
    if (found === undefined) known.set(name, gauge);
    gauge.set(labels, value);
  };
}

/** A job is one source of one plan. */
function labelsOf({ plan, source, site }: ItemState, { company }: MetricSurroundings): Labels {
  return { company: company ?? '', site, backup_job: `${plan}/${source.slice(site.length + 1)}` };
}

function countJobs(status: Status, around: MetricSurroundings, gauge: SetGauge): void {
  const counts = new Map<string, number>();
  for (const { site, status: word } of status.items) {
    const key = JSON.stringify([site, word]);
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  for (const site of new Set(status.items.map((item) => item.site))) {
    for (const word of statuses) {
      const labels = { company: around.company ?? '', site, status: word };
      gauge('jobs', 'Jobs in each state', labels, counts.get(JSON.stringify([site, word])) ?? 0);
    }
  }
}

function jobMetrics(item: ItemState, labels: Labels, gauge: SetGauge): void {
  const info = { ...labels, engine: item.engine, schedule: item.schedule, tier: item.criticality };
  gauge('job_info', 'What a job is', info, 1);
  for (const word of statuses) {
    gauge(
      'job_status',
      'The state of a job: one of them is 1',
      { ...labels, status: word },
      item.status === word ? 1 : 0,
    );
  }
  const isPaused = item.phase === 'paused' || item.phase === 'disabled';
  gauge('job_paused', 'Paused or switched off', labels, isPaused ? 1 : 0);
  const instants: readonly (readonly [string, string, number | undefined])[] = [
    ['created', 'Since when the job is known', item.knownSinceMs],
    ['last_attempt', 'When the newest run began', item.lastAttemptMs],
    ['last_success', 'When the newest good run ended', endOf(item)],
    ['recovery_point', 'When the newest good backup began', item.backup.lastGoodMs],
    ['next_due', 'When it is due next', item.nextDueMs],
    ['deadline', 'From when on a backup is missing', item.deadlineMs],
  ];
  for (const [name, help, atMs] of instants) gauge(`job_${name}_timestamp_seconds`, help, labels, seconds(atMs));
  gauge('job_rpo_objective_seconds', 'How old the newest backup may be', labels, seconds(item.objectiveMs));
  gauge('job_rto_objective_seconds', 'How long a restore may take', labels, seconds(item.rtoMs));
  gauge('job_consecutive_failures', 'Failed runs since the last good one', labels, item.failures);
  gauge(
    'job_assurance_level',
    'How the newest backup is known to be good, 0 to 4',
    labels,
    item.backup.proof?.level ?? 0,
  );
  runMetrics(item, labels, gauge);
}

/** Every reason from the start, so that the first failure is an increase. */
function countFailures(status: Status, around: MetricSurroundings, isLarge: boolean, registry: Registry): void {
  const counter = new Counter({
    name: 'coffre_run_failures_total',
    help: 'Runs of a job that failed, by what failed',
    labelNames: ['company', 'site', 'backup_job', 'reason'],
    registers: [registry],
  });
  const key = (plan: string, source: string, reason: FailureReason): string => JSON.stringify([plan, source, reason]);
  const counts = new Map<string, number>();
  for (const { plan, source, cause, count } of around.failures) {
    const at = key(plan, source, failureReason(cause));
    counts.set(at, (counts.get(at) ?? 0) + count);
  }
  for (const item of status.items) {
    if (isLarge && item.level === 'ok') continue;
    for (const reason of failureReasons) {
      counter.inc({ ...labelsOf(item, around), reason }, counts.get(key(item.plan, item.source, reason)) ?? 0);
    }
  }
}

function endOf({ backup }: ItemState): number | undefined {
  return backup.lastGoodMs === undefined ? undefined : backup.lastGoodMs + (backup.tookMs ?? 0);
}

const phases = ['read', 'publish', 'verify', 'hooks', 'preflight', 'open', 'lease'] as const;

function runMetrics({ backup, runningSinceMs, samples }: ItemState, labels: Labels, gauge: SetGauge): void {
  const { figures, tookMs } = backup;
  gauge('run_in_progress', 'A run is going on', labels, runningSinceMs === undefined ? 0 : 1);
  const took = (phase: string, durationMs: number | undefined): void =>
    gauge('run_last_duration_seconds', 'How long the newest good run took', { ...labels, phase }, seconds(durationMs));
  took('total', tookMs);
  for (const phase of phases) took(phase, figures[`${phase}Ms`]);
  gauge('run_last_samples', 'Good runs that the history compares with, twenty at most', labels, samples);
  gauge('run_last_source_bytes', 'Size of the source', labels, figures['bytesTotal']);
  gauge('run_last_added_bytes', 'Data that no earlier backup had', labels, figures['bytesNew']);
  gauge('run_last_stored_bytes', 'What that took in the repository', labels, figures['bytesStored']);
  const files = {
    new: 'filesNew',
    changed: 'filesChanged',
    unmodified: 'filesUnmodified',
    failed: 'filesFailed',
  } as const;
  for (const [change, figure] of Object.entries(files)) {
    gauge('run_last_files', 'Files by what became of them', { ...labels, change }, figures[figure]);
  }
}

function copyMetrics(
  copy: CopyState,
  item: ItemState,
  status: Status,
  around: MetricSurroundings,
  gauge: SetGauge,
): void {
  const repository = status.repositories.find(({ name }) => name === copy.repository);
  const labels = { ...labelsOf(item, around), role: roleOf(repository, item, status), repository: copy.repository };
  const help = 'When the newest backup began that was copied';
  gauge('copy_recovery_point_timestamp_seconds', help, labels, seconds(copy.lastGoodMs));
}

/** By its declared place; unknown ones are local, since nobody said that they are not. */
function roleOf(copy: RepositoryState | undefined, item: ItemState, status: Status): 'local' | 'offsite' | 'immutable' {
  if (copy?.objectLockMs !== undefined) return 'immutable';
  const home = status.repositories.find(({ name }) => name === item.backup.repository);
  const isElsewhere = copy?.place !== undefined && home?.place !== undefined && copy.place !== home.place;
  return isElsewhere ? 'offsite' : 'local';
}

function repositoryMetrics(state: RepositoryState, gauge: SetGauge): void {
  const labels = { repository: state.name };
  const { room } = state;
  gauge('repository_size_bytes', 'What is stored', { ...labels, kind: 'stored' }, room?.sizeBytes);
  gauge('repository_storage_free_bytes', 'Room that is left', labels, room?.freeBytes);
  gauge('repository_storage_capacity_bytes', 'Room in all', labels, room?.capacityBytes);
  const checked = (mode: string, atMs: number | undefined): void =>
    gauge(
      'repository_check_last_success_timestamp_seconds',
      'When a check last found no damage',
      { ...labels, mode },
      seconds(atMs),
    );
  checked('structure', state.checkedMs);
  checked('data', state.readWholeMs);
  const isDamaged = state.problems.some(({ cause }) => cause === 'damaged');
  gauge('repository_check_errors', 'Damage that was found and still stands', labels, isDamaged ? 1 : 0);
  const missing = 'Newest backups that were not there when it was last listed';
  gauge('repository_missing_known_snapshots', missing, labels, state.isInventoryShort ? 1 : 0);
  gauge('repository_append_only', 'Hosts cannot delete there', labels, state.isAppendOnly ? 1 : 0);
}

function seconds(instantMs: number | undefined): number | undefined {
  return instantMs === undefined ? undefined : instantMs / 1000;
}
