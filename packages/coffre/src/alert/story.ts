/**
 * What is wrong with a plan, as its events tell it. A trouble begins with one event and ends with another; what is told of
 * it in between refers to its beginning. Pure, but for the two questions to the state.
 */
import { newestEvent } from '../store/events.ts';
import type { StoredEvent } from '../store/events.ts';
import { lettersAbout } from '../store/letters.ts';
import type { Rows } from '../store/store.ts';
import type { EventId } from '../store/tables.ts';
import { gravityOf } from './gravity.ts';
import type { AlertCause } from './routing.ts';

export const families = ['run', 'copy', 'retention', 'care'] as const;
export type Family = (typeof families)[number];

export type Subject = {
  readonly plan: string;
  readonly family: Family;
  /** Of copies and of the retention: each repository has troubles of its own. */
  readonly repository?: string | undefined;
};

export type Trouble = {
  readonly repository: string | undefined;
  readonly sinceMs: number;
  /** The events that tell of it came after this one. */
  readonly afterEvent: number;
  /** All that were named since it began. */
  readonly causes: readonly AlertCause[];
  readonly reason: string | undefined;
  /** How often it failed since it began; versions before did not count. */
  readonly count: number | undefined;
};

/** What a channel heard of a trouble. */
export type Told = { readonly atMs: number; readonly gravity: number };

export type Story = { readonly last: StoredEvent | undefined; readonly troubles: readonly Trouble[] };

export const objectiveBroken = 'plan.objective_broken';
/** What time alone shows of a plan, from the gravest. */
export const timeCodes = [objectiveBroken, 'plan.missing', 'plan.objective_at_risk'] as const;
/** And of its copies. */
export const copyLate = 'copy.late';

/** Events after which it is known whether a plan is in trouble. */
export function storyCodes(family: Family): string[] {
  const ofTime = { run: timeCodes, copy: [copyLate], retention: [], care: [] } as const;
  return [`${family}.failed`, `${family}.recovered`, ...ofTime[family]];
}

export async function readStory(rows: Rows, { plan, family }: Subject): Promise<Story> {
  const last = await newestEvent(rows, plan, storyCodes(family));
  return { last, troubles: last === undefined ? [] : troublesIn(last) };
}

/** After this event. */
export function troublesIn({ id, code, atMs, detail }: StoredEvent): Trouble[] {
  const { open } = detail;
  if (Array.isArray(open)) return open.flatMap(troubleOf);
  // Of a version that knew one trouble of a plan at a time.
  if (code.endsWith('.recovered')) return [];
  const unknown = { repository: undefined, reason: undefined, count: undefined };
  return [{ ...unknown, sinceMs: atMs, afterEvent: id - 1, causes: causesIn(detail) }];
}

/** Written by ourselves; what is not understood is left out. */
function troubleOf(value: unknown): Trouble[] {
  if (typeof value !== 'object' || value === null) return [];
  const found = value as Readonly<Record<string, unknown>>;
  const { sinceMs, afterEvent, repository, reason, count } = found;
  if (typeof sinceMs !== 'number' || typeof afterEvent !== 'number') return [];
  return [
    {
      sinceMs,
      afterEvent,
      causes: causesIn(found),
      repository: textIn(repository),
      reason: textIn(reason),
      count: typeof count === 'number' ? count : undefined,
    },
  ];
}

export function troubleWith(troubles: readonly Trouble[], { repository }: Subject): Trouble | undefined {
  return troubles.find((trouble) => trouble.repository === repository || trouble.repository === undefined);
}

/** Which channels heard of a trouble, when last, and how grave it was then. */
export async function toldOf(
  rows: Rows,
  { plan, family }: Subject,
  { afterEvent, repository }: Trouble,
): Promise<ReadonlyMap<string, Told>> {
  const codes = [...storyCodes(family), `${family}.reminded`];
  const told = new Map<string, Told>();
  for (const { channel, event } of await lettersAbout(rows, plan, codes, afterEvent as EventId)) {
    if (repository !== undefined && event.detail['repository'] !== repository) continue;
    const gravity = Math.max(gravityOf(causesIn(event.detail)), told.get(channel)?.gravity ?? -1);
    told.set(channel, { atMs: event.atMs, gravity });
  }
  return told;
}

function causesIn({ causes }: Readonly<Record<string, unknown>>): AlertCause[] {
  return Array.isArray(causes) ? (causes.filter((cause) => typeof cause === 'string') as AlertCause[]) : [];
}

function textIn(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
