/**
 * Listens to one path: a folder with all below it, a file, or a pattern. What is not there yet is waited for, what is
 * replaced is found again, and from time to time everything is looked at, because events of file systems get lost.
 */
import { statSync, watch } from 'node:fs';
import type { FSWatcher } from 'node:fs';
import { dirname, join, sep } from 'node:path';
import type { DaemonClock } from '../daemon-clock.ts';
import { scanFolder } from './folder-scan.ts';
import { watchedPath } from './watched-place.ts';
import type { WatchedPath } from './watched-place.ts';

export type PathWatchParts = {
  readonly clock: DaemonClock;
  readonly onChange: () => void;
  /** Of a whole path: it is not saved, so its changes do not matter. */
  readonly isIgnored?: (path: string) => boolean;
  /** It goes on, with looking instead of listening. */
  readonly onTrouble: (error: unknown) => void;
  readonly scanEveryMs?: number;
};

const scanEveryDefaultMs = 300_000;
/** Looking may take a twentieth of the time at most. */
const scanShare = 20;

export class PathWatch implements Disposable {
  readonly #path: string;
  readonly #parts: PathWatchParts;
  readonly #stop = new AbortController();
  #watcher: FSWatcher | undefined;
  #inode: number | undefined;
  #timer: Disposable | undefined;
  #scanned: string | undefined;

  constructor(path: string, parts: PathWatchParts) {
    this.#path = path;
    this.#parts = parts;
    this.#attach();
    void this.#scan();
  }

  [Symbol.dispose](): void {
    this.#stop.abort();
    this.#timer?.[Symbol.dispose]();
    this.#watcher?.close();
  }

  #place(): WatchedPath {
    const place = watchedPath(this.#path, kindOf(this.#path));
    const { isIgnored } = this.#parts;
    if (isIgnored === undefined) return place;
    const { folder, concerns } = place;
    return { ...place, concerns: (changed) => concerns(changed) && !prefixesOf(folder, changed).some(isIgnored) };
  }

  /** To the folder itself, or to the nearest one above it that is there. */
  #attach(): void {
    this.#watcher?.close();
    if (this.#stop.signal.aborted) return;
    const place = this.#place();
    let folder = place.folder;
    while (inodeOf(folder) === undefined && folder !== dirname(folder)) folder = dirname(folder);
    const isThere = folder === place.folder;
    this.#inode = inodeOf(folder);
    try {
      const recursive = isThere && place.recursive;
      this.#watcher = watch(folder, { recursive, persistent: false });
      this.#watcher.on('change', (_, changed) => this.#noticed(folder, isThere ? place : undefined, changed));
      this.#watcher.on('error', (error) => this.#troubled(error));
    } catch (error) {
      this.#troubled(error);
    }
  }

  /** @param place undefined while only a folder above it is there */
  #noticed(folder: string, place: WatchedPath | undefined, changed: string | Buffer | null): void {
    const isReplaced = inodeOf(folder) !== this.#inode;
    const isNearer = place === undefined && (inodeOf(this.#place().folder) !== undefined || isReplaced);
    // A folder that became a file, or the other way round, is listened to in another way.
    const isOther = place !== undefined && this.#place().folder !== place.folder;
    if (isReplaced || isNearer || isOther) {
      this.#attach();
      this.#parts.onChange();
    } else if (place !== undefined && (changed === null || place.concerns(String(changed)))) this.#parts.onChange();
    else if (place === undefined) this.#attach();
  }

  #troubled(error: unknown): void {
    this.#watcher?.close();
    this.#watcher = undefined;
    this.#parts.onTrouble(error);
  }

  async #scan(): Promise<void> {
    const { clock, scanEveryMs = scanEveryDefaultMs } = this.#parts;
    const startedMs = clock.now().monotonicMs;
    const place = this.#place();
    const found = `${place.folder} ${await scanFolder(place.folder, place, this.#stop.signal)}`;
    if (this.#stop.signal.aborted) return;
    const isNews = this.#scanned !== undefined && this.#scanned !== found;
    this.#scanned = found;
    if (isNews) {
      if (this.#watcher === undefined) this.#attach();
      this.#parts.onChange();
    }
    const tookMs = clock.now().monotonicMs - startedMs;
    this.#timer = clock.after(Math.max(scanEveryMs, tookMs * scanShare), () => void this.#scan());
  }
}

/** The path and the folders above it, below the one that is listened to. */
function prefixesOf(folder: string, changed: string): string[] {
  const parts = changed.split(sep);
  return parts.map((_, index) => join(folder, ...parts.slice(0, index + 1)));
}

function kindOf(path: string): 'folder' | 'file' | 'missing' {
  try {
    return statSync(path).isDirectory() ? 'folder' : 'file';
  } catch {
    return 'missing';
  }
}

function inodeOf(folder: string): number | undefined {
  try {
    const stat = statSync(folder);
    return stat.isDirectory() ? stat.ino : undefined;
  } catch {
    return undefined;
  }
}
