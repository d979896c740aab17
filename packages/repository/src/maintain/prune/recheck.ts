/** Looking again, with everybody else locked out: what appeared while the plan was made and carried out? */
import { CoffreError } from '../../errors.ts';
import { shortId, type BlobId, type IndexId } from '../../ids.ts';
import { entryWords, type BlobSegment } from '../../index/blob-table.ts';
import type { Repository } from '../../repository.ts';
import { Bits } from './bits.ts';
import type { RepackResult } from './repack.ts';
import { isOfLockFreeWriter, loadSnapshots, type Survey } from './survey.ts';
import { addUsed } from './used-blobs.ts';

export type Recheck = {
  /** Packs in use now. */
  readonly live: ReadonlySet<number>;
  /** Packs that go, and nothing needs them. */
  readonly leaving: ReadonlySet<number>;
  /** Marked packs that something needs: they come back into the index. */
  readonly recovered: ReadonlySet<number>;
  /** How many of the plan stay after all. */
  readonly putBack: number;
};

/**
 * Reads new snapshots and indexes and goes through all used blobs once more: each must lie in a pack that stays.
 * @throws {CoffreError} REPO_CHANGED when somebody else removed indexes
 */
export async function recheck(
  repository: Repository,
  found: Survey,
  leaving: ReadonlySet<number>,
  copies: RepackResult | undefined,
  signal: AbortSignal,
): Promise<Recheck> {
  const snapshots = await loadSnapshots(repository, found.snapshots);
  const newFiles = await readNewIndexes(repository, found, copies?.indexesSaved ?? []);
  for (const stored of snapshots) {
    found.snapshots.add(stored.id);
    found.hasLockFreeWriters ||= isOfLockFreeWriter(stored);
  }
  const roots = snapshots.map(({ snapshot }) => snapshot.tree);
  await addUsed(found.used, found.index.indexed, roots, { signal });
  return settle(found, leaving, newFiles, copies);
}

/** Resolves to packs that only the new files name as in use: they are in the storage, whoever wrote them. */
async function readNewIndexes(
  repository: Repository,
  { index }: Survey,
  own: readonly IndexId[],
): Promise<ReadonlySet<number>> {
  const listed = new Set((await repository.listIds('index')).map(({ id }) => id));
  const gone = [...index.files.keys(), ...own].filter((id) => !listed.has(id));
  if (gone.length > 0) {
    throw new CoffreError(
      'REPO_CHANGED',
      `another program rewrote the index meanwhile: ${gone.length} files are gone`,
      {
        hint: 'Nothing was removed. Run prune again; what was repacked is not done twice.',
      },
    );
  }
  const known = new Set<IndexId>([...index.files.keys(), ...own]);
  const added = [...listed].filter((id) => !known.has(id));
  await index.read(added);
  const packs = new Set<number>();
  for (const id of added) for (const packNumber of index.files.get(id)?.packs ?? []) packs.add(packNumber);
  return packs;
}

function settle(
  { index, used, usage, storedBytes }: Survey,
  planned: ReadonlySet<number>,
  fresh: ReadonlySet<number>,
  copies: RepackResult | undefined,
): Recheck {
  const segment = index.table.segments[0] as BlobSegment;
  const first = used.firstEntries();
  const live = index.livePacks();
  const leaving = new Set([...planned].filter((packNumber) => !fresh.has(packNumber)));
  const recovered = new Set([...usage.recovered].filter((packNumber) => !live.has(packNumber)));
  const safe = new Bits();
  const packOf = (entry: number): number => (segment.words[entry * entryWords + 8] as number) & 0x7fff_ffff;
  const isReadable = (packNumber: number): boolean => fresh.has(packNumber) || usage.isUsable(packNumber);
  const stays = (packNumber: number): boolean =>
    (live.has(packNumber) || recovered.has(packNumber)) && !leaving.has(packNumber);
  for (let entry = 0; entry < first.length; entry++) {
    const packNumber = packOf(entry);
    if (stays(packNumber) && isReadable(packNumber)) safe.add(first[entry] as number);
  }
  let putBack = 0;
  const isSafe = (number: number): boolean => {
    if (safe.has(number)) return true;
    if (copies === undefined) return false;
    const at = number * entryWords * 4;
    return copies.table.firstPlace(segment.typeOf(number), segment.bytes.subarray(at, at + 32)) !== undefined;
  };
  for (let entry = 0; entry < first.length; entry++) {
    const number = first[entry] as number;
    if (!used.has(number) || isSafe(number)) continue;
    const packNumber = packOf(entry);
    if (!isReadable(packNumber) || !(storedBytes.has(packNumber) || fresh.has(packNumber))) continue;
    if (leaving.delete(packNumber)) putBack += 1;
    if (!live.has(packNumber)) recovered.add(packNumber);
    safe.add(number);
  }
  for (let entry = 0; entry < first.length; entry++) {
    const number = first[entry] as number;
    if (used.has(number) && !isSafe(number)) throw lost(segment.idOf(number));
  }
  return { live, leaving, recovered, putBack };
}

function lost(id: BlobId): CoffreError {
  return new CoffreError(
    'REPO_BLOB_MISSING',
    `blob ${shortId(id)} is needed by a new snapshot and in no readable pack`,
    {
      hint: 'Nothing was removed. Run `coffre check` to see what is damaged.',
    },
  );
}
