export type ByteRange = { readonly offset: number; readonly length: number };
export type RangeLimits = { readonly gapBytesMax: number; readonly rangeBytesMax: number };
export type MergedRange<T> = { readonly offset: number; readonly length: number; readonly parts: T[] };

/** Joins ranges, given in order of offset, where the hole between them is small. One that is too long stands alone. */
export function mergeRanges<T extends ByteRange>(parts: readonly T[], limits: RangeLimits): MergedRange<T>[] {
  const merged: MergedRange<T>[] = [];
  let members: T[] = [];
  let start = 0;
  let end = 0;
  const close = (): void => {
    if (members.length > 0) merged.push({ offset: start, length: end - start, parts: members });
  };
  for (const part of parts) {
    const partEnd = part.offset + part.length;
    const fits = part.offset - end <= limits.gapBytesMax && Math.max(end, partEnd) - start <= limits.rangeBytesMax;
    if (members.length > 0 && fits) {
      members.push(part);
      end = Math.max(end, partEnd);
      continue;
    }
    close();
    members = [part];
    start = part.offset;
    end = partEnd;
  }
  close();
  return merged;
}
