/** Index files made anew: the new ones are safe before the old ones go, so a crash leaves entries twice, never none. */
import { isCoffreError } from '../../errors.ts';
import { encodeIndexFile, type IndexedPack } from '../../format/index-file.ts';
import type { IndexId, PackId } from '../../ids.ts';
import { inParallel } from '../../parallel.ts';
import type { Repository } from '../../repository.ts';
import type { CheckedIndex } from '../check-index.ts';

/** As restic: an index file holds about so many blobs. */
const blobsPerFile = 50_000;

export class IndexPages {
  readonly #repository: Repository;
  #packs: IndexedPack[] = [];
  #marked: IndexedPack[] = [];
  #blobs = 0;
  readonly saved: IndexId[] = [];

  constructor(repository: Repository) {
    this.#repository = repository;
  }

  async add(pack: IndexedPack): Promise<void> {
    this.#packs.push(pack);
    await this.#count(pack);
  }

  async addMarked(pack: IndexedPack): Promise<void> {
    this.#marked.push(pack);
    await this.#count(pack);
  }

  async #count({ blobs }: IndexedPack): Promise<void> {
    this.#blobs += blobs.length;
    if (this.#blobs >= blobsPerFile) await this.finish();
  }

  async finish(): Promise<void> {
    if (this.#packs.length + this.#marked.length === 0) return;
    const file = encodeIndexFile({ packs: this.#packs, packsToDelete: this.#marked });
    this.#packs = [];
    this.#marked = [];
    this.#blobs = 0;
    this.saved.push(await this.#repository.saveUnpacked('index', file));
  }
}

export type Replacement = {
  /** Index files that go. */
  readonly old: ReadonlySet<IndexId>;
  /** Packs whose entries are not taken along. */
  readonly without: ReadonlySet<PackId>;
};

export type ReplaceProgress = {
  readonly written?: (indexes: number) => void;
  readonly removed?: (done: number, total: number) => void;
};

/** `pages` may hold entries already; what the old files say of other packs is added to them. */
export async function replaceIndexes(
  pages: IndexPages,
  { indexed, packs, marked }: CheckedIndex,
  { old, without }: Replacement,
  progress: ReplaceProgress = {},
): Promise<void> {
  const { repository } = indexed;
  for (const { id, blobs } of indexed.packs()) {
    const known = packs.get(id);
    if (known === undefined || without.has(id)) continue;
    // A file that stays and says the same is enough; one that says something else is not.
    const goes = known.differs
      ? known.indexes.some((name) => old.has(name))
      : known.indexes.every((name) => old.has(name));
    if (goes) await pages.add({ id, blobs });
  }
  for (const name of old) for (const pack of marked.get(name) ?? []) await pages.addMarked(pack);
  await pages.finish();
  progress.written?.(pages.saved.length);
  let done = 0;
  const gone = [...old].filter((id) => !pages.saved.includes(id));
  await inParallel(gone, repository.backend.connectionsMax, async (id) => {
    await removeIfThere(repository, 'index', id);
    done += 1;
    progress.removed?.(done, gone.length);
  });
}

/** A second run finds some of its work done. */
export async function removeIfThere(
  repository: Repository,
  kind: 'index' | 'data',
  id: IndexId | PackId,
): Promise<void> {
  try {
    await repository.remove(kind, id);
  } catch (error) {
    if (!isCoffreError(error, 'BACKEND_NOT_FOUND')) throw error;
  }
}
