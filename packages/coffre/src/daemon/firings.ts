/** Slots of what triggers fired, from the firing until a run stands for them. */
import type { Slots } from '../schedule/plan-entry.ts';
import type { OpenedSlot } from './patient-state.ts';

export class Firings {
  readonly #open: (plan: string) => Promise<OpenedSlot | undefined>;
  readonly #plans = new Map<string, Promise<OpenedSlot | undefined>>();

  constructor(open: (plan: string) => Promise<OpenedSlot | undefined>) {
    this.#open = open;
  }

  /** One slot for all that fires before a run begins. @returns undefined when it has one already */
  note(plan: string): Promise<unknown> | undefined {
    if (this.#plans.has(plan)) return undefined;
    const opening = this.#open(plan);
    this.#plans.set(plan, opening);
    return opening;
  }

  has(plan: string): boolean {
    return this.#plans.has(plan);
  }

  /** A run begins, or nobody wants one any more; what fires from now on has another slot. */
  async take(plan: string): Promise<OpenedSlot | undefined> {
    const opening = this.#plans.get(plan);
    this.#plans.delete(plan);
    return await opening;
  }
}

/** From the first of both to the last. */
export function spanOf(one: Slots | undefined, other: Slots | undefined): Slots | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return {
    firstDueMs: Math.min(one.firstDueMs, other.firstDueMs),
    lastDueMs: Math.max(one.lastDueMs, other.lastDueMs),
  };
}
