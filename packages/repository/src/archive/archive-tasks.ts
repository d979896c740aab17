/**
 * What a thread does for a backup: read, cut, hash, look up, compress, seal. It answers with finished node text,
 * so the owner only walks and joins. The same handlers run inside the owner's thread for small backups and tests.
 */
import { createScanner } from '../chunker/rabin.ts';
import type { ChunkProfile } from '../chunker/profile.ts';
import { ZstdCodec } from '../compress/zstd-codec.ts';
import { ChunkDigests } from '../crypto/chunk-digests.ts';
import { NonceSource } from '../crypto/nonce-source.ts';
import { sha256Hex } from '../crypto/hash.ts';
import { CoffreError } from '../errors.ts';
import type { ByteString } from '../format/bytestring.ts';
import { encodeNode, type TreeNode } from '../format/tree.ts';
import { readElsewhere } from '../host/elsewhere.ts';
import { createFiles, type Files } from '../host/files.ts';
import type { FileStat } from '../host/stat.ts';
import { systemRandom } from '../host/system.ts';
import type { Random } from '../host/host.ts';
import type { SegmentMemory } from '../index/blob-table.ts';
import type { BlobId } from '../ids.ts';
import { BulkSealer } from '../pack/bulk-sealer.ts';
import type { FinishedPack } from '../pack/pack-buffer.ts';
import { errorToWire, type WireError } from '../workers/pool.ts';
import { reviveKey, type ArchiveSetup, type AskOwner, type TaskHandler } from '../workers/tasks.ts';
import { ChunkStore, Cutting, nothingAdded, type AddedData } from './chunk-store.ts';
import { contentSum, type ContentSum } from './content-sums.ts';
import { journalLine } from './journal.ts';
import { describeEntry, type NodeOptions } from './node.ts';

/** A file up to this size is one task; a longer one is cut in parallel segments of this size. */
export const segmentBytes = 16 * 1024 * 1024;

const sparesMax = 2;

export type FileJob = { readonly path: ByteString; readonly name: ByteString };
export type FilesPayload = {
  readonly files: readonly FileJob[];
  /** Of all files together, as they were listed. */
  readonly sizeBytes: number;
  readonly node: NodeOptions;
  readonly profile: ChunkProfile;
  readonly journal: boolean;
  /** Files of several pieces are hashed as a whole too. */
  readonly sums: boolean;
};
/**
 * What became of a batch, in few large values: one object per file would cost more to send than a small file to hash.
 * Entries of a file that failed are empty.
 */
export type BatchResult = {
  /** The nodes as JSON text (one char a byte), each ready to be joined into its tree; no text contains a line feed. */
  readonly nodes: string;
  /** Lines for the resume journal, same order; empty when nobody keeps one. */
  readonly journal: string;
  /** Five numbers a file: bytes read, new blobs, their plain bytes, their packed bytes, 1 when it changed while read. */
  readonly figures: Float64Array;
  readonly sums: readonly ContentSum[];
  readonly failures: readonly { readonly file: number; readonly error: WireError }[];
};
export const figuresPerFile = 5;

type ReadFile = {
  readonly node: TreeNode;
  readonly chunks: readonly Buffer[];
  /** All of them together. */
  readonly whole: Buffer;
  readonly stat: FileStat;
  readonly sizeBytes: number;
  readonly changedWhileRead: boolean;
  /** Bytes of the batch's buffer that this file took. */
  readonly inPlaceBytes: number;
};

export type SegmentPayload = {
  /** Open in this process; the owner closes it. */
  readonly fd: number;
  readonly file: number;
  readonly index: number;
  readonly from: number;
  readonly to: number;
  readonly last: boolean;
  readonly profile: ChunkProfile;
  /** The owner hashes the whole file: it is shown each segment's bytes, in order. */
  readonly sum: boolean;
};
export type SegmentResult = {
  readonly content: readonly BlobId[];
  readonly added: AddedData;
  /** Bytes of the chunks that begin in this segment. */
  readonly sizeBytes: number;
};

export type StreamPayload = {
  readonly stream: number;
  readonly bytes: Uint8Array;
  readonly last: boolean;
  readonly profile: ChunkProfile;
};

/** What a thread asks its owner in the middle of a task. */
export type ArchiveEvent =
  | { readonly kind: 'pack'; readonly pack: FinishedPack }
  | { readonly kind: 'chunkStart'; readonly file: number; readonly index: number }
  | {
      readonly kind: 'chunkEnd';
      readonly file: number;
      readonly index: number;
      readonly next: number;
      /** What this segment saves, in shared memory; it is used again after the answer. */
      readonly bytes: Uint8Array | undefined;
    };

export function archiveTasks(setup: ArchiveSetup, ask: AskOwner): Record<string, TaskHandler> {
  const files = readElsewhere(createFiles(), setup.elsewhere);
  const reader = new ArchiveReader(setup, ask, { files, random: systemRandom() });
  return archiveHandlers(reader);
}

export function archiveHandlers(reader: ArchiveReader): Record<string, TaskHandler> {
  return {
    files: async (payload) => ({ result: await reader.saveFiles(payload as FilesPayload) }),
    segment: async (payload) => ({ result: await reader.saveSegment(payload as SegmentPayload) }),
    stream: async (payload) => ({ result: await reader.saveStream(payload as StreamPayload) }),
    extend: async (payload) => ({ result: reader.extend(payload as SegmentMemory) }),
    flush: async () => ({ result: await reader.flush() }),
  };
}

export class ArchiveReader {
  readonly #setup: ArchiveSetup;
  readonly #ask: AskOwner;
  readonly #files: Files;
  readonly #store: ChunkStore;
  readonly #sealer: BulkSealer;
  readonly #cuttings = new Map<string, Cutting>();
  readonly #tails = new Map<number, Buffer>();
  #spare: Buffer[] = [];

  constructor(setup: ArchiveSetup, ask: AskOwner, host: { files: Files; random: Random }) {
    this.#setup = setup;
    this.#ask = ask;
    this.#files = host.files;
    this.#sealer = new BulkSealer(reviveKey(setup.key));
    const options = {
      sealer: this.#sealer,
      nonces: new NonceSource(host.random),
      codec: new ZstdCodec(),
      version: setup.version,
      compression: setup.compression,
      targetBytes: setup.packTargetBytes,
    };
    this.#store = new ChunkStore(setup.segments, options, new ChunkDigests(setup.lanes), async (pack) => {
      await ask({ kind: 'pack', pack } satisfies ArchiveEvent);
    });
  }

  extend(memory: SegmentMemory): void {
    this.#store.addSegment(memory);
  }

  async flush(): Promise<void> {
    await this.#store.flush();
    this.#sealer[Symbol.dispose]();
    this.#spare = [];
  }

  #cutting(profile: ChunkProfile): Cutting {
    const key = JSON.stringify(profile);
    let cutting = this.#cuttings.get(key);
    if (cutting === undefined) {
      const scanner = profile.kind === 'rabin' ? createScanner(this.#setup.polynomial, profile.averageBits) : undefined;
      cutting = new Cutting(profile, scanner);
      this.#cuttings.set(key, cutting);
    }
    return cutting;
  }

  /** Reads a whole batch, then hashes and stores all its chunks together. */
  async saveFiles(payload: FilesPayload): Promise<BatchResult> {
    const buffer = this.#takeBuffer(payload.sizeBytes);
    try {
      const read = this.#readBatch(payload, buffer);
      const figures = new Float64Array(read.length * figuresPerFile);
      const added = read.map(() => nothingAdded());
      const owners = read.flatMap((one, i) => ('chunks' in one ? one.chunks.map(() => i) : []));
      const chunks = read.flatMap((one) => ('chunks' in one ? one.chunks : []));
      const ids = await this.#store.store(chunks, (chunk) => added[owners[chunk] as number] as AddedData);
      let next = 0;
      const nodes: string[] = [];
      const journal: string[] = [];
      const sums: ContentSum[] = [];
      for (const [i, one] of read.entries()) {
        const content = 'chunks' in one ? ids.slice(next, (next += one.chunks.length)) : [];
        const sha256 = payload.sums && 'chunks' in one && content.length > 1 ? sha256Hex(one.whole) : undefined;
        if (sha256 !== undefined) sums.push(contentSum(content, sha256));
        nodes.push('chunks' in one ? encodeNode({ ...one.node, content }) : '');
        if (payload.journal) {
          const { path } = payload.files[i] as FileJob;
          journal.push('chunks' in one ? journalLine(path, one.stat, content, sha256) : '');
        }
        if (!('chunks' in one)) continue;
        const { blobs, bytes, packedBytes } = added[i] as AddedData;
        figures.set([one.sizeBytes, blobs, bytes, packedBytes, one.changedWhileRead ? 1 : 0], i * figuresPerFile);
      }
      const failures = read.flatMap((one, file) => ('failed' in one ? [{ file, error: one.failed }] : []));
      return { nodes: nodes.join('\n'), journal: journal.join('\n'), figures, sums, failures };
    } finally {
      this.#giveBack(buffer);
    }
  }

  #readBatch(payload: FilesPayload, buffer: Buffer): (ReadFile | { readonly failed: WireError })[] {
    let used = 0;
    return payload.files.map((file) => {
      try {
        const one = this.#readFile(file, payload, buffer.subarray(used));
        used += one.inPlaceBytes;
        return one;
      } catch (error) {
        if (error instanceof CoffreError) throw error;
        return { failed: errorToWire(error) };
      }
    });
  }

  #readFile(file: FileJob, { node: options, profile }: FilesPayload, room: Buffer): ReadFile {
    const fd = this.#files.open(file.path, { noAtime: true, noFollow: true });
    try {
      const stat = this.#files.fstat(fd);
      if (stat.type !== 'file') throw new Error('it is no longer a regular file');
      // A file that grew since it was listed may not fit into the batch any more.
      const fits = stat.sizeBytes <= room.byteLength;
      const bytes = fits ? room : Buffer.allocUnsafeSlow(stat.sizeBytes);
      const sizeBytes = this.#readFully(fd, bytes, 0, stat.sizeBytes, 0);
      const changedWhileRead = changedBetween(stat, this.#files.fstat(fd), sizeBytes);
      const node = { ...describeEntry(this.#files, file.path, file.name, stat, options), size: sizeBytes };
      const whole = bytes.subarray(0, sizeBytes);
      const chunks = this.#cutWhole(whole, this.#cutting(profile));
      return { node, chunks, whole, stat, sizeBytes, changedWhileRead, inPlaceBytes: fits ? sizeBytes : 0 };
    } finally {
      this.#files.close(fd);
    }
  }

  #cutWhole(bytes: Buffer, cutting: Cutting): Buffer[] {
    const chunks: Buffer[] = [];
    for (let start = 0; start < bytes.byteLength;) {
      const end = cutting.next(bytes, start, bytes.byteLength, true) as number;
      chunks.push(bytes.subarray(start, end));
      start = end;
    }
    return chunks;
  }

  async saveSegment(payload: SegmentPayload): Promise<SegmentResult> {
    const { fd, file, index, from, to, last } = payload;
    const cutting = this.#cutting(payload.profile);
    const buffer = this.#takeBuffer(segmentBytes + cutting.largestBytes);
    try {
      let available = this.#readFully(fd, buffer, 0, to - from, from);
      let ended = last || available < to - from;
      const start = ((await this.#ask({ kind: 'chunkStart', file, index } satisfies ArchiveEvent)) as number) - from;
      const ends: number[] = [];
      let position = start;
      // A start before this segment: the file was cut off while it was read, and has ended there.
      const until = start < 0 ? start : to - from;
      while (position < until && !(ended && position >= available)) {
        const end = cutting.next(buffer, position, available, ended);
        if (end === undefined) {
          const more = Math.min(1024 * 1024, buffer.byteLength - available);
          const got = this.#readFully(fd, buffer, available, more, from + available);
          ended = got < more;
          available += got;
          continue;
        }
        ends.push(end);
        position = end;
      }
      const bytes = payload.sum && start >= 0 ? buffer.subarray(start, position) : undefined;
      const told = this.#ask({ kind: 'chunkEnd', file, index, next: from + position, bytes } satisfies ArchiveEvent);
      const added = nothingAdded();
      const chunks = ends.map((end, i) => buffer.subarray(i === 0 ? start : (ends[i - 1] as number), end));
      const content = await this.#store.store(chunks, () => added);
      await told;
      return { content, added, sizeBytes: position - start };
    } finally {
      this.#giveBack(buffer);
    }
  }

  /** Parts of one stream come to the same thread in order; what is not cut yet waits for the next part. */
  async saveStream({ stream, bytes, last, profile }: StreamPayload): Promise<SegmentResult> {
    const cutting = this.#cutting(profile);
    const tail = this.#tails.get(stream);
    const part = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const all = tail === undefined ? part : Buffer.concat([tail, part]);
    const added = nothingAdded();
    const chunks: Buffer[] = [];
    let start = 0;
    for (let end; (end = cutting.next(all, start, all.byteLength, last)) !== undefined; start = end) {
      chunks.push(all.subarray(start, end));
    }
    const content = await this.#store.store(chunks, () => added);
    if (last) this.#tails.delete(stream);
    else this.#tails.set(stream, Buffer.from(all.subarray(start)));
    return { content, added, sizeBytes: start };
  }

  #readFully(fd: number, buffer: Buffer, offset: number, length: number, position: number): number {
    let got = 0;
    while (got < length) {
      const read = this.#files.read(fd, buffer, offset + got, length - got, position + got);
      if (read === 0) break;
      got += read;
    }
    return got;
  }

  /**
   * Tasks of one thread overlap while they wait, so each takes a buffer of its own. Shared memory, because the engine
   * does not count it: the size of ordinary buffers makes it collect all garbage again and again.
   */
  #takeBuffer(sizeBytes: number): Buffer {
    this.#spare.sort((a, b) => a.byteLength - b.byteLength);
    const at = this.#spare.findIndex((buffer) => buffer.byteLength >= sizeBytes);
    // Where none fits, the smallest makes room.
    const [spare] = this.#spare.splice(Math.max(at, 0), 1);
    return at >= 0 && spare !== undefined
      ? spare
      : Buffer.from(new SharedArrayBuffer(Math.max(sizeBytes, 1024 * 1024)));
  }

  #giveBack(buffer: Buffer): void {
    if (this.#spare.length < sparesMax) this.#spare.push(buffer);
  }
}

export function changedBetween(before: FileStat, after: FileStat, readBytes: number): boolean {
  return (
    readBytes !== before.sizeBytes ||
    after.sizeBytes !== before.sizeBytes ||
    after.mtime.sec !== before.mtime.sec ||
    after.mtime.nsec !== before.mtime.nsec
  );
}
