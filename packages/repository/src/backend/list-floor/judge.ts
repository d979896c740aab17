/** Has a storage lost what it should still have? What a whole listing showed, beside what the last one showed. */
import type { FileKind } from '../backend.ts';

/** The kinds whose listings decide what is removed. */
export type JudgedKind = 'data' | 'index' | 'snapshots';
export const judgedKinds: readonly JudgedKind[] = ['data', 'index', 'snapshots'];

export type Listing = { readonly files: number; readonly sizeBytes: number };
export type KnownListing = Listing & { readonly seenMs: number };

/** Other programs remove too, on schedules of their own; half at one stroke is more than retention or a prune does. */
const leastShare = 0.5;
/** Below it a handful of files can go for good reasons, and only an empty list is strange. */
const smallFiles = 8;
const smallBytes = 256 * 1024;

export function isJudged(kind: FileKind | 'config'): kind is JudgedKind {
  return judgedKinds.some((judged) => judged === kind);
}

/**
 * Packs and indexes are judged by their bytes: merging many small ones into few large ones loses nothing. Snapshots are
 * all about as small, and are counted.
 */
export function hasShrunk(kind: JudgedKind, known: Listing | undefined, seen: Listing): boolean {
  if (known === undefined || known.files === 0) return false;
  if (seen.files === 0) return true;
  if (kind === 'snapshots') return known.files >= smallFiles && seen.files < known.files * leastShare;
  return known.sizeBytes >= smallBytes && seen.sizeBytes < known.sizeBytes * leastShare;
}

/** What is to be expected once this program itself removed some, none of them larger than the largest. */
export function lowered<L extends Listing>(known: L, removed: number, largestBytes: number): L {
  return {
    ...known,
    files: Math.max(0, known.files - removed),
    sizeBytes: Math.max(0, known.sizeBytes - removed * largestBytes),
  };
}
