/**
 * What crosses to a thread that writes, as a few large values: thousands of small objects would cost more to copy and to
 * collect than the files cost to write.
 *
 *   ids      32 bytes for each piece
 *   pieces   places in `bytes`; the word that is free in each holds its number of writes
 *   writes   number of the file, byte position; the writes of the first piece, then of the second …
 *   paths    joined by NUL
 *   files    size, writes, flags, permissions (-1: none), uid, gid, atime s, ns, mtime s, ns
 *   rare     what few files have
 */
import type { ByteString } from '../format/bytestring.ts';
import type { ExtendedAttribute } from '../format/tree.ts';
import { placeWords } from '../pack/sealed-places.ts';
import type { FileIdentity, FileTask } from './file-writer.ts';
import type { Metadata } from './metadata.ts';

export type WritePayload = {
  readonly bytes: Uint8Array;
  readonly ids: Uint8Array<ArrayBuffer>;
  readonly pieces: Uint32Array<ArrayBuffer>;
  readonly writes: Float64Array<ArrayBuffer>;
  readonly paths: string;
  readonly files: Float64Array<ArrayBuffer>;
  readonly rare: readonly RareFile[];
};

type RareFile = {
  readonly file: number;
  readonly existing?: FileIdentity;
  readonly xattrs?: readonly ExtendedAttribute[];
};

export const writeWords = 2;
const fileWords = 10;
const isFresh = 1;
const hasMetadata = 2;

/** `writes` of each task counts what comes for it. */
export function packFiles(tasks: readonly FileTask[]): Pick<WritePayload, 'paths' | 'files' | 'rare'> {
  const files = new Float64Array(tasks.length * fileWords);
  const rare: RareFile[] = [];
  for (const [i, { sizeBytes, writes, metadata, existing, isFresh: fresh }] of tasks.entries()) {
    const at = i * fileWords;
    files[at] = sizeBytes;
    files[at + 1] = writes;
    files[at + 2] = (fresh === true ? isFresh : 0) | (metadata === undefined ? 0 : hasMetadata);
    if (metadata !== undefined) packMetadata(files, at + 3, metadata);
    const xattrs = metadata?.xattrs;
    if (existing === undefined && xattrs === undefined) continue;
    rare.push({ file: i, ...(existing && { existing }), ...(xattrs && { xattrs }) });
  }
  return { paths: tasks.map(({ path }) => path).join('\0'), files, rare };
}

function packMetadata(files: Float64Array, at: number, { permissions, uid, gid, atime, mtime }: Metadata): void {
  files[at] = permissions ?? -1;
  files[at + 1] = uid;
  files[at + 2] = gid;
  files[at + 3] = atime.sec;
  files[at + 4] = atime.nsec;
  files[at + 5] = mtime.sec;
  files[at + 6] = mtime.nsec;
}

export function unpackFiles({ paths, files, rare }: WritePayload): FileTask[] {
  if (files.length === 0) return [];
  const names = paths.split('\0') as ByteString[];
  const rareByFile = new Map(rare.map((one) => [one.file, one]));
  return names.map((path, i) => {
    const at = i * fileWords;
    const flags = files[at + 2] as number;
    const { existing, xattrs } = rareByFile.get(i) ?? {};
    return {
      path,
      sizeBytes: files[at] as number,
      writes: files[at + 1] as number,
      ...((flags & isFresh) !== 0 && { isFresh: true }),
      ...((flags & hasMetadata) !== 0 && { metadata: unpackMetadata(files, at + 3, xattrs) }),
      ...(existing && { existing }),
    };
  });
}

function unpackMetadata(files: Float64Array, at: number, xattrs: readonly ExtendedAttribute[] | undefined): Metadata {
  const permissions = files[at] as number;
  return {
    ...(permissions >= 0 && { permissions }),
    uid: files[at + 1] as number,
    gid: files[at + 2] as number,
    atime: { sec: files[at + 3] as number, nsec: files[at + 4] as number },
    mtime: { sec: files[at + 5] as number, nsec: files[at + 6] as number },
    ...(xattrs && { xattrs }),
  };
}

/** By piece: where its writes begin; one more number is their end. */
export function firstWrites(pieces: Uint32Array): Uint32Array {
  const count = pieces.length / placeWords;
  const starts = new Uint32Array(count + 1);
  for (let i = 0; i < count; i++) {
    starts[i + 1] = (starts[i] as number) + (pieces[i * placeWords + placeWords - 1] as number);
  }
  return starts;
}
