/** What snapshots need is kept from deletion for longer: old packs that new snapshots still use lose their protection. */
import { extendRetention, requireRetention, type RetentionExtended } from '../backend/retention.ts';
import type { FileHandle } from '../backend/backend.ts';
import { asError, CoffreError, isCoffreError, isDamage } from '../errors.ts';
import type { SnapshotId } from '../ids.ts';
import type { Repository, StoredSnapshot } from '../repository.ts';
import { survey } from './prune/survey.ts';

export type RetainOptions = {
  /** All, when absent. */
  readonly snapshots?: readonly StoredSnapshot[];
  /** What is kept so long already stays as it is; the whole period of the storage when absent. */
  readonly enoughMs?: number;
  readonly signal: AbortSignal;
};

export type RetainEvent =
  | { readonly kind: 'snapshots'; readonly done: number; readonly total: number }
  /** What the snapshots need cannot be told, so every pack is kept. */
  | { readonly kind: 'damaged'; readonly error: Error }
  | { readonly kind: 'files'; readonly done: number; readonly total: number };

export type RetainResult = RetentionExtended & {
  /** Ms since 1970, for what was extended. */
  readonly untilMs: number;
  readonly packs: number;
  /** Keys, indexes, snapshots and the config. */
  readonly otherFiles: number;
};

/**
 * The caller holds a lock, so that nothing goes meanwhile.
 * @throws {CoffreError} BACKEND_UNPROTECTED; what the storage says, after which the same call goes on
 */
export async function retain(
  repository: Repository,
  { snapshots, enoughMs, signal }: RetainOptions,
  report: (event: RetainEvent) => void,
): Promise<RetainResult> {
  const { backend, host } = repository;
  const { periodMs } = requireRetention(backend);
  if (enoughMs !== undefined && enoughMs > periodMs) throw tooLong();
  const packs = await packsToKeep(repository, snapshots, { signal, report });
  const others = await otherFiles(repository);
  // Whole seconds, as storages keep them.
  const nowMs = Number(host.clock.nowNs() / 1_000_000_000n) * 1000;
  const untilMs = nowMs + periodMs;
  const files = [...packs, ...others];
  report({ kind: 'files', done: 0, total: files.length });
  const done = await extendRetention(backend, files, {
    untilMs,
    enoughMs: nowMs + (enoughMs ?? periodMs),
    signal,
    progress: ({ extended, longEnough }) => report({ kind: 'files', done: extended + longEnough, total: files.length }),
  });
  return { ...done, untilMs, packs: packs.length, otherFiles: others.length };
}

function tooLong(): CoffreError {
  return new CoffreError('USAGE', 'what is to be enough is longer than the period of the storage', {
    hint: 'Give fewer days, or more with -o s3.object-lock-days.',
  });
}

type Watch = { readonly signal: AbortSignal; readonly report: (event: RetainEvent) => void };

async function packsToKeep(
  repository: Repository,
  snapshots: readonly StoredSnapshot[] | undefined,
  { signal, report }: Watch,
): Promise<FileHandle[]> {
  try {
    const ignoreSnapshots = await othersThan(repository, snapshots);
    const { index, usage } = await survey(repository, { signal, ignoreSnapshots }, (event) => {
      if (event.kind === 'snapshots') report(event);
    });
    const used = usage.packs.filter(({ usedBlobs }) => usedBlobs > 0);
    return used.map(({ packNumber }) => ({ kind: 'data', name: index.table.packIds[packNumber] as string }));
  } catch (error) {
    if (!hidesNeeds(error)) throw error;
    report({ kind: 'damaged', error: asError(error) });
    return await filesOf(repository, 'data');
  }
}

/** Damage must not leave the rest without protection. */
function hidesNeeds(error: unknown): boolean {
  return isDamage(error) || (isCoffreError(error) && missing.has(error.code));
}

const missing: ReadonlySet<string> = new Set([
  'REPO_BLOB_MISSING',
  'REPO_BLOB_DAMAGED',
  'REPO_FILE_MISSING',
  'REPO_PACK_DAMAGED',
  'REPO_TREE_DAMAGED',
]);

async function othersThan(
  repository: Repository,
  snapshots: readonly StoredSnapshot[] | undefined,
): Promise<ReadonlySet<SnapshotId>> {
  if (snapshots === undefined) return new Set();
  const chosen = new Set(snapshots.map(({ id }) => id));
  const all = await repository.listIds('snapshots');
  return new Set(all.map(({ id }) => id).filter((id) => !chosen.has(id)));
}

async function otherFiles(repository: Repository): Promise<FileHandle[]> {
  const kinds = await Promise.all((['index', 'snapshots', 'keys'] as const).map((kind) => filesOf(repository, kind)));
  return [{ kind: 'config' }, ...kinds.flat()];
}

async function filesOf({ backend }: Repository, kind: 'data' | 'index' | 'snapshots' | 'keys'): Promise<FileHandle[]> {
  const files: FileHandle[] = [];
  for await (const { name } of backend.list(kind)) files.push({ kind, name });
  return files;
}
