import { isCoffreError } from '../../errors.ts';
import type { BlobId } from '../../ids.ts';

/** Enough to word what people read; a source in ruins has more. */
const reasonsMax = 1000;

/** Blobs that the source holds no good copy of. */
export class Losses {
  readonly #reasons = new Map<BlobId, Error>();
  #count = 0;

  get count(): number {
    return this.#count;
  }

  add(id: BlobId, reason: Error): void {
    this.#count += 1;
    if (this.#reasons.size < reasonsMax) this.#reasons.set(id, reason);
  }

  reasonOf(id: BlobId): Error | undefined {
    return this.#reasons.get(id);
  }
}

/** Not damage of one blob: a storage that cannot be reached, or a mistake of ours. Going on would lose everything else. */
export function isBeyondUs(error: unknown): boolean {
  return !isCoffreError(error) || error.retryable || passing.has(error.code);
}

const passing: ReadonlySet<string> = new Set([
  'BACKEND_DENIED',
  'BACKEND_FULL',
  'INTERRUPTED',
  'REPO_LOCK_LOST',
  'INTERNAL',
]);
