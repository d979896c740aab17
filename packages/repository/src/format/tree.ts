import type { BlobId } from '../ids.ts';
import type { ByteString } from './bytestring.ts';

/** An unsigned 64-bit number: a `number` while it is exact, a `bigint` above 2^53 - 1 (so `===` compares values). */
export type U64 = number | bigint;

export type NodeType = 'file' | 'dir' | 'symlink' | 'dev' | 'chardev' | 'fifo' | 'socket' | 'irregular';

/** Seconds since 1970 and nanoseconds (0 to 999,999,999) after them; years 0 to 9999. */
export type Timestamp = { readonly sec: number; readonly nsec: number };

export type ExtendedAttribute = { readonly name: string; readonly value: Buffer | null };

/** One entry of a directory, as `{"nodes":[…]}` holds it. Absent JSON keys are absent here. */
export type TreeNode = {
  name: ByteString;
  type: NodeType;
  /** Go's file mode bits (not st_mode); see `mode.ts`. */
  mode?: number;
  mtime: Timestamp;
  atime: Timestamp;
  ctime: Timestamp;
  uid: number;
  gid: number;
  user?: string;
  group?: string;
  inode?: U64;
  deviceId?: U64;
  size?: U64;
  links?: U64;
  linkTarget?: ByteString;
  extendedAttributes?: readonly ExtendedAttribute[];
  /** Raw JSON text of every value, keys sorted; Windows only. */
  genericAttributes?: Readonly<Record<string, string>>;
  device?: U64;
  /** Data blobs of a file in order; null for everything else. */
  content: readonly BlobId[] | null;
  subtree?: BlobId;
  error?: string;
};
