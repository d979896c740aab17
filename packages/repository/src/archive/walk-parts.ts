import type { ChunkProfile } from '../chunker/profile.ts';
import type { ByteString } from '../format/bytestring.ts';
import type { Host } from '../host/context.ts';
import type { BlobWriter } from '../index/blob-writer.ts';
import type { IndexedRepository } from '../index/indexed-repository.ts';
import type { ContentJudge } from './content-judge.ts';
import type { ContentSums } from './content-sums.ts';
import type { ArchiveCrew } from './crew.ts';
import type { ResumeJournal } from './journal.ts';
import type { ChangeRules, NodeOptions } from './node.ts';
import type { BackupCounters, BackupEvent } from './report.ts';
import type { Selection } from './selection.ts';

/** What a walk over the sources needs. */
export type WalkParts = {
  readonly host: Host;
  readonly indexed: IndexedRepository;
  readonly writer: BlobWriter;
  readonly crew: ArchiveCrew;
  readonly selection: Selection;
  readonly judge: ContentJudge | undefined;
  readonly workingFolder: ByteString;
  readonly node: NodeOptions;
  readonly change: ChangeRules;
  /** The parent's text of an unchanged file may be taken over: see `kept-node.ts`. */
  readonly keepsNodes: boolean;
  readonly profile: ChunkProfile;
  readonly counters: BackupCounters;
  readonly journal: ResumeJournal | undefined;
  /** Takes the hash of each whole file that is read; absent when nobody asks for them. */
  readonly sums: ContentSums | undefined;
  readonly report: ((event: BackupEvent) => void) | undefined;
  readonly signal: AbortSignal | undefined;
};
