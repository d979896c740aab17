/** What can still be read of a pack that is not what its name says. Every blob is proven by its own hash. */
import type { HeaderEntry } from '../../format/pack-header.ts';
import type { BlobId, PackId } from '../../ids.ts';
import type { BlobLocation, IndexedRepository } from '../../index/indexed-repository.ts';
import { openBlob, readPackHeader } from '../../pack/pack-read.ts';
import type { Repository } from '../../repository.ts';
import type { BlobType } from '../../index/blob-table.ts';
import { isLoss } from './stored-packs.ts';

export type PackPiece = HeaderEntry & { readonly offset: number };

export type DamagedPack = {
  readonly id: PackId;
  /** Undefined when it is not in the storage. */
  readonly sizeBytes: number | undefined;
  /** What the index says lies in it, and what its own header adds. */
  readonly pieces: readonly PackPiece[];
};

/** @param named what the index says */
export async function describeDamagedPack(
  { backend, sealer }: Repository,
  id: PackId,
  sizeBytes: number | undefined,
  named: readonly PackPiece[],
): Promise<DamagedPack> {
  const header = sizeBytes === undefined ? [] : await ifReadable(() => readPackHeader(backend, sealer, id, sizeBytes));
  const known = new Set(named.map(keyOf));
  return { id, sizeBytes, pieces: [...named, ...(header ?? []).filter((piece) => !known.has(keyOf(piece)))] };
}

function keyOf({ type, id, offset }: PackPiece): string {
  return `${type} ${id} ${offset}`;
}

/** Undefined where a part of it is lost. */
async function ifReadable<T>(read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    if (!isLoss(error)) throw error;
    return undefined;
  }
}

export type PackBytes = { readonly bytes: Buffer; readonly isWhole: boolean };

/** All of its bytes; where the storage gives a part of them only, the rest are zeros. */
export async function readWhatIsThere({ backend }: Repository, pack: DamagedPack): Promise<PackBytes> {
  const { id, sizeBytes = 0, pieces } = pack;
  const file = { kind: 'data', name: id } as const;
  const whole = await ifReadable(() => backend.load(file));
  if (whole !== undefined) return { bytes: whole, isWhole: true };
  const bytes = Buffer.alloc(sizeBytes);
  const end = Math.max(0, ...pieces.map(({ offset, length }) => offset + length));
  const ranges = [
    ...pieces.map(({ offset, length }) => ({ offset, length })),
    { offset: end, length: sizeBytes - end },
  ];
  for (const { offset, length } of ranges) {
    if (length <= 0 || offset + length > sizeBytes) continue;
    (await ifReadable(() => backend.load(file, { offset, length })))?.copy(bytes, offset);
  }
  return { bytes, isWhole: false };
}

/** The plaintext, or why there is none. */
export function openPiece({ sealer }: Repository, bytes: Buffer, piece: PackPiece): Buffer | Error {
  const { offset, length } = piece;
  if (offset + length > bytes.byteLength) return new RangeError('it lies beyond the end of the file');
  try {
    return openBlob(sealer, piece, bytes.subarray(offset, offset + length));
  } catch (error) {
    if (!isLoss(error)) throw error;
    return error as Error;
  }
}

/** True when one of these packs holds the blob and gives it. */
export async function hasOtherCopy(
  indexed: IndexedRepository,
  blob: { readonly type: BlobType; readonly id: BlobId },
  isUsable: (packId: PackId) => boolean,
): Promise<boolean> {
  for (const place of indexed.places(blob.type, blob.id)) {
    if (isUsable(place.packId) && (await loadAt(indexed.repository, blob.id, place)) !== undefined) return true;
  }
  return false;
}

async function loadAt({ backend, sealer }: Repository, id: BlobId, place: BlobLocation): Promise<Buffer | undefined> {
  const { packId, offset, length } = place;
  return ifReadable(async () =>
    openBlob(sealer, { id, ...place }, await backend.load({ kind: 'data', name: packId }, { offset, length })),
  );
}

/** From another repository; undefined when it has no good one either. */
export async function fetchFrom(
  source: IndexedRepository | undefined,
  type: BlobType,
  id: BlobId,
): Promise<Buffer | undefined> {
  if (source === undefined || !source.has(type, id)) return undefined;
  return ifReadable(() => source.loadBlob(type, id));
}
