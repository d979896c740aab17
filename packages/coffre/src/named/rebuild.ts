/**
 * What a history would say of the backups in a repository, told from the snapshots alone: their tags, times and figures.
 * What left no snapshot (failures, proofs, removals) cannot be told. Pure.
 */
import { parseTimestamp, timestampNs } from '@coffre/repository';
import type { Snapshot, SnapshotId, StoredSnapshot } from '@coffre/repository';
import type { NewNamedBackup } from '../store/named-backups.ts';
import type { NewRun, RunEnd } from '../store/runs.ts';
import type { Backup } from './backups.ts';
import { factsOf } from './tags.ts';

export type RebuiltRow = {
  readonly run: NewRun;
  readonly end: RunEnd;
  readonly startedMs: number;
  readonly endedMs: number;
};

/** One run of a plan, and below it a row for each of its sources; copies have rows for sources only. */
export type RebuiltRun = { readonly whole: RebuiltRow | undefined; readonly parts: readonly RebuiltRow[] };

export type RebuiltRepository = {
  readonly runs: readonly RebuiltRun[];
  readonly names: readonly (NewNamedBackup & { readonly createdMs: number })[];
};

export type RepositoryContents = {
  /** By its name in the configuration. */
  readonly name: string;
  readonly backups: readonly Backup[];
  /** Whether a plan saves there itself, and not by copying. */
  readonly isHome: (plan: string) => boolean;
  /** What the history has already. */
  readonly known: ReadonlySet<string>;
  /** Names that the history has already. */
  readonly knownNames: ReadonlySet<string>;
};

/** Of no process: nothing of it can still run. */
const nobody = { pid: 0, bootId: 'rebuilt' } as const;

export function rebuiltRepository({ name, backups, isHome, known, knownNames }: RepositoryContents): RebuiltRepository {
  const planned = backups.filter(({ plan, kind }) => plan !== undefined && kind !== undefined && kind !== 'temp');
  const runs = planned.toReversed().flatMap((backup): RebuiltRun[] => {
    // A changed tag makes a new snapshot of an old one.
    const missing = backup.snapshots.filter(
      ({ id, snapshot }) => !known.has(id) && !known.has(snapshot.original ?? id),
    );
    const plan = backup.plan!;
    if (missing.length === 0) return [];
    const kind = isHome(plan) ? 'source' : 'copy';
    const parts = missing.map((stored) =>
      partOf(stored, { plan, kind, repository: name, isManual: backup.kind === 'manual' }),
    );
    const isWhole = kind === 'source' && missing.length === backup.snapshots.length;
    return [{ whole: isWhole ? wholeOf(parts, plan) : undefined, parts }];
  });
  const named = planned.filter((backup) => backup.kind === 'manual' && !knownNames.has(backup.name));
  return {
    runs,
    names: named.map(({ name: backup, plan, isPinned, createdMs, snapshots }) => ({
      repository: name,
      name: backup,
      plan: plan!,
      snapshot: snapshotsText(snapshots.map(({ id }) => id)),
      isPinned,
      createdMs,
    })),
  };
}

/** As the index of names holds the snapshots of one backup. */
export function snapshotsText(ids: readonly SnapshotId[]): string {
  return ids.join(',');
}

type PartFacts = {
  readonly plan: string;
  readonly kind: 'source' | 'copy';
  readonly repository: string;
  readonly isManual: boolean;
};

function partOf(
  { id, snapshot, storedMs }: StoredSnapshot,
  { plan, kind, repository, isManual }: PartFacts,
): RebuiltRow {
  const { startMs, endMs } = spanOf(snapshot);
  // A copy cannot be older than what it is a copy of; when it was made, the storage may know.
  const copiedMs = Math.max(endMs, Math.round(storedMs ?? 0));
  const source = factsOf(snapshot).source!;
  const isIncomplete = factsOf(snapshot).isIncomplete;
  return {
    run: {
      plan,
      source,
      kind,
      trigger: isManual ? 'manual' : 'schedule',
      host: snapshot.hostname ?? '',
      repository,
      ...nobody,
    },
    end: {
      outcome: isIncomplete ? 'warning' : 'success',
      ...(isIncomplete ? { reason: 'some of the source could not be read' } : {}),
      figures: kind === 'source' ? figuresOf(snapshot) : { snapshotsCopied: 1 },
      snapshots: [id],
    },
    startedMs: kind === 'source' ? startMs : copiedMs,
    endedMs: kind === 'source' ? endMs : copiedMs,
  };
}

function wholeOf(parts: readonly RebuiltRow[], plan: string): RebuiltRow {
  const { source: _, ...run } = parts[0]!.run;
  const warned = parts.find(({ end }) => end.outcome === 'warning');
  return {
    run: { ...run, plan, kind: 'backup' },
    end: {
      outcome: warned === undefined ? 'success' : 'warning',
      ...(warned === undefined ? {} : { reason: `${warned.run.source}: ${warned.end.reason}` }),
      figures: sumOf(parts.map(({ end }) => end.figures ?? {})),
      snapshots: parts.flatMap(({ end }) => end.snapshots ?? []),
    },
    startedMs: Math.min(...parts.map(({ startedMs }) => startedMs)),
    endedMs: Math.max(...parts.map(({ endedMs }) => endedMs)),
  };
}

function spanOf({ time, summary }: Snapshot): { startMs: number; endMs: number } {
  const msOf = (text: string): number => Number(timestampNs(parseTimestamp(text)) / 1_000_000n);
  const startMs = msOf(time);
  return { startMs, endMs: summary === undefined ? startMs : Math.max(startMs, msOf(summary.backup_end)) };
}

function figuresOf({ summary }: Snapshot): Record<string, number> {
  if (summary === undefined) return {};
  return {
    filesTotal: summary.total_files_processed,
    bytesTotal: summary.total_bytes_processed,
    filesNew: summary.files_new,
    filesChanged: summary.files_changed,
    filesUnmodified: summary.files_unmodified,
    bytesNew: summary.data_added,
    bytesStored: summary.data_added_packed,
  };
}

function sumOf(figures: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const sum: Record<string, number> = {};
  for (const one of figures) for (const [name, value] of Object.entries(one)) sum[name] = (sum[name] ?? 0) + value;
  return sum;
}
