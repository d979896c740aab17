/** One plan as the agenda remembers it: which slot comes next, and how its runs went. */
import type { Alarm } from './due-heap.ts';
import { fullBetween, lastDue, nextDue } from './due.ts';
import { shareOf, startOf } from './jitter.ts';
import type { PlanEntry, Progress, Skip, Slots } from './plan-entry.ts';
import type { ChangeTrigger, Slot } from './schedule-spec.ts';
import type { Zones } from './zone.ts';

/** No clock that is set right goes back further; who was further ahead was wrong. */
const aheadMaxMs = 25 * 3_600_000;

/** Where the first two slots lie further apart, as around a week-end, there may be thousands in such a time. */
const apartMaxMs = 24 * 3_600_000;

export class PlanMemory {
  readonly entry: PlanEntry;
  /** Alarms with an older one are void. */
  version: number;
  isPending: boolean;
  failures: number;
  #handledMs: number;
  /** Before the first success: since when one is waited for. */
  #lastGoodMs: number;
  readonly #zones: Zones;
  readonly #change: ChangeTrigger | undefined;
  #next: Slot | undefined;
  #startMs = 0;
  #firstChangeMs: number | undefined;
  #owesFull: boolean;

  constructor(entry: PlanEntry, progress: Progress, zones: Zones, before?: PlanMemory) {
    this.entry = entry;
    this.version = before?.version ?? 0;
    this.isPending = before?.isPending ?? false;
    this.failures = before?.failures ?? progress.failures ?? 0;
    this.#handledMs = Math.max(progress.handledMs, before?.handledMs ?? progress.handledMs);
    this.#lastGoodMs = before?.lastGoodMs ?? progress.lastGoodMs ?? progress.handledMs;
    this.#zones = zones;
    this.#change = entry.spec.triggers.find((trigger) => trigger.kind === 'on_change');
    this.#owesFull = before?.owesFull ?? false;
    this.#findNext(nextDue(entry.spec, this.#handledMs, zones));
  }

  get handledMs(): number {
    return this.#handledMs;
  }

  get lastGoodMs(): number {
    return this.#lastGoodMs;
  }

  /** When the next slot may start. */
  get startMs(): number {
    return this.#startMs;
  }

  /** Stays true until a run succeeds. */
  get owesFull(): boolean {
    return this.#owesFull;
  }

  /** Nothing that was armed counts any more. */
  retire(): void {
    this.version = -1;
  }

  arm(): Alarm<PlanMemory> | undefined {
    this.version += 1;
    if (this.#next === undefined || !this.entry.spec.enabled) return undefined;
    return { atMs: this.#startMs, plan: this, version: this.version };
  }

  /** With `catch_up: skip`: the slots that nobody could start are gone. */
  passOver(nowMs: number, awakeMs: number, pausedUntilMs: number): Skip | undefined {
    const { spec, plan } = this.entry;
    if (spec.catchUp === 'once' || this.#next === undefined) return undefined;
    const isPaused = Math.max(spec.pausedUntilMs ?? 0, pausedUntilMs) > nowMs;
    if (!isPaused && this.#startMs >= awakeMs) return undefined;
    const firstDueMs = this.#next.dueMs;
    let last: Slot = this.#next;
    if (isPaused) last = lastDue(spec, firstDueMs, nowMs, this.#zones) ?? last;
    else {
      const seen = lastDue(spec, firstDueMs, awakeMs - 1, this.#zones);
      // The last one may have been due before we were there, and start after.
      if (seen !== undefined) {
        const isLost = startOf(spec, seen, shareOf(plan), this.#zones) < awakeMs;
        last = isLost ? seen : (lastDue(spec, firstDueMs, seen.dueMs - 1, this.#zones) ?? last);
      }
    }
    this.#handle(last, nextDue(spec, last.dueMs, this.#zones));
    return { plan, firstDueMs, lastDueMs: last.dueMs, reason: isPaused ? 'paused' : 'missed' };
  }

  /** A run starts: it does the work of every slot that is due by now. */
  cover(nowMs: number): Slots | undefined {
    this.isPending = false;
    this.#firstChangeMs = undefined;
    const first = this.#next;
    if (first === undefined || first.dueMs > nowMs) return undefined;
    const { spec } = this.entry;
    const second = nextDue(spec, first.dueMs, this.#zones);
    const isOne = second === undefined || second.dueMs > nowMs;
    const last = isOne ? first : this.#lastUntil(first.dueMs, nowMs, second.dueMs - first.dueMs);
    if (first.full || (!isOne && fullBetween(spec, first.dueMs, last.dueMs, this.#zones))) this.#owesFull = true;
    this.#handle(last, isOne ? second : nextDue(spec, last.dueMs, this.#zones));
    return { firstDueMs: first.dueMs, lastDueMs: last.dueMs };
  }

  /** What a slot that was missed is late by on purpose: the delay that it would have had. */
  get catchUpDelayMs(): number {
    return this.#next === undefined ? 0 : Math.min(this.entry.spec.jitterMs, this.#startMs - this.#next.dueMs);
  }

  follows(plan: string): boolean {
    const { triggers, enabled } = this.entry.spec;
    return enabled && triggers.some((trigger) => trigger.kind === 'after' && trigger.plan === plan);
  }

  /** @returns when a run may start that takes the change up; undefined when changes are not looked at */
  noticeChange(nowMs: number): number | undefined {
    if (this.#change === undefined || !this.entry.spec.enabled) return undefined;
    this.#firstChangeMs ??= nowMs;
    return Math.min(this.#firstChangeMs + this.#change.atMostMs, nowMs + this.#change.settleMs);
  }

  /** @returns as `noticeChange` */
  noticeFiring(use: string, nowMs: number): number | undefined {
    const { triggers, enabled } = this.entry.spec;
    const trigger = triggers.find((one) => one.kind === 'extension' && one.use === use);
    if (trigger?.kind !== 'extension' || !enabled) return undefined;
    this.#firstChangeMs ??= nowMs;
    return Math.min(this.#firstChangeMs + trigger.atMostMs, nowMs + trigger.settleMs);
  }

  succeeded(nowMs: number): void {
    this.failures = 0;
    this.#owesFull = false;
    this.#lastGoodMs = nowMs;
  }

  /** @returns when to try again; undefined when all tries are used up */
  failed(nowMs: number): number | undefined {
    const { times, waitMs } = this.entry.retries;
    this.failures += 1;
    return this.failures > times ? undefined : nowMs + waitMs * 2 ** (this.failures - 1);
  }

  objectiveBrokenMs(nowMs: number): number {
    return Math.min(this.#lastGoodMs, nowMs) + (this.entry.objectiveMs ?? Number.POSITIVE_INFINITY);
  }

  /** A handled slot in the far future was written under a clock that was wrong; waiting for it would mean no backups. */
  distrustFuture(nowMs: number): boolean {
    if (this.#handledMs <= nowMs + aheadMaxMs) return false;
    this.#handledMs = nowMs;
    this.#findNext(nextDue(this.entry.spec, nowMs, this.#zones));
    return true;
  }

  #lastUntil(firstDueMs: number, nowMs: number, apartMs: number): Slot {
    return lastDue(this.entry.spec, firstDueMs, nowMs, this.#zones, Math.min(apartMs, apartMaxMs))!;
  }

  #handle(slot: Slot, next: Slot | undefined): void {
    this.#handledMs = slot.dueMs;
    this.#findNext(next);
  }

  #findNext(next: Slot | undefined): void {
    const { spec, plan } = this.entry;
    this.#next = next;
    if (next === undefined) return;
    const startsAtOnce = spec.jitterMs === 0 && spec.windows.length === 0;
    this.#startMs = startsAtOnce ? next.dueMs : startOf(spec, next, shareOf(plan), this.#zones);
  }
}
