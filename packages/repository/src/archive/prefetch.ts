import type { ByteString } from '../format/bytestring.ts';
import type { Files } from '../host/files.ts';
import type { FileStat } from '../host/stat.ts';
import type { Selection } from './selection.ts';
import { absolutePath, cleanPath, joinPath } from './targets.ts';

/** Entries kept at most: what is listed while the key is derived, never a whole huge source. */
const entriesKeptMax = 200_000;
const sliceMs = 10;

export type SourceTotals = { files: number; bytes: number; complete: boolean };

export type PrefetchOptions = {
  readonly files: Files;
  readonly paths: readonly ByteString[];
  readonly workingFolder: ByteString;
  readonly selection: Selection;
  readonly monotonicMs: () => number;
};

/**
 * Walks the sources while the repository is being opened (half a second of key derivation on another core) and keeps
 * what it saw for the backup's own walk; afterwards it may go on counting, so that progress has a total.
 */
export class SourcePrefetch {
  readonly totals: SourceTotals = { files: 0, bytes: 0, complete: false };
  /** Answers from what was seen, once; then from the disk. */
  readonly files: Files;
  readonly #options: PrefetchOptions;
  readonly #names = new Map<ByteString, ByteString[]>();
  readonly #stats = new Map<ByteString, FileStat>();
  #keeping = true;
  #stopped = false;
  #running: Promise<void> | undefined;

  constructor(options: PrefetchOptions) {
    this.#options = options;
    const { files } = options;
    this.files = {
      ...files,
      lstat: (path) => take(this.#stats, path) ?? files.lstat(path),
      listNames: (path) => take(this.#names, path) ?? files.listNames(path),
    };
  }

  start(): void {
    this.#running ??= this.#walk();
  }

  /** From here on nothing more is kept: the backup reads for itself what was not seen yet. */
  handOver(): void {
    this.#keeping = false;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running;
  }

  async #walk(): Promise<void> {
    const { files, selection, workingFolder, monotonicMs } = this.#options;
    const pending: ByteString[] = this.#options.paths.map(cleanPath).toReversed();
    let sliceStartedMs = monotonicMs();
    for (let path = pending.pop(); path !== undefined && !this.#stopped; path = pending.pop()) {
      if (monotonicMs() - sliceStartedMs > sliceMs) {
        await pause(this.#keeping ? 0 : 4 * sliceMs);
        sliceStartedMs = monotonicMs();
      }
      const absolute = absolutePath(path, workingFolder);
      if (!selection.byName(absolute)) continue;
      try {
        const stat = files.lstat(path);
        if (!selection.byStat(absolute, stat)) continue;
        this.#keep(this.#stats, path, stat);
        if (stat.type === 'file') {
          this.totals.files += 1;
          this.totals.bytes += stat.sizeBytes;
        }
        if (stat.type !== 'dir') continue;
        const names = files.listNames(path).sort();
        this.#keep(this.#names, path, names);
        for (let i = names.length - 1; i >= 0; i--) pending.push(joinPath(path, names[i] as ByteString));
      } catch {
        // The backup meets the same error and reports it.
      }
    }
    this.totals.complete = !this.#stopped;
  }

  #keep<T>(into: Map<ByteString, T>, path: ByteString, value: T): void {
    if (!this.#keeping) return;
    if (this.#stats.size >= entriesKeptMax) this.#keeping = false;
    else into.set(path, value);
  }
}

function take<T>(from: Map<ByteString, T>, path: ByteString): T | undefined {
  const value = from.get(path);
  if (value !== undefined) from.delete(path);
  return value;
}

async function pause(durationMs: number): Promise<void> {
  await new Promise<void>((resolve) => {
    if (durationMs === 0) setImmediate(resolve);
    else setTimeout(resolve, durationMs);
  });
}
