/** How large the files and blobs of a repository are, counted by powers of ten, as `restic stats --mode debug` has it. */
import type { FileKind } from '../backend/backend.ts';
import type { BlobType } from '../index/blob-table.ts';
import type { IndexedRepository } from '../index/indexed-repository.ts';

/** restic's limits: twice its largest pack, and twice its largest blob. */
const fileLimitBytes = 2 * 128 * 1024 * 1024;
const blobLimitBytes = 2 * 8 * 1024 * 1024;

/** One class: sizes from `lower` to `upper`, both included. */
export type SizeClass = { readonly lower: number; readonly upper: number; count: number };

/** Sizes over the limit belong to no class and are named one by one. */
export class SizeClasses {
  readonly classes: readonly SizeClass[];
  readonly oversized: number[] = [];
  count = 0;
  totalBytes = 0;

  constructor(limitBytes: number) {
    const classes: SizeClass[] = [{ lower: 0, upper: 0, count: 0 }];
    for (let lower = 1; lower < limitBytes; lower *= 10) {
      classes.push({ lower, upper: Math.min(lower * 10 - 1, limitBytes), count: 0 });
    }
    this.classes = classes;
  }

  add(sizeBytes: number): void {
    this.count += 1;
    this.totalBytes += sizeBytes;
    const found = this.classes.find(({ upper }) => sizeBytes <= upper);
    if (found === undefined) this.oversized.push(sizeBytes);
    else found.count += 1;
  }

  /** From the first class that holds something to the last. */
  used(): readonly SizeClass[] {
    const first = this.classes.findIndex(({ count }) => count > 0);
    return first < 0 ? [] : this.classes.slice(first, this.classes.findLastIndex(({ count }) => count > 0) + 1);
  }
}

/** Files of one kind, as the storage lists them. */
export async function measureFiles({ repository }: IndexedRepository, kind: FileKind): Promise<SizeClasses> {
  const sizes = new SizeClasses(fileLimitBytes);
  for await (const { sizeBytes } of repository.backend.list(kind)) sizes.add(sizeBytes);
  return sizes;
}

/** Every stored copy of every blob, sealed. */
export function measureBlobs(indexed: IndexedRepository): { readonly [Type in BlobType]: SizeClasses } {
  const sizes = { data: new SizeClasses(blobLimitBytes), tree: new SizeClasses(blobLimitBytes) };
  for (const { type, location } of indexed.blobs()) sizes[type].add(location.length);
  return sizes;
}
