/**
 * Copies, media and places of one source: three, two and one elsewhere is the rule. The original counts as a copy; a
 * repository counts while it holds a good backup. What nobody declared is unknown, and never another place or medium.
 */
import type { RepositoryPlace, Waiver } from '../config/config.ts';
import { placesOf } from '../config/places.ts';
import type { Level, Problem } from './problem.ts';

export type ThreeTwoOne = {
  /** The original included. */
  readonly copies: number;
  readonly media: number;
  readonly places: number;
  readonly isOffsite: boolean;
  /** What is given up on purpose, with the reason. */
  readonly waived: readonly Waiver[];
  readonly problems: readonly Problem[];
};

export type Demand = {
  readonly criticality: 'low' | 'medium' | 'high' | 'critical';
  /** Where the original is. */
  readonly place: string | undefined;
  readonly waivers: readonly Waiver[];
};

/** @param holding the repositories that hold a good backup of it now */
export function threeTwoOne(demand: Demand, holding: readonly RepositoryPlace[], nowMs: number): ThreeTwoOne {
  const media = new Set(known(holding.map(({ medium }) => medium)));
  const homes = holding.map(({ place }) => place);
  const { count: places, isOffsite } = placesOf(demand.place, homes);
  const counted = { copies: holding.length + 1, media: media.size, places, isOffsite };
  const waived = demand.waivers.filter((waiver) => stands(waiver, nowMs));
  const isWaived = (rule: Waiver['rule']): boolean => waived.some((waiver) => waiver.rule === rule);
  const problems: Problem[] = [];
  if (isPrecious(demand.criticality)) {
    const ended = demand.waivers.find((waiver) => waiver.rule === 'offsite' && !stands(waiver, nowMs));
    const level: Level = demand.criticality === 'critical' ? 'critical' : 'warning';
    if (!isOffsite && !isWaived('offsite')) {
      problems.push({ cause: 'no_offsite', level, ...(ended?.until !== undefined && { detail: ended.until }) });
    }
    if (counted.copies < 3 && !isWaived('copies')) {
      problems.push({ cause: 'few_copies', level: 'ok', count: counted.copies });
    }
    if (counted.media < 2 && !isWaived('media')) {
      problems.push({ cause: 'one_medium', level: 'ok', count: counted.media });
    }
  }
  return { ...counted, waived, problems };
}

export function isPrecious(criticality: Demand['criticality']): boolean {
  return criticality === 'high' || criticality === 'critical';
}

function known<T>(values: readonly (T | undefined)[]): T[] {
  return values.filter((value) => value !== undefined);
}

/** Until the end of that day, anywhere on Earth. A date that nobody can read waives nothing. */
function stands({ until }: Waiver, nowMs: number): boolean {
  if (until === undefined) return true;
  const found = /^(\d{4}-\d\d-\d\d)$/.exec(until.trim());
  const endMs = found === null ? Date.parse(until) : Date.parse(`${found[1]!}T00:00:00-12:00`) + 86_400_000;
  return nowMs < endMs;
}
