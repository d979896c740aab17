/** Files that count only when they are sound: state that a program writes now and then, and may have torn. */
import type { ByteString } from '../format/bytestring.ts';
import { encodeNode, type TreeNode } from '../format/tree.ts';
import type { Files } from '../host/files.ts';
import type { FileStat } from '../host/stat.ts';
import { nothingAdded, type AddedData } from './chunk-store.ts';
import { changedBetween } from './archive-tasks.ts';
import { contentSum, type ContentSums } from './content-sums.ts';
import type { ArchiveCrew } from './crew.ts';
import { describeEntry, type NodeOptions } from './node.ts';
import type { ChunkProfile } from '../chunker/profile.ts';
import type { BackupCounters } from './report.ts';
import { sha256Hex } from '../crypto/hash.ts';
import type { SavedStream } from './stream-source.ts';

export type ContentJudge = {
  /** Asked with the absolute path of a regular file. What is judged is read at every backup, whatever its times say. */
  judges(path: ByteString): boolean;
  /** Why these bytes are not sound, in a few words; undefined when they are. They are exactly what would be saved. */
  faultOf(path: ByteString, bytes: Buffer): Promise<string | undefined>;
};

export type RejectedFile = {
  readonly path: ByteString;
  readonly why: string;
  /** The snapshot has the content of the parent there; else the file is not in it. */
  readonly keptLastGood: boolean;
  /** The bytes that were not sound; undefined when there are too many to be judged. */
  readonly stored: SavedStream | undefined;
};

/** Where snapshots keep what was not sound, below it the whole path. */
export const invalidFolder = '/.coffre/invalid' as ByteString;

/** A judged file is in memory whole. */
const judgedBytesMax = 256 * 1024 * 1024;
/** A file that is being written is read again. */
const triesMax = 3;

export type JudgedFile = {
  /** The node to save; undefined when the file is left out. */
  readonly text: string | undefined;
  readonly sizeBytes: number;
  readonly added: AddedData;
  readonly rejected?: RejectedFile;
};

export type JudgeParts = {
  readonly files: Files;
  readonly crew: ArchiveCrew;
  readonly node: NodeOptions;
  readonly profile: ChunkProfile;
  readonly counters: BackupCounters;
  readonly sums: ContentSums | undefined;
};

/**
 * Reads, judges and stores one file. It throws what the system says when the file cannot be read.
 * @param lastGood the parent's node, when all its content is stored
 */
export async function saveJudged(
  parts: JudgeParts,
  judge: ContentJudge,
  file: { readonly path: ByteString; readonly absolute: ByteString; readonly name: ByteString },
  lastGood: TreeNode | undefined,
): Promise<JudgedFile> {
  const reject = (why: string, stored: SavedStream | undefined): JudgedFile => ({
    text: lastGood === undefined ? undefined : encodeNode(lastGood),
    sizeBytes: Number(lastGood?.size ?? 0),
    added: nothingAdded(),
    rejected: { path: file.absolute, why, keptLastGood: lastGood !== undefined, stored },
  });
  const read = readWhole(parts.files, file.path);
  if ('why' in read) return reject(read.why, undefined);
  const { bytes, stat } = read;
  const why = await judge.faultOf(file.absolute, bytes);
  const { content, sizeBytes, added } = await parts.crew.saveBytes(bytes, parts.profile, (count) => {
    parts.counters.bytesRead += count;
  });
  if (why !== undefined) {
    const path = (invalidFolder + file.absolute) as ByteString;
    return reject(why, { path, sizeBytes, sha256: sha256Hex(bytes), content });
  }
  if (content.length > 1) parts.sums?.add(contentSum(content, sha256Hex(bytes)));
  const node = describeEntry(parts.files, file.path, file.name, stat, parts.node);
  return { text: encodeNode({ ...node, size: sizeBytes, content }), sizeBytes, added };
}

function readWhole(files: Files, path: ByteString): { bytes: Buffer; stat: FileStat } | { why: string } {
  for (let tries = 1; ; tries += 1) {
    const fd = files.open(path, { noAtime: true, noFollow: true });
    try {
      const stat = files.fstat(fd);
      if (stat.type !== 'file') throw new Error('it is no longer a regular file');
      if (stat.sizeBytes > judgedBytesMax) return { why: 'it is too large to be judged' };
      const bytes = Buffer.alloc(stat.sizeBytes);
      let got = 0;
      for (let more = 1; more > 0 && got < bytes.byteLength; got += more) {
        more = files.read(fd, bytes, got, bytes.byteLength - got, got);
      }
      if (!changedBetween(stat, files.fstat(fd), got)) return { bytes, stat };
      if (tries === triesMax) return { why: 'it changes all the time' };
    } finally {
      files.close(fd);
    }
  }
}
