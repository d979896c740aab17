/** A heap of plans by the instant at which they want attention. Old entries are not removed but recognised later. */

export type Alarm<Plan> = { readonly atMs: number; readonly plan: Plan; readonly version: number };

/** Of more than this it is quicker to take them out at once than one by one. */
const fewMax = 64;

export class DueHeap<Plan> {
  #alarms: Alarm<Plan>[] = [];

  get first(): Alarm<Plan> | undefined {
    return this.#alarms[0];
  }

  push(alarm: Alarm<Plan>): void {
    const alarms = this.#alarms;
    let index = alarms.length;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (alarms[parent]!.atMs <= alarm.atMs) break;
      alarms[index] = alarms[parent]!;
      index = parent;
    }
    alarms[index] = alarm;
  }

  /** Takes what is due at an instant, in order. After a sleep that may be everything. */
  takeUntil(nowMs: number): readonly Alarm<Plan>[] {
    const taken: Alarm<Plan>[] = [];
    while (taken.length <= fewMax && this.#alarms.length > 0 && this.#alarms[0]!.atMs <= nowMs) {
      taken.push(this.pop()!);
    }
    if (taken.length <= fewMax) return taken;
    const byTime = this.#alarms.toSorted((a, b) => a.atMs - b.atMs);
    const later = byTime.findIndex(({ atMs }) => atMs > nowMs);
    // What is in order is a heap.
    this.#alarms = later < 0 ? [] : byTime.slice(later);
    return [...taken, ...(later < 0 ? byTime : byTime.slice(0, later))];
  }

  pop(): Alarm<Plan> | undefined {
    const alarms = this.#alarms;
    const first = alarms[0];
    const last = alarms.pop();
    if (last === undefined || alarms.length === 0) return first;
    let index = 0;
    for (;;) {
      let child = index * 2 + 1;
      if (child >= alarms.length) break;
      if (child + 1 < alarms.length && alarms[child + 1]!.atMs < alarms[child]!.atMs) child += 1;
      if (alarms[child]!.atMs >= last.atMs) break;
      alarms[index] = alarms[child]!;
      index = child;
    }
    alarms[index] = last;
    return first;
  }
}
