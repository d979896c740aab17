/** Time zones as spans of one offset each, so that walking through a calendar costs additions only. */
import { CoffreError } from '@coffre/repository/opening';
import type { ZoneName } from './schedule-spec.ts';

const dayMs = 86_400_000;
const yearMs = 366 * dayMs;
/** More than any zone was ever ahead of UTC. */
const aheadMaxMs = 16 * 3_600_000;

/** Local time is UTC plus `offsetMs` from `fromMs` up to `toMs`. */
export type Span = { readonly fromMs: number; readonly toMs: number; readonly offsetMs: number };

/** @throws {CoffreError} SCHEDULE_INVALID when no such zone is known */
export function parseZone(text: string): ZoneName {
  try {
    return new Temporal.ZonedDateTime(0n, text).timeZoneId as ZoneName;
  } catch (cause) {
    throw new CoffreError('SCHEDULE_INVALID', `there is no time zone ${JSON.stringify(text)}`, {
      hint: 'Write its name as in the tz database: Europe/Paris, America/New_York, UTC.',
      cause,
    });
  }
}

/** The zones that were asked for; made once and handed on, since finding the spans of one takes a millisecond. */
export class Zones {
  readonly #known = new Map<ZoneName, Zone>();

  get(name: ZoneName): Zone {
    const known = this.#known.get(name);
    if (known !== undefined) return known;
    const made = new Zone(name);
    this.#known.set(name, made);
    return made;
  }
}

/** Looks up spans where and when they are needed, and keeps them. */
export class Zone {
  readonly name: ZoneName;
  #spans: Span[] = [];
  #last = 0;

  constructor(name: ZoneName) {
    this.name = name;
  }

  offsetAt(instantMs: number): number {
    return this.spanAt(instantMs).offsetMs;
  }

  spanAt(instantMs: number): Span {
    const last = this.#spans[this.#last];
    if (last !== undefined && last.fromMs <= instantMs && instantMs < last.toMs) return last;
    this.#cover(instantMs);
    let low = 0;
    let high = this.#spans.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.#spans[middle]!.fromMs <= instantMs) low = middle;
      else high = middle - 1;
    }
    this.#last = low;
    return this.#spans[low]!;
  }

  /**
   * The first instant at which a clock on the wall shows this time or a later one. Of a time that comes twice it is
   * the first; of one that is skipped it is the end of the gap.
   */
  firstInstantOf(wallMs: number): number {
    let span = this.spanAt(wallMs - aheadMaxMs);
    for (;;) {
      const instantMs = Math.max(span.fromMs, wallMs - span.offsetMs);
      if (instantMs < span.toMs) return instantMs;
      span = this.spanAt(span.toMs);
    }
  }

  #cover(instantMs: number): void {
    const first = this.#spans[0];
    if (first === undefined) this.#spans = spansBetween(this.name, instantMs - yearMs, instantMs + 3 * yearMs);
    else if (instantMs < first.fromMs) {
      this.#spans = joined(spansBetween(this.name, instantMs - yearMs, first.fromMs), this.#spans);
    }
    const end = this.#spans.at(-1)!.toMs;
    if (instantMs >= end) this.#spans = joined(this.#spans, spansBetween(this.name, end, instantMs + 3 * yearMs));
  }
}

/** From exactly `fromMs` up to the first change after `untilMs`. */
function spansBetween(name: ZoneName, fromMs: number, untilMs: number): Span[] {
  const spans: Span[] = [];
  let start = Temporal.Instant.fromEpochMilliseconds(fromMs).toZonedDateTimeISO(name);
  for (;;) {
    const end = start.getTimeZoneTransition('next');
    const startMs = start.epochMilliseconds;
    spans.push({
      fromMs: startMs,
      toMs: end?.epochMilliseconds ?? Number.POSITIVE_INFINITY,
      offsetMs: start.offsetNanoseconds / 1e6,
    });
    if (end === null || end.epochMilliseconds > untilMs) return spans;
    start = end;
  }
}

/** The later list begins where the earlier ends or somewhere in its last span. */
function joined(earlier: readonly Span[], later: readonly Span[]): Span[] {
  const spans: Span[] = [];
  for (const span of [...earlier.filter(({ fromMs }) => fromMs < later[0]!.fromMs), ...later]) {
    const before = spans.at(-1);
    if (before !== undefined && before.offsetMs === span.offsetMs)
      spans[spans.length - 1] = { ...before, toMs: span.toMs };
    else {
      if (before !== undefined) spans[spans.length - 1] = { ...before, toMs: span.fromMs };
      spans.push(span);
    }
  }
  return spans;
}
