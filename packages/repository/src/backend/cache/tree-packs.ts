/**
 * Packs of folder listings, kept whole or in pieces. The first reads of a pack fetch and keep just what was asked for;
 * whoever comes back to it again and again gets it whole, in one call.
 */
import type { Backend, FileHandle } from '../backend.ts';
import type { CacheFiles } from './cache-files.ts';
import { covers, digestOf, openPiece, parsePieceName, pieceName } from './piece-names.ts';
import type { Piece } from './piece-names.ts';

/** So many calls for one pack cost as much as the pack on most lines; what follows is then free. */
const piecesMax = 2;

type PackHandle = Exclude<FileHandle, { kind: 'config' }>;

export type TreePacks = {
  load(file: PackHandle, range: { offset: number; length: number; signal?: AbortSignal }): Promise<Buffer>;
  /** A pack that was just saved is known whole. */
  keep(pack: string, parts: readonly Uint8Array[]): Promise<void>;
  remove(pack: string): Promise<void>;
  /** Takes away what was kept of other packs. */
  retain(packs: readonly string[]): Promise<void>;
  /** Every pack of which something is kept. */
  names(): Promise<ReadonlySet<string>>;
};

type Kept = {
  whole: boolean;
  /** Of the whole pack; it was read and hashed by this process. */
  verified: boolean;
  verifying?: Promise<Buffer | undefined> | undefined;
  pieces: Piece[];
  fetched: number;
  /** Its bytes are not what its name says. */
  isForeign: boolean;
};

/** @param write keeps a file, or does not: never fails */
export function createTreePacks(
  backend: Backend,
  files: CacheFiles,
  write: (name: string, parts: readonly Uint8Array[]) => Promise<boolean>,
): TreePacks {
  let reading: Promise<Map<string, Kept>> | undefined;
  const fetching = new Map<string, Promise<Buffer | undefined>>();

  async function readNames(): Promise<Map<string, Kept>> {
    const packs = new Map<string, Kept>();
    for (const name of await files.list('data')) {
      const piece = parsePieceName(name);
      const kept = entryOf(packs, piece?.pack ?? name);
      if (piece === undefined) kept.whole = true;
      else kept.pieces.push(piece);
    }
    return packs;
  }

  const known = (): Promise<Map<string, Kept>> => (reading ??= readNames().catch(() => new Map()));

  async function fromWhole(pack: string, kept: Kept, offset: number, length: number): Promise<Buffer | undefined> {
    if (!kept.whole) return undefined;
    const name = `data/${pack}`;
    if (kept.verified) {
      const bytes = await files.readRange(name, offset, length);
      if (bytes === undefined) Object.assign(kept, { whole: false, verified: false });
      return bytes;
    }
    kept.verifying ??= verify(name, pack, kept);
    const all = await kept.verifying;
    return all === undefined ? undefined : sliceOf(all, offset, length);
  }

  /** Once for all who wait for it. */
  async function verify(name: string, pack: string, kept: Kept): Promise<Buffer | undefined> {
    try {
      const all = await files.read(name);
      kept.verified = all !== undefined && digestOf(all).toString('hex') === pack;
      kept.whole = kept.verified;
      if (all !== undefined && !kept.verified) await files.remove(name);
      return kept.verified ? all : undefined;
    } finally {
      kept.verifying = undefined;
    }
  }

  async function fromPieces(kept: Kept, offset: number, length: number): Promise<Buffer | undefined> {
    const piece = kept.pieces.find((candidate) => covers(candidate, offset, length));
    if (piece === undefined) return undefined;
    const name = `data/${pieceName(piece)}`;
    const sealed = await files.read(name);
    const bytes = sealed === undefined ? undefined : openPiece(sealed, piece);
    if (bytes !== undefined) return sliceOf(bytes, offset - piece.offset, length);
    kept.pieces = kept.pieces.filter((other) => other !== piece);
    if (sealed !== undefined) await files.remove(name);
    return undefined;
  }

  /** Shared by everybody who waits for the pack, so nobody's signal ends it. Undefined when it is not what its name says. */
  async function fetchWhole(file: PackHandle, kept: Kept): Promise<Buffer | undefined> {
    try {
      const all = await backend.load({ kind: file.kind, name: file.name });
      kept.isForeign = digestOf(all).toString('hex') !== file.name;
      if (kept.isForeign) return undefined;
      kept.whole = await write(`data/${file.name}`, [all]);
      kept.verified = kept.whole;
      for (const piece of kept.pieces.splice(0)) await files.remove(`data/${pieceName(piece)}`).catch(() => undefined);
      return all;
    } catch {
      // The call for the range alone says what is wrong.
      return undefined;
    } finally {
      fetching.delete(file.name);
    }
  }

  async function fetch(file: PackHandle, kept: Kept, range: { offset: number; length: number; signal?: AbortSignal }) {
    const { offset, length, signal } = range;
    kept.fetched += 1;
    if (kept.fetched > piecesMax && !kept.isForeign) {
      const whole = fetching.get(file.name) ?? fetchWhole(file, kept);
      fetching.set(file.name, whole);
      const all = await whole;
      signal?.throwIfAborted();
      const bytes = all === undefined ? undefined : sliceOf(all, offset, length);
      if (bytes !== undefined) return bytes;
    }
    const bytes = await backend.load(file, range);
    const piece = { pack: file.name, offset, length };
    if (!kept.whole && (await write(`data/${pieceName(piece)}`, [bytes, digestOf(bytes)]))) kept.pieces.push(piece);
    return bytes;
  }

  async function forget(packs: Map<string, Kept>, pack: string): Promise<void> {
    const kept = packs.get(pack);
    packs.delete(pack);
    if (kept === undefined) return;
    if (kept.whole) await files.remove(`data/${pack}`);
    for (const piece of kept.pieces) await files.remove(`data/${pieceName(piece)}`);
  }

  return {
    async load(file, range) {
      const { offset, length, signal } = range;
      signal?.throwIfAborted();
      const kept = entryOf(await known(), file.name);
      const near = async (): Promise<Buffer | undefined> =>
        (await fromWhole(file.name, kept, offset, length)) ?? (await fromPieces(kept, offset, length));
      return (await near().catch(() => undefined)) ?? (await fetch(file, kept, range));
    },

    async keep(pack, parts) {
      const packs = await known();
      await forget(packs, pack).catch(() => undefined);
      entryOf(packs, pack).whole = await write(`data/${pack}`, parts);
    },

    async remove(pack) {
      await forget(await known(), pack).catch(() => undefined);
    },

    async retain(retained) {
      const packs = await known();
      if (packs.size === 0) return;
      const gone = new Set(packs.keys());
      for (const pack of retained) gone.delete(pack);
      for (const pack of gone) await forget(packs, pack).catch(() => undefined);
    },

    names: async () => new Set((await known()).keys()),
  };
}

function entryOf(packs: Map<string, Kept>, pack: string): Kept {
  const kept = packs.get(pack) ?? { whole: false, verified: false, pieces: [], fetched: 0, isForeign: false };
  packs.set(pack, kept);
  return kept;
}

/** A copy that belongs to the caller; undefined when the bytes end before. */
function sliceOf(bytes: Buffer, offset: number, length: number): Buffer | undefined {
  if (offset + length > bytes.byteLength) return undefined;
  const copy = Buffer.allocUnsafeSlow(length);
  bytes.copy(copy, 0, offset, offset + length);
  return copy;
}
