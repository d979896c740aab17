/** What to do with each pack: restic's rules, as a pure decision over figures. */

/** What one pack holds, after each used blob was counted in exactly one of its places. */
export type PackUsage = {
  /** In the table of the index. */
  readonly packNumber: number;
  readonly kind: 'data' | 'tree' | 'mixed';
  readonly usedBlobs: number;
  /** With the pack's own header. */
  readonly usedBytes: number;
  readonly unusedBlobs: number;
  readonly unusedBytes: number;
  /** Holds blobs that could be compressed and are not. */
  readonly isUncompressed: boolean;
  /** False when the storage does not have it; then nothing in it is counted as used. */
  readonly isStored: boolean;
};

export type PackPlanOptions = {
  readonly version: 1 | 2;
  /** Bytes that may stay unused. */
  readonly maxUnused: MaxUnused;
  /** Stop repacking at so many bytes. */
  readonly maxRepackBytes?: number;
  /** Smaller packs are put together; when absent the sizes in the repository decide. */
  readonly smallPackBytes?: number;
  readonly repackCacheableOnly?: boolean;
  readonly repackUncompressed?: boolean;
};

export type MaxUnused =
  | { readonly kind: 'unlimited' }
  | { readonly kind: 'bytes'; readonly bytes: number }
  /** Of what remains, less than 100. */
  | { readonly kind: 'percent'; readonly percent: number };

export type PackPlan = {
  readonly keep: readonly number[];
  readonly repack: readonly number[];
  readonly remove: readonly number[];
};

const minPackBytes = 4 * 1024 * 1024;
/** So few small packs are not worth the trouble; it also ends repacking when the rest stays small for ever. */
const smallPacksMin = 10;

function sizeOf({ usedBytes, unusedBytes }: PackUsage): number {
  return usedBytes + unusedBytes;
}

/** What counts as a small pack: four fifths of a low percentile, so that few packs of a healthy repository do. */
export function smallPackLimit(packs: readonly PackUsage[]): number {
  const sizes = packs.map(sizeOf).sort((a, b) => a - b);
  const low = sizes[Math.trunc((sizes.length * 3) / 100)];
  return low === undefined ? 0 : Math.trunc((Math.max(minPackBytes, low) * 4) / 5);
}

export function unusedBytesMax(limit: MaxUnused, usedBytes: number): number {
  switch (limit.kind) {
    case 'unlimited':
      return Number.POSITIVE_INFINITY;
    case 'bytes':
      return limit.bytes;
    case 'percent':
      return Math.trunc((limit.percent / (100 - limit.percent)) * usedBytes);
    default:
      return limit satisfies never;
  }
}

/** @param totals of all blobs, without pack headers */
export function planPacks(
  packs: readonly PackUsage[],
  totals: { readonly usedBytes: number; readonly unusedBytes: number },
  options: PackPlanOptions,
): PackPlan {
  const smallBytes = options.smallPackBytes ?? smallPackLimit(packs);
  const keep: number[] = [];
  const remove: number[] = [];
  const candidates: PackUsage[] = [];
  const small: PackUsage[] = [];
  let removedBytes = 0;
  for (const pack of packs) {
    if (!pack.isStored || pack.usedBlobs === 0) {
      remove.push(pack.packNumber);
      removedBytes += pack.unusedBytes;
    } else if (options.repackCacheableOnly === true && pack.kind === 'data') keep.push(pack.packNumber);
    else if (pack.unusedBlobs > 0 || pack.kind === 'mixed' || mustCompress(pack, options)) candidates.push(pack);
    else if (sizeOf(pack) >= smallBytes) keep.push(pack.packNumber);
    else small.push(pack);
  }
  if (small.length >= smallPacksMin) candidates.push(...small);
  else keep.push(...small.map(({ packNumber }) => packNumber));
  candidates.sort((a, b) => byUrgency(a, b, smallBytes));

  const limits = {
    unusedBytes: unusedBytesMax(options.maxUnused, totals.usedBytes),
    repackBytes: options.maxRepackBytes ?? Number.POSITIVE_INFINITY,
  };
  const repack: number[] = [];
  let repackedBytes = 0;
  for (const pack of candidates) {
    const isEnough = totals.unusedBytes - removedBytes < limits.unusedBytes && sizeOf(pack) >= smallBytes;
    const isUrgent = pack.kind !== 'data' || mustCompress(pack, options);
    if (repackedBytes + sizeOf(pack) >= limits.repackBytes || (isEnough && !isUrgent)) {
      keep.push(pack.packNumber);
      continue;
    }
    repack.push(pack.packNumber);
    repackedBytes += sizeOf(pack);
    removedBytes += pack.unusedBytes;
  }
  return { keep, repack, remove };
}

/** Trees always, since every command reads them; data when asked for. */
function mustCompress({ kind, isUncompressed }: PackUsage, options: PackPlanOptions): boolean {
  return isUncompressed && options.version >= 2 && (kind === 'tree' || options.repackUncompressed === true);
}

/** Trees first, then small packs, then those with the largest unused share. */
function byUrgency(a: PackUsage, b: PackUsage, smallBytes: number): number {
  const rank = (pack: PackUsage): number => (pack.kind !== 'data' ? 0 : sizeOf(pack) < smallBytes ? 1 : 2);
  return rank(a) - rank(b) || b.unusedBytes / sizeOf(b) - a.unusedBytes / sizeOf(a);
}
