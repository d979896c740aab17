/**
 * The tree hash of RFC 6962, grown leaf by leaf. Of a tree that grows, the roots of its largest whole subtrees are all
 * that has to be kept ("peaks", left to right; one for each bit of the size that is set).
 */
import { createHash } from 'node:crypto';

export type TreeHash = string;

/** SHA-256 of a byte 0 and the leaf, as hexadecimal digits. */
export function leafHash(leaf: string): TreeHash {
  return createHash('sha256').update(Buffer.of(0)).update(leaf, 'utf8').digest('hex');
}

/** The peaks of the tree with one leaf more. */
export function grow(peaks: readonly TreeHash[], size: number, leaf: TreeHash): TreeHash[] {
  const grown = [...peaks, leaf];
  for (let rest = size; rest % 2 === 1; rest = (rest - 1) / 2) {
    const right = grown.pop()!;
    const left = grown.pop()!;
    grown.push(nodeHash(left, right));
  }
  return grown;
}

export function rootOf(peaks: readonly TreeHash[]): TreeHash {
  if (peaks.length === 0) return createHash('sha256').digest('hex');
  return peaks.reduceRight((right, left) => nodeHash(left, right));
}

function nodeHash(left: TreeHash, right: TreeHash): TreeHash {
  return createHash('sha256').update(Buffer.of(1)).update(left, 'hex').update(right, 'hex').digest('hex');
}
