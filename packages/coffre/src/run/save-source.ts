/** One source into one snapshot: looked at, dumped or walked, signed, published; then proved as the plan wants it. */
import { createHash, type KeyObject } from 'node:crypto';
import { join } from 'node:path';
import {
  CoffreError,
  isFutureDated,
  shortId,
  toByteString,
  toText,
  type BackupCounters,
  type BackupEvent,
  type SnapshotId,
  type StoredSnapshot,
} from '@coffre/repository';
import { guardsOf, type PlanConfig, type SourceConfig } from '../config/config.ts';
import { planPath } from '../manifest/manifest.ts';
import { viewsOf, type BackupViews } from '../named/restore-views.ts';
import { incompleteTag, tagsOf } from '../named/tags.ts';
import { saveSources, type SaveStage } from '../source-run/save-sources.ts';
import type { RunId } from '../store/tables.ts';
import type { SourceContext } from '../source/source.ts';
import { lastBackup, snapshotsOf } from './last-backup.ts';
import { manifestFacts } from './manifest-facts.ts';
import { encodePlanState } from './plan-state.ts';
import type { RunFigures } from './run-figures.ts';
import type { LineLevel } from './run-message.ts';
import type { RunPurpose } from './run-request.ts';
import type { RunSurroundings } from './run-surroundings.ts';
import { sourceSpecsOf } from './source-spec.ts';
import type { WorkingRepository } from './working-repository.ts';

export type SaveParts = {
  readonly around: RunSurroundings;
  readonly to: WorkingRepository;
  readonly plan: PlanConfig;
  readonly purpose: RunPurpose;
  readonly runId: RunId;
  readonly key: KeyObject;
  readonly counters: BackupCounters;
  readonly stage: (stage: SaveStage, sizeBytes?: number) => void;
  readonly say: (level: LineLevel, text: string) => void;
  readonly signal: AbortSignal;
};

export type SavedSnapshot = {
  /** Undefined when nothing had changed and none was wanted. */
  readonly id: SnapshotId | undefined;
  /** The new one, or the one that still holds. */
  readonly stored: StoredSnapshot | undefined;
  readonly figures: RunFigures;
  readonly views: BackupViews;
  /** Sentences; with any of them the source is saved, but not as it should be. */
  readonly lacks: readonly string[];
  readonly warnings: readonly string[];
  readonly isUnchanged: boolean;
};

const namedFailuresMax = 20;

export async function saveSource(source: SourceConfig, parts: SaveParts): Promise<SavedSnapshot> {
  const { around, to, plan, purpose, key, signal, say, counters } = parts;
  const { host } = to.repository;
  const context: SourceContext = { ...around.source, signal, warn: (line) => say('warning', line) };
  const { secrets, doors } = around.repositories;
  const sources = await sourceSpecsOf(source, { plan, secrets, doors, files: context.files });
  const known = await to.repository.listSnapshots();
  const last = lastBackup(known, { plan: plan.name, source: source.name }, host.clock.nowNs());
  const warned = futureWarnings(source, parts, known);
  const failures: string[] = [];
  // The snapshot reads them when all files are done.
  const tags = tagsFor(source, parts, last === undefined || purpose.full);
  const report = (event: BackupEvent): void => {
    if (event.kind !== 'error') return;
    if (failures.length === 0) tags.push(incompleteTag);
    const sentence = `${toText(event.path)}: ${event.error instanceof Error ? event.error.message : String(event.error)}`;
    failures.push(sentence);
    if (failures.length <= namedFailuresMax) say('error', sentence);
  };
  const { hostname } = host.identity;
  const { result, warnings } = await saveSources({
    indexed: to.indexed,
    sources,
    context,
    key,
    last,
    beside: [
      {
        path: planPath,
        bytes: encodePlanState({ plan: plan.name, source: source.name, configuration: around.configuration }),
      },
    ],
    stage: parts.stage,
    about: async () =>
      await manifestFacts({
        application: source.application,
        context,
        host: hostname,
        clock: host.clock,
        programVersion: around.programVersion,
      }),
    options: {
      workingFolder: toByteString('/'),
      tags,
      excludes: source.type === 'files' ? source.exclude : [],
      compression: to.config.compression,
      skipIfUnchanged: plan.skipIfUnchanged && !purpose.full && purpose.name === undefined,
      programVersion: around.programVersion,
      ...journalOf(source, parts),
      change: { ignoreCtime: false, ignoreInode: false, readAll: purpose.full },
      counters,
      report,
      signal,
    },
  });
  const { rejected, snapshotId, snapshot, unchanged } = result;
  for (const line of warnings) say('warning', line);
  for (const { path, why, keptLastGood } of rejected) {
    const kept = keptLastGood ? 'the last good content is kept' : 'there is no earlier content to keep';
    say('warning', `${toText(path)} was not taken: ${why}; ${kept}`);
  }
  const isUnchanged = snapshotId === undefined;
  const stored = snapshotId === undefined ? last : { id: snapshotId, snapshot };
  if (stored === undefined) throw new CoffreError('INTERNAL', `${source.name} was saved without a snapshot`);
  return {
    id: snapshotId,
    stored,
    isUnchanged: isUnchanged && unchanged,
    warnings: [...warned, ...warnings],
    lacks: lacksOf(failures.length, rejected.length),
    figures: figuresOf(result, counters, rejected.length),
    views: viewsOf(known, stored),
  };
}

/** Snapshots that say they were made later than now: a clock was wrong, or somebody wants good ones pushed out. */
function futureWarnings(
  source: SourceConfig,
  { plan, to, say }: SaveParts,
  known: readonly StoredSnapshot[],
): string[] {
  const action = guardsOf(plan, source).futureSnapshots;
  if (action === 'ignore') return [];
  const nowNs = to.repository.host.clock.nowNs();
  const ahead = snapshotsOf(known, { plan: plan.name, source: source.name }).filter(({ snapshot }) =>
    isFutureDated(snapshot, nowNs),
  );
  if (ahead.length === 0) return [];
  const sentence = `${ahead.length} of its snapshots in ${to.name} are dated in the future`;
  if (action === 'refuse') {
    throw new CoffreError('SOURCE_REFUSED', sentence, {
      hint: 'Nothing was saved of it. Look at the clock, and at who made them: `coffre snapshots` shows them.',
    });
  }
  say('warning', `${source.name}: ${sentence}`);
  return [sentence];
}

function tagsFor(source: SourceConfig, { plan, purpose, runId }: SaveParts, isFull: boolean): string[] {
  return [
    ...tagsOf({
      plan: plan.name,
      source: source.name,
      kind: purpose.kind,
      name: purpose.name,
      run: String(runId),
      isPinned: purpose.pin,
      isFull,
      description: purpose.description,
    }),
    ...plan.tags,
  ];
}

function lacksOf(failed: number, rejected: number): string[] {
  const count = (number: number, one: string, many: string): string[] =>
    number === 0 ? [] : [number === 1 ? `1 ${one}` : `${number} ${many}`];
  return [
    ...count(failed, 'file or folder could not be read', 'files or folders could not be read'),
    ...count(rejected, 'file was not sound', 'files were not sound'),
  ];
}

/** Of an interrupted run, what it had stored already; a stream comes anew anyway. */
function journalOf(source: SourceConfig, { to, plan }: SaveParts): { readonly journalPath?: string } {
  if (to.cacheFolder === undefined || source.type !== 'files') return {};
  const name = createHash('sha256')
    .update(JSON.stringify([plan.name, source.name]))
    .digest('hex');
  return { journalPath: join(to.cacheFolder, `resume-${name.slice(0, 16)}`) };
}

type Saved = Awaited<ReturnType<typeof saveSources>>['result'];

function figuresOf({ summary }: Saved, counters: BackupCounters, rejected: number): RunFigures {
  return {
    filesTotal: summary.total_files_processed,
    bytesTotal: summary.total_bytes_processed,
    bytesRead: counters.bytesRead,
    filesNew: counters.filesNew,
    filesChanged: counters.filesChanged,
    filesUnmodified: counters.filesUnmodified,
    bytesNew: summary.data_added,
    bytesStored: summary.data_added_packed,
    filesFailed: counters.errors,
    filesRejected: rejected,
  };
}

/** `db-hourly lyon/shop_db 1a2b3c4d` */
export function describeSaved({ id }: SavedSnapshot): string {
  return id === undefined ? 'unchanged' : `snapshot ${shortId(id)}`;
}
