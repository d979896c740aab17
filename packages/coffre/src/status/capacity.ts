/** How full a storage is, and when it will be full if it goes on growing as it did. */
import type { RoomFacts } from './facts.ts';

export type Room = {
  readonly sizeBytes: number | undefined;
  readonly freeBytes: number | undefined;
  readonly capacityBytes: number | undefined;
  /** Of the capacity, 0 to 100; what others keep there counts too where it is known. */
  readonly usedPercent: number | undefined;
  /** Undefined when it does not grow, or with too few sizes to tell. */
  readonly daysToFull: number | undefined;
};

const dayMs = 86_400_000;
/** A trend from less than this would be weather. */
const spanMinMs = 2 * dayMs;
const pointsMin = 3;
/** Beyond it nobody plans, and a slope of nearly nothing would say "in 4000 years". */
const daysMax = 3650;

export function roomOf(facts: RoomFacts | undefined): Room | undefined {
  if (facts === undefined) return undefined;
  const { sizeBytes, capacityBytes, sizes } = facts;
  const freeBytes = facts.freeBytes ?? remaining(capacityBytes, sizeBytes);
  const usedPercent =
    freeBytes === undefined || capacityBytes === undefined || capacityBytes <= 0
      ? undefined
      : Math.min(100, Math.max(0, (100 * (capacityBytes - freeBytes)) / capacityBytes));
  return { sizeBytes, freeBytes, capacityBytes, usedPercent, daysToFull: daysToFull(sizes, freeBytes) };
}

function remaining(capacityBytes: number | undefined, sizeBytes: number | undefined): number | undefined {
  return capacityBytes === undefined || sizeBytes === undefined ? undefined : Math.max(0, capacityBytes - sizeBytes);
}

export function daysToFull(sizes: RoomFacts['sizes'], freeBytes: number | undefined): number | undefined {
  const bytesPerDay = growthPerDay(sizes);
  if (freeBytes === undefined || bytesPerDay === undefined || bytesPerDay <= 0) return undefined;
  const days = freeBytes / bytesPerDay;
  return days > daysMax ? undefined : days;
}

/** The slope of the line that lies closest to all points. */
export function growthPerDay(sizes: RoomFacts['sizes']): number | undefined {
  const [first, last] = [sizes[0], sizes.at(-1)];
  if (first === undefined || last === undefined || sizes.length < pointsMin) return undefined;
  if (last.atMs - first.atMs < spanMinMs) return undefined;
  const days = sizes.map(({ atMs }) => (atMs - first.atMs) / dayMs);
  const bytes = sizes.map(({ sizeBytes }) => sizeBytes - first.sizeBytes);
  const meanDay = mean(days);
  const meanByte = mean(bytes);
  let above = 0;
  let below = 0;
  for (const [index, day] of days.entries()) {
    above += (day - meanDay) * (bytes[index]! - meanByte);
    below += (day - meanDay) ** 2;
  }
  return above / below;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
