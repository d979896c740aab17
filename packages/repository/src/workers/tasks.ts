import type { FilePlace } from '../host/elsewhere.ts';
import type { CompressionLevel } from '../compress/zstd.ts';
import type { MasterKey } from '../crypto/seal.ts';
import type { RomixKernel } from '../crypto/scrypt/romix.ts';
import type { LaneEngine } from '../crypto/sha256-lanes/lanes.ts';
import type { SegmentMemory } from '../index/blob-table.ts';
import type { WritingSetup } from '../restore/restore-tasks.ts';

/** What a task returns: the answer and the buffers that move with it. */
export type TaskHandler = (payload: unknown) => Promise<{ result: unknown; transfer?: readonly ArrayBuffer[] }>;

/** Asks the owner something in the middle of a task (take this pack; where does this chunk begin?). */
export type AskOwner = (event: unknown, transfer?: readonly ArrayBuffer[]) => Promise<unknown>;

/** Handed to a thread once, at its start. The master key crosses as plain bytes. */
export type WorkerSetup = ArchiveSetup | CheckSetup | CopySetup | DeriveSetup | OpenSetup | RestoreSetup;

export type ArchiveSetup = {
  readonly work: 'archive';
  readonly key: MasterKey;
  readonly version: 1 | 2;
  readonly polynomial: bigint;
  readonly compression: CompressionLevel;
  readonly packTargetBytes: number;
  readonly segments: readonly SegmentMemory[];
  /** Hashes many chunks side by side, where that is faster. */
  readonly lanes: LaneEngine | undefined;
  /** Paths that are read at another place than the one they are saved as. */
  readonly elsewhere: readonly FilePlace[];
};
export type CheckSetup = { readonly work: 'check'; readonly key: MasterKey; readonly lanes: LaneEngine | undefined };
export type CopySetup = {
  readonly work: 'copy';
  /** Of the source and of the target. */
  readonly from: MasterKey;
  readonly to: MasterKey;
  readonly version: 1 | 2;
  readonly compression: CompressionLevel;
  readonly packTargetBytes: number;
  /** Of each type and thread, finished and not stored yet. */
  readonly packsUnderWay: number;
  readonly lanes: LaneEngine | undefined;
};
export type DeriveSetup = { readonly work: 'derive'; readonly kernel: RomixKernel };
export type OpenSetup = { readonly work: 'open'; readonly key: MasterKey; readonly lanes: LaneEngine | undefined };
export type RestoreSetup = {
  readonly work: 'restore';
  readonly key: MasterKey;
  readonly target: WritingSetup;
  readonly lanes: LaneEngine | undefined;
};

/** Structured clone turns Buffers into Uint8Arrays: make them Buffers again. */
export function reviveKey(key: { encrypt: Uint8Array; macK: Uint8Array; macR: Uint8Array }): MasterKey {
  return { encrypt: Buffer.from(key.encrypt), macK: Buffer.from(key.macK), macR: Buffer.from(key.macR) };
}
