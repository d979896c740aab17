import { isCoffreError } from '../../errors.ts';
import { isId, parseId, type PackId } from '../../ids.ts';
import type { Repository } from '../../repository.ts';

/** Every pack in the storage with its size. */
export async function listStoredPacks({ backend }: Repository): Promise<Map<PackId, number>> {
  const sizes = new Map<PackId, number>();
  for await (const { name, sizeBytes } of backend.list('data')) {
    if (isId(name)) sizes.set(parseId<PackId>(name), sizeBytes);
  }
  return sizes;
}

/** Damage, or a place on a disk that cannot be read: the work goes on without it. No access and no lock are not that. */
export function isLoss(error: unknown): boolean {
  return lossCodes.some((code) => isCoffreError(error, code));
}

/** Asking again another day gives nothing more: snapshots may be written anew without it. */
export function isLossForGood(error: unknown): boolean {
  return isLoss(error) && !isCoffreError(error, 'BACKEND_IO');
}

const lossCodes = [
  'REPO_PACK_DAMAGED',
  'REPO_BLOB_DAMAGED',
  'REPO_BLOB_MISSING',
  'REPO_TREE_DAMAGED',
  'REPO_FILE_DAMAGED',
  'BACKEND_NOT_FOUND',
  'BACKEND_SHORT_READ',
  'BACKEND_UNREADABLE',
  'BACKEND_IO',
] as const;
