import type { ByteString } from '../format/bytestring.ts';
import type { Host } from '../host/context.ts';
import { changeOf, dirCounter, fileCounter } from './change.ts';
import type { AddedData } from './chunk-store.ts';
import type { TreeNode } from '../format/tree.ts';
import type { BackupCounters, BackupEvent, EntryChange } from './report.ts';

export type TalliedEntry = { readonly snapshotPath: ByteString; readonly previous: TreeNode | undefined };

type TallyParts = {
  readonly host: Host;
  readonly counters: BackupCounters;
  readonly report: ((event: BackupEvent) => void) | undefined;
};

/** Counts what becomes of the entries of a walk, and tells it on. */
export class EntryTally {
  readonly #parts: TallyParts;

  constructor(parts: TallyParts) {
    this.#parts = parts;
  }

  /** @param text the node as it is stored now; undefined when it is the parent's own */
  file(entry: TalliedEntry, text: string | undefined, sizeBytes: number, added: AddedData, startedMs: number): void {
    const change = text === undefined ? 'unchanged' : changeOf(entry.previous, text);
    this.#parts.counters[fileCounter[change]] += 1;
    this.#parts.counters.bytesDone += sizeBytes;
    this.#tell('file', change, entry.snapshotPath, sizeBytes, added, startedMs);
  }

  folder(entry: TalliedEntry, text: string, added: AddedData, startedMs: number): void {
    const change = changeOf(entry.previous, text);
    this.#parts.counters[dirCounter[change]] += 1;
    this.#tell('dir', change, entry.snapshotPath, 0, added, startedMs);
  }

  #tell(
    type: 'file' | 'dir',
    change: EntryChange,
    path: ByteString,
    sizeBytes: number,
    added: AddedData,
    startedMs: number,
  ): void {
    const { report, host } = this.#parts;
    if (report === undefined) return;
    const durationMs = host.clock.monotonicMs() - startedMs;
    report({ kind: 'entry', change, type, path, sizeBytes, added, durationMs });
  }

  changedWhileRead(path: ByteString): void {
    this.#parts.counters.changedWhileRead += 1;
    this.#parts.report?.({ kind: 'changedWhileRead', path });
  }

  failed(path: ByteString, error: unknown): void {
    this.#parts.counters.errors += 1;
    this.#parts.report?.({ kind: 'error', path, error });
  }
}
