import type { ByteString } from '../format/bytestring.ts';
import type { Files } from '../host/files.ts';
import type { FileStat } from '../host/stat.ts';
import type { Selection } from './selection.ts';
import { absolutePath, cleanPath, joinPath } from './targets.ts';

/** Entries kept at most: what is listed while the key is derived, never a whole huge source. */
const entriesKeptMax = 200_000;
const sliceMs = 10;

export type SourceTotals = { files: number; bytes: number; complete: boolean };

type Pending = { readonly path: ByteString; readonly absolute: ByteString };

export type PrefetchOptions = {
  readonly files: Files;
  readonly paths: readonly ByteString[];
  readonly workingFolder: ByteString;
  readonly selection: Selection;
  readonly monotonicMs: () => number;
};

/**
 * Walks the sources while the repository is being opened (half a second of key derivation on another core) and keeps
 * what it saw for the backup's own walk, which begins where `stop` is called.
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

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running;
  }

  async #walk(): Promise<void> {
    const { files, selection, workingFolder, monotonicMs } = this.#options;
    const pending = this.#options.paths.map(startOf).toReversed();
    function startOf(path: ByteString): Pending {
      return { path: cleanPath(path), absolute: absolutePath(path, workingFolder) };
    }
    let sliceStartedMs = monotonicMs();
    for (let next = pending.pop(); next !== undefined && !this.#stopped; next = pending.pop()) {
      const { path, absolute } = next;
      if (monotonicMs() - sliceStartedMs > sliceMs) {
        await new Promise<void>((resolve) => setImmediate(resolve));
        sliceStartedMs = monotonicMs();
      }
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
        for (const name of names.toReversed()) {
          pending.push({ path: joinPath(path, name), absolute: joinPath(absolute, name) });
        }
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
