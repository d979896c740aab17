/** Looking for blobs, trees and packs by id: which paths of which snapshots use them. */
import { CoffreError } from '../errors.ts';
import type { ByteString } from '../format/bytestring.ts';
import { isId, parseId, type BlobId, type PackId } from '../ids.ts';
import type { BlobType } from '../index/blob-table.ts';
import type { IndexedRepository } from '../index/indexed-repository.ts';
import { readPackHeader } from '../pack/pack-read.ts';
import type { StoredSnapshot } from '../repository.ts';
import { rootPath, walkTree } from './walk.ts';

/** Ids, or their first digits, by what they name. */
export type WantedObjects = {
  readonly blobs?: readonly string[];
  readonly trees?: readonly string[];
  readonly packs?: readonly string[];
};

export type FoundObject = {
  readonly objectType: 'blob' | 'tree';
  readonly id: BlobId;
  readonly path: ByteString;
  /** The tree that holds the file; absent for trees. */
  readonly parentTree?: BlobId;
  readonly snapshot: StoredSnapshot;
};

export type FindObjectsEvent =
  | ({ readonly kind: 'object' } & FoundObject)
  | {
      readonly kind: 'unreadable';
      readonly snapshot: StoredSnapshot;
      readonly treeId: BlobId;
      readonly error: unknown;
    };

/** @throws {CoffreError} REPO_FILE_MISSING when a pack is neither indexed nor stored */
export async function findObjects(
  indexed: IndexedRepository,
  snapshots: readonly StoredSnapshot[],
  wanted: WantedObjects,
  report: (event: FindObjectsEvent) => void,
): Promise<void> {
  const inPacks = await blobsOfPacks(indexed, wanted.packs ?? []);
  const isBlob = createIdTest([...(wanted.blobs ?? []), ...inPacks.data]);
  const isTree = createIdTest([...(wanted.trees ?? []), ...inPacks.tree]);
  // Trees with nothing wanted in or below them: snapshots share most of theirs.
  const barren = new Set<BlobId>();
  for (const snapshot of snapshots) {
    const { tree } = snapshot.snapshot;
    const hitsBefore: number[] = [];
    let hits = 0;
    const object = (found: Omit<FoundObject, 'snapshot'>): void => {
      hits += 1;
      report({ kind: 'object', snapshot, ...found });
    };
    if (isTree(tree)) object({ objectType: 'tree', id: tree, path: rootPath });
    await walkTree(indexed, tree, {
      entry(path, node, treeId) {
        if (node.subtree !== undefined && isTree(node.subtree)) object({ objectType: 'tree', id: node.subtree, path });
        for (const id of node.content ?? []) {
          if (isBlob(id)) object({ objectType: 'blob', id, path, parentTree: treeId });
        }
        if (node.subtree === undefined || barren.has(node.subtree)) return false;
        hitsBefore.push(hits);
        return true;
      },
      skips: (treeId) => barren.has(treeId),
      leave(_, node) {
        if (hitsBefore.pop() === hits && node.subtree !== undefined) barren.add(node.subtree);
      },
      unreadable(_, treeId, error) {
        hits += 1;
        report({ kind: 'unreadable', snapshot, treeId, error });
      },
    });
  }
}

/** Whole ids are looked up; only beginnings are compared one by one. */
function createIdTest(wanted: readonly string[]): (id: BlobId) => boolean {
  const whole = new Set(wanted.filter((text) => isId(text)));
  const beginnings = wanted.filter((text) => !isId(text));
  for (const text of beginnings) {
    if (/^[0-9a-f]{4,63}$/.test(text)) continue;
    throw new CoffreError('ID_MALFORMED', `${JSON.stringify(text)} is not an id or the beginning of one`, {
      hint: 'Write at least four hexadecimal digits.',
    });
  }
  return (id) => whole.has(id) || beginnings.some((text) => id.startsWith(text));
}

async function blobsOfPacks(
  indexed: IndexedRepository,
  packs: readonly string[],
): Promise<{ readonly [Type in BlobType]: BlobId[] }> {
  const blobs: { [Type in BlobType]: BlobId[] } = { data: [], tree: [] };
  if (packs.length === 0) return blobs;
  const missing = new Set(packs);
  for (const pack of indexed.packs()) {
    const names = packs.filter((text) => pack.id.startsWith(text));
    for (const name of names) missing.delete(name);
    if (names.length > 0) for (const { type, id } of pack.blobs) blobs[type].push(id);
  }
  if (missing.size > 0) await addUnindexed(indexed, missing, blobs);
  return blobs;
}

/** A pack that no index names tells itself what it holds. */
async function addUnindexed(
  { repository }: IndexedRepository,
  missing: Set<string>,
  blobs: { readonly [Type in BlobType]: BlobId[] },
): Promise<void> {
  for await (const file of repository.backend.list('data')) {
    const names = [...missing].filter((text) => file.name.startsWith(text));
    if (names.length === 0 || !isId(file.name)) continue;
    for (const name of names) missing.delete(name);
    const packId = parseId<PackId>(file.name);
    for (const { type, id } of await readPackHeader(repository.backend, repository.sealer, packId, file.sizeBytes)) {
      blobs[type].push(id);
    }
  }
  if (missing.size === 0) return;
  throw new CoffreError('REPO_FILE_MISSING', `unable to find pack(s): ${[...missing].sort().join(', ')}`, {
    hint: 'Run `coffre list packs` to see what is there.',
  });
}
