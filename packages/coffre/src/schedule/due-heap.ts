/** A heap of plans by the instant at which they want attention. Old entries are not removed but recognised later. */

export type Alarm = { readonly atMs: number; readonly plan: string; readonly version: number };

export class DueHeap {
  readonly #alarms: Alarm[] = [];

  get first(): Alarm | undefined {
    return this.#alarms[0];
  }

  push(alarm: Alarm): void {
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

  pop(): Alarm | undefined {
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
