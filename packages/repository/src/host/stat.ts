/**
 * File status without an allocation per number: `struct stat` of 64-bit Linux, read from scratch memory.
 *
 *   field      x64        arm64        field     both
 *   st_dev     0  u64     0  u64       st_size   48 i64
 *   st_ino     8  u64     8  u64       st_blocks 64 i64
 *   st_nlink   16 u64     20 u32       st_atim   72 i64 s, 80 i64 ns
 *   st_mode    24 u32     16 u32       st_mtim   88
 *   st_uid     28 u32     24 u32       st_ctim   104
 *   st_gid     32 u32     28 u32
 *   st_rdev    40 u64     32 u64
 */
import type { BigIntStats } from 'node:fs';
import type { NodeType, Timestamp, U64 } from '../format/tree.ts';

export type FileStat = {
  readonly type: NodeType;
  /** st_mode whole: type, setuid, setgid, sticky and permission bits. */
  readonly stMode: number;
  readonly uid: number;
  readonly gid: number;
  readonly inode: U64;
  readonly deviceId: U64;
  /** Of a device node: which device it is. */
  readonly rdev: U64;
  readonly links: U64;
  readonly sizeBytes: number;
  /** Of 512 bytes. */
  readonly blocks: number;
  readonly mtime: Timestamp;
  readonly atime: Timestamp;
  readonly ctime: Timestamp;
};

export const typeMask = 0o170000;
const folder = 0o040000;
const regular = 0o100000;

/** The type bits of st_mode, by node type. Sockets exist in trees of other tools only. */
export const typeBits: Readonly<Record<NodeType, number>> = {
  file: regular,
  dir: folder,
  symlink: 0o120000,
  dev: 0o060000,
  chardev: 0o020000,
  fifo: 0o010000,
  socket: 0o140000,
  irregular: 0,
};

export function typeOfMode(stMode: number): NodeType {
  switch (stMode & typeMask) {
    case regular:
      return 'file';
    case folder:
      return 'dir';
    case typeBits.symlink:
      return 'symlink';
    case typeBits.dev:
      return 'dev';
    case typeBits.chardev:
      return 'chardev';
    case typeBits.fifo:
      return 'fifo';
    case typeBits.socket:
      return 'socket';
    default:
      return 'irregular';
  }
}

type Words = { readonly unsigned: Uint32Array; readonly signed: Int32Array };
type Offsets = {
  readonly links: number;
  readonly linksHigh: number;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly rdev: number;
};

/** In 32-bit words. `linksHigh` below 0: the count has 32 bits. */
const offsetsX64: Offsets = { links: 4, linksHigh: 5, mode: 6, uid: 7, gid: 8, rdev: 10 };
const offsetsArm64: Offsets = { links: 5, linksHigh: -1, mode: 4, uid: 6, gid: 7, rdev: 8 };

/** Reads the status that libc left in `memory` (at least 128 bytes, aligned to 8). */
export function statReader(memory: Buffer, arch: string): () => FileStat {
  const words: Words = {
    unsigned: new Uint32Array(memory.buffer, memory.byteOffset, 32),
    signed: new Int32Array(memory.buffer, memory.byteOffset, 32),
  };
  const at = arch === 'arm64' ? offsetsArm64 : offsetsX64;
  const { unsigned } = words;
  return () => {
    const stMode = unsigned[at.mode]!;
    return {
      type: typeOfMode(stMode),
      stMode,
      uid: unsigned[at.uid]!,
      gid: unsigned[at.gid]!,
      inode: u64Of(unsigned[2]!, unsigned[3]!),
      deviceId: u64Of(unsigned[0]!, unsigned[1]!),
      rdev: u64Of(unsigned[at.rdev]!, unsigned[at.rdev + 1]!),
      links: u64Of(unsigned[at.links]!, at.linksHigh < 0 ? 0 : unsigned[at.linksHigh]!),
      sizeBytes: signedAt(words, 12),
      blocks: signedAt(words, 16),
      mtime: { sec: signedAt(words, 22), nsec: unsigned[24]! },
      atime: { sec: signedAt(words, 18), nsec: unsigned[20]! },
      ctime: { sec: signedAt(words, 26), nsec: unsigned[28]! },
    };
  };
}

function signedAt({ unsigned, signed }: Words, word: number): number {
  return unsigned[word]! + signed[word + 1]! * 0x1_0000_0000;
}

function u64Of(low: number, high: number): U64 {
  return high < 0x20_0000 ? low + high * 0x1_0000_0000 : (BigInt(high) << 32n) | BigInt(low);
}

/** The slower way, for systems without `node:ffi`. */
export function statOfNode(stats: BigIntStats): FileStat {
  const stMode = Number(stats.mode);
  return {
    type: typeOfMode(stMode),
    stMode,
    uid: Number(stats.uid),
    gid: Number(stats.gid),
    inode: u64OfBigint(stats.ino),
    deviceId: u64OfBigint(stats.dev),
    rdev: u64OfBigint(stats.rdev),
    links: u64OfBigint(stats.nlink),
    sizeBytes: Number(stats.size),
    blocks: Number(stats.blocks),
    mtime: timestampOf(stats.mtimeNs),
    atime: timestampOf(stats.atimeNs),
    ctime: timestampOf(stats.ctimeNs),
  };
}

function u64OfBigint(value: bigint): U64 {
  return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value;
}

function timestampOf(ns: bigint): Timestamp {
  const nsec = Number(((ns % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n);
  return { sec: Number((ns - BigInt(nsec)) / 1_000_000_000n), nsec };
}
