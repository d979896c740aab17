/** The seconds in which nobody else may work: new indexes in, old ones out, and what waited long enough deleted. */
import { isCoffreError } from '../../errors.ts';
import { formatTimestamp, timestampOfNs } from '../../format/time.ts';
import type { IndexedPack } from '../../format/index-file.ts';
import { shortId, type IndexId, type PackId } from '../../ids.ts';
import { inParallel } from '../../parallel.ts';
import type { Repository } from '../../repository.ts';
import { indexFilesOf, packContents, planRewrite } from './index-rewrite.ts';
import { isUndated, judgeMark, markedSince, newestMarks, type MarkVerdict } from './marks.ts';
import type { Mark, PruneIndexFile } from './prune-index.ts';
import type { Recheck } from './recheck.ts';
import type { Survey } from './survey.ts';

export type PublishEvent =
  | { readonly kind: 'rebuilding' }
  | { readonly kind: 'indexes-written'; readonly done: number; readonly total: number }
  | { readonly kind: 'indexes-deleted'; readonly done: number; readonly total: number }
  | { readonly kind: 'packs-deleted'; readonly done: number; readonly total: number };

export type PublishOptions = {
  /** 0: what leaves is deleted, not marked. */
  readonly graceMs: number;
  readonly signal: AbortSignal;
};

export type Published = {
  readonly deleted: { readonly packs: number; readonly bytes: number };
  /** Marked now. */
  readonly marked: { readonly packs: number; readonly bytes: number };
  /** When the packs marked now may be deleted. */
  readonly freedMs: number | undefined;
  readonly recovered: number;
};

type SizedPack = { readonly id: PackId; readonly sizeBytes: number };

/** The caller holds the exclusive lock. Order: new indexes, then old ones away, then packs: no index names a deleted pack. */
export async function publish(
  repository: Repository,
  found: Survey,
  checked: Recheck,
  { graceMs, signal }: PublishOptions,
  report: (event: PublishEvent) => void,
): Promise<Published> {
  const { table, files } = found.index;
  const nowNs = repository.host.clock.nowNs();
  const nowMs = Number(nowNs / 1_000_000n);
  const marks = new MarkBook(found, checked, { nowMs, graceMs });
  const leaving = leavingPacks(found, checked);
  const rewrite = planRewrite(files, checked.leaving, (file) => marks.changesIn(file));
  const back = [...checked.recovered].filter((packNumber) => !checked.leaving.has(packNumber));
  const inUse = [...new Set([...rewrite.packs, ...back])];
  const superseded = new Set(rewrite.superseded);

  const contents = packContents(table);
  const withTime = (pack: IndexedPack, sizeBytes: number, sinceMs: number): IndexedPack => ({
    ...pack,
    time: formatTimestamp(timestampOfNs(BigInt(Math.trunc(sinceMs)) * 1_000_000n)),
    size: sizeBytes,
  });
  const kept = marks.waitingIn(superseded).map(({ mark, sizeBytes }) => {
    return withTime(contents(mark.packNumber), sizeBytes, markedSince(mark, nowMs));
  });
  const added = leaving.map(({ id, sizeBytes }) => {
    const packNumber = table.knownPackNumber(id);
    return withTime(packNumber === undefined ? { id, blobs: [] } : contents(packNumber), sizeBytes, nowMs);
  });
  const isInstant = graceMs === 0;
  const newMarks = isInstant ? kept : [...kept, ...added];
  if (inUse.length + newMarks.length + superseded.size > 0) report({ kind: 'rebuilding' });
  signal.throwIfAborted();
  await saveIndexes(
    repository,
    [...indexFilesOf(inUse.map(contents), 'packs'), ...indexFilesOf(newMarks, 'marks')],
    report,
  );
  signal.throwIfAborted();
  await removeIndexes(repository, [...superseded], report);
  const deletable = [...marks.expired(), ...(isInstant ? leaving : [])];
  const deleted = await removePacks(repository, deletable, signal, report);
  return {
    deleted,
    marked: isInstant ? { packs: 0, bytes: 0 } : totalOf(leaving),
    freedMs: isInstant || leaving.length === 0 ? undefined : nowMs + graceMs,
    recovered: checked.recovered.size,
  };
}

/** Of the plan, and files that still no index names. Those that the storage does not have only leave the index. */
function leavingPacks({ index, storedBytes, unindexed }: Survey, { leaving, live }: Recheck): SizedPack[] {
  const planned = [...leaving].flatMap((packNumber) => {
    const sizeBytes = storedBytes.get(packNumber);
    return sizeBytes === undefined ? [] : [{ id: index.table.packIds[packNumber] as PackId, sizeBytes }];
  });
  const marked = new Set([...index.files.values()].flatMap(({ marks }) => marks.map(({ packNumber }) => packNumber)));
  const stillUnindexed = unindexed.filter(({ id }) => {
    const packNumber = index.table.knownPackNumber(id);
    return packNumber === undefined || !(live.has(packNumber) || marked.has(packNumber));
  });
  return [...planned, ...stillUnindexed];
}

/** All marks that are there, and what becomes of each. */
class MarkBook {
  readonly #found: Survey;
  readonly #checked: Recheck;
  readonly #times: { readonly nowMs: number; readonly graceMs: number };
  readonly #newest: ReadonlyMap<number, Mark>;

  constructor(found: Survey, checked: Recheck, times: { readonly nowMs: number; readonly graceMs: number }) {
    this.#found = found;
    this.#checked = checked;
    this.#times = times;
    const all = [...found.index.files.values()].flatMap(({ marks }) => marks);
    this.#newest = newestMarks(all, times.nowMs);
  }

  #verdictOf(packNumber: number): MarkVerdict {
    const { live, recovered } = this.#checked;
    return judgeMark(this.#newest.get(packNumber) as Mark, {
      ...this.#times,
      isInUse: live.has(packNumber) || recovered.has(packNumber),
      isStored: this.#found.storedBytes.has(packNumber),
    });
  }

  /** Something must be written anew: marks that are over, or that carry no time to count from. */
  changesIn({ marks }: PruneIndexFile): boolean {
    return marks.some((mark) => this.#verdictOf(mark.packNumber) !== 'waiting' || isUndated(mark, this.#times.nowMs));
  }

  /** Those that must not be lost with these files. */
  waitingIn(superseded: ReadonlySet<IndexId>): { mark: Mark; sizeBytes: number }[] {
    const packs = new Set<number>();
    for (const id of superseded) {
      for (const { packNumber } of this.#found.index.files.get(id)?.marks ?? []) packs.add(packNumber);
    }
    return [...packs]
      .filter((packNumber) => this.#verdictOf(packNumber) === 'waiting')
      .map((packNumber) => ({
        mark: this.#newest.get(packNumber) as Mark,
        sizeBytes: this.#found.storedBytes.get(packNumber) as number,
      }));
  }

  expired(): SizedPack[] {
    return [...this.#newest.keys()]
      .filter((packNumber) => this.#verdictOf(packNumber) === 'expired')
      .map((packNumber) => ({
        id: this.#found.index.table.packIds[packNumber] as PackId,
        sizeBytes: this.#found.storedBytes.get(packNumber) as number,
      }));
  }
}

async function saveIndexes(
  repository: Repository,
  files: readonly Buffer[],
  report: (event: PublishEvent) => void,
): Promise<void> {
  let done = 0;
  await inParallel(files, repository.backend.connectionsMax, async (json) => {
    await repository.saveUnpacked('index', json);
    report({ kind: 'indexes-written', done: (done += 1), total: files.length });
  });
}

async function removeIndexes(
  repository: Repository,
  ids: readonly IndexId[],
  report: (event: PublishEvent) => void,
): Promise<void> {
  let done = 0;
  await inParallel(ids, repository.backend.connectionsMax, async (id) => {
    try {
      await repository.remove('index', id);
    } catch (error) {
      if (!isCoffreError(error, 'BACKEND_NOT_FOUND')) throw error;
    }
    report({ kind: 'indexes-deleted', done: (done += 1), total: ids.length });
  });
}

/** One that cannot be removed is told of and stays as a file that no index names; the next prune tries again. */
async function removePacks(
  repository: Repository,
  packs: readonly SizedPack[],
  signal: AbortSignal,
  report: (event: PublishEvent) => void,
): Promise<{ packs: number; bytes: number }> {
  const deleted = { packs: 0, bytes: 0 };
  let done = 0;
  await inParallel(packs, repository.backend.connectionsMax, async ({ id, sizeBytes }) => {
    signal.throwIfAborted();
    try {
      await repository.remove('data', id);
      deleted.packs += 1;
      deleted.bytes += sizeBytes;
    } catch (error) {
      if (!isCoffreError(error)) throw error;
      if (error.code === 'REPO_LOCK_LOST') throw error;
      if (error.code !== 'BACKEND_NOT_FOUND') {
        repository.host.warn({ about: `pack ${shortId(id)} could not be removed`, error });
      }
    }
    report({ kind: 'packs-deleted', done: (done += 1), total: packs.length });
  });
  return deleted;
}

function totalOf(packs: readonly SizedPack[]): { packs: number; bytes: number } {
  return { packs: packs.length, bytes: packs.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0) };
}
