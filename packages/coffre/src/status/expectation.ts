/** When a backup is wanted, and from when on its absence is late or missing: MONITORING's points of a slot. */
import { shareOf, startOf } from '../schedule/jitter.ts';
import { lastDue, nextDue } from '../schedule/due.ts';
import { isClockTrigger } from '../schedule/schedule-spec.ts';
import type { ScheduleSpec } from '../schedule/schedule-spec.ts';
import { openingAt } from '../schedule/window.ts';
import type { Zones } from '../schedule/zone.ts';

export type Expectation = {
  /** `events`: something has to happen first. */
  readonly kind: 'clock' | 'events' | 'by_hand';
  /** Undefined when no time is known beforehand. */
  readonly nextDueMs: number | undefined;
  /** When the next one is missing that is not there yet. */
  readonly deadlineMs: number | undefined;
  /** The slot that no good run has answered yet. */
  readonly open: OpenExpectation | undefined;
};

export type OpenExpectation = {
  readonly dueMs: number;
  /** From here on it is late. */
  readonly softMs: number;
  /** From here on it is missing. */
  readonly hardMs: number;
  /** When a run may begin next by itself, in its window and with its jitter; undefined when no time is known. */
  readonly nextStartMs: number | undefined;
};

export type ExpectationInput = {
  readonly plan: string;
  readonly nowMs: number;
  /** Slots up to here are answered: by a good run that began then, or on purpose. Undefined for a plan without a past. */
  readonly answeredMs: number | undefined;
  /** Slots up to here were begun or passed over, whatever came of it; one after it may still have to wait. */
  readonly handledMs: number | undefined;
  readonly usualMs: number | undefined;
};

const minuteMs = 60_000;
const earlyMaxMs = 30 * minuteMs;
const softMinMs = 5 * minuteMs;
/** Time for a report to come in (`SCANNER_REPORT_COLLECTION_WINDOW_MINUTES`). */
const collectionMs = 60 * minuteMs;

export function expectationOf(spec: ScheduleSpec, input: ExpectationInput, zones: Zones): Expectation {
  const hasClock = spec.full.length > 0 || spec.triggers.some(isClockTrigger);
  if (!hasClock) {
    const kind = spec.triggers.length > 0 ? 'events' : 'by_hand';
    return { kind, nextDueMs: undefined, deadlineMs: undefined, open: undefined };
  }
  const { nowMs, answeredMs } = input;
  const next = slotAfter(spec, nowMs, zones);
  const first = answeredMs === undefined ? undefined : firstOpen(spec, answeredMs, nowMs, zones);
  const nextDueMs = next?.dueMs;
  if (first === undefined || first.dueMs > nowMs) {
    const deadlineMs = next === undefined ? undefined : deadlines(spec, next, input, zones).hardMs;
    return { kind: 'clock', nextDueMs, deadlineMs, open: undefined };
  }
  const nextStartMs = nextStart(spec, next, input, zones);
  const open = { dueMs: first.dueMs, ...deadlines(spec, first, input, zones), nextStartMs };
  return { kind: 'clock', nextDueMs, deadlineMs: open.hardMs, open };
}

type Slot = { readonly dueMs: number; readonly periodMs: number };

function slotAfter(spec: ScheduleSpec, afterMs: number, zones: Zones): Slot | undefined {
  const dueMs = nextDue(spec, afterMs, zones)?.dueMs;
  if (dueMs === undefined) return undefined;
  const following = nextDue(spec, dueMs, zones)?.dueMs;
  return { dueMs, periodMs: following === undefined ? Number.POSITIVE_INFINITY : following - dueMs };
}

/** @param next the slot after now */
function nextStart(
  spec: ScheduleSpec,
  next: Slot | undefined,
  input: ExpectationInput,
  zones: Zones,
): number | undefined {
  const { plan, nowMs, handledMs } = input;
  const startMs = ({ dueMs }: Pick<Slot, 'dueMs'>): number =>
    startOf(spec, { dueMs, full: false }, shareOf(plan), zones);
  const coming = next === undefined ? [] : [startMs(next)];
  const first = handledMs === undefined ? undefined : slotAfter(spec, handledMs, zones);
  if (first === undefined || first.dueMs > nowMs) return coming[0];
  if (nowMs < deadlines(spec, first, input, zones).hardMs) return startMs(first);
  // Nobody was there for it: what may still begin is a later slot, or this one as soon as the window lets it.
  const last = lastDue(spec, first.dueMs, nowMs, zones);
  const { opensMs } = openingAt(spec.windows, nowMs, zones);
  const waiting = [...(last === undefined ? [] : [startMs(last)]), ...(spec.catchUp === 'once' ? [opensMs] : [])];
  const times = [...coming, ...waiting.filter((atMs) => atMs > nowMs)];
  return times.length === 0 ? undefined : Math.min(...times);
}

/** A run that began a little early is the run of the slot that came then. */
function firstOpen(spec: ScheduleSpec, answeredMs: number, nowMs: number, zones: Zones): Slot | undefined {
  const first = slotAfter(spec, answeredMs, zones);
  if (first === undefined || first.dueMs > nowMs) return undefined;
  if (first.dueMs - answeredMs > Math.min(earlyMaxMs, first.periodMs / 10)) return first;
  return slotAfter(spec, first.dueMs, zones);
}

/** When a slot counts as missing that no run has begun by then. */
export function missingFromMs(
  spec: ScheduleSpec,
  dueMs: number,
  about: Pick<ExpectationInput, 'plan' | 'usualMs'>,
  zones: Zones,
): number {
  const following = nextDue(spec, dueMs, zones)?.dueMs;
  const periodMs = following === undefined ? Number.POSITIVE_INFINITY : following - dueMs;
  return deadlines(spec, { dueMs, periodMs }, about, zones).hardMs;
}

function deadlines(
  spec: ScheduleSpec,
  { dueMs, periodMs }: Slot,
  { plan, usualMs }: Pick<ExpectationInput, 'plan' | 'usualMs'>,
  zones: Zones,
): Pick<OpenExpectation, 'softMs' | 'hardMs'> {
  const startMs = startOf(spec, { dueMs, full: false }, shareOf(plan), zones);
  const takesMs = Math.max(softMinMs, 1.5 * (usualMs ?? 0));
  // Schedules of a few minutes would otherwise be missing while they run as they should.
  const hardMs = startMs + Math.min(takesMs + collectionMs, Math.max(0.8 * periodMs, softMinMs));
  return { softMs: Math.min(startMs + takesMs, hardMs), hardMs };
}
