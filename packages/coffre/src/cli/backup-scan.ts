import { joinPath } from '@coffre/repository';
import type { ByteString, Files, Selection } from '@coffre/repository';

export type ScanTotals = { files: number; bytes: number };

export type ScanOptions = {
  readonly files: Files;
  /** Absolute. */
  readonly sources: readonly ByteString[];
  readonly selection: Selection;
  readonly signal: AbortSignal;
  readonly onError: (path: ByteString, error: unknown) => void;
};

const sliceMs = 4;

/**
 * Counts what a backup will meet, in short turns beside it, so that there is a whole to give a share of.
 * @param totals grows while the scan runs
 * @returns whether the scan came to its end
 */
export async function scanSources(options: ScanOptions, totals: ScanTotals): Promise<boolean> {
  const { files, selection, signal, onError } = options;
  const waiting = [...options.sources];
  let turnEndsMs = performance.now() + sliceMs;
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    if (signal.aborted) return false;
    if (performance.now() > turnEndsMs) {
      await new Promise((resolve) => setImmediate(resolve));
      turnEndsMs = performance.now() + sliceMs;
    }
    if (!selection.byName(path)) continue;
    try {
      const stat = files.lstat(path);
      if (!selection.byStat(path, stat)) continue;
      if (stat.type === 'file') {
        totals.files += 1;
        totals.bytes += stat.sizeBytes;
      } else if (stat.type === 'dir') {
        for (const name of files.listNames(path)) waiting.push(joinPath(path, name));
      }
    } catch (error) {
      onError(path, error);
    }
  }
  return true;
}
