import type { ChunkProfile } from '../chunker/profile.ts';
import type { ByteString } from '../format/bytestring.ts';
import { encodeNode } from '../format/tree.ts';
import type { Host } from '../host/context.ts';
import { changedBetween } from './archive-tasks.ts';
import type { AddedData } from './chunk-store.ts';
import { contentSum, type ContentSums } from './content-sums.ts';
import type { ArchiveCrew } from './crew.ts';
import type { ResumeJournal } from './journal.ts';
import { describeEntry, type NodeOptions } from './node.ts';
import type { BackupCounters } from './report.ts';

export type LongFileParts = {
  readonly host: Host;
  readonly crew: ArchiveCrew;
  readonly node: NodeOptions;
  readonly profile: ChunkProfile;
  readonly counters: BackupCounters;
  readonly journal: ResumeJournal | undefined;
  readonly sums: ContentSums | undefined;
};

export type SavedLongFile = {
  /** The node as JSON text. */
  readonly text: string;
  readonly sizeBytes: number;
  readonly added: AddedData;
  readonly changedWhileRead: boolean;
};

/** A file of many segments, which all threads cut at once. `fd` stays the caller's. */
export async function saveLongFile(
  parts: LongFileParts,
  file: { readonly path: ByteString; readonly name: ByteString },
  fd: number,
): Promise<SavedLongFile> {
  const { files } = parts.host;
  const { counters, sums } = parts;
  const stat = files.fstat(fd);
  const { content, added, sizeBytes, sha256 } = await parts.crew.saveLongFile(fd, stat.sizeBytes, parts.profile, {
    sum: sums !== undefined,
    progress: (bytes) => {
      counters.bytesRead += bytes;
      counters.bytesDone += bytes;
    },
  });
  if (sha256 !== undefined) sums?.add(contentSum(content, sha256));
  const described = describeEntry(files, file.path, file.name, stat, parts.node);
  const text = encodeNode({ ...described, content, size: sizeBytes });
  parts.journal?.saved(file.path, stat, content, sha256);
  return { text, sizeBytes, added, changedWhileRead: changedBetween(stat, files.fstat(fd), sizeBytes) };
}
