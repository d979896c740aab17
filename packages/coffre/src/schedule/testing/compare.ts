/** Compares the slots of many plans with those of the minute walker. */
import { dueBetween } from '../due.ts';
import { scheduleOf } from '../schedule-spec.ts';
import { parseZone, type Zones } from '../zone.ts';
import { walkMinutes } from './minute-walker.ts';
import { samplePlan, type Dice } from './sample-plans.ts';

export type Comparison = { readonly plans: number; readonly slots: number; readonly differences: readonly string[] };

export function compareWithWalker(options: {
  readonly zone: string;
  readonly plans: number;
  readonly random: Dice;
  readonly fromMs: number;
  readonly toMs: number;
  readonly zones: Zones;
}): Comparison {
  const zone = parseZone(options.zone);
  const plans = Array.from({ length: options.plans }, () => samplePlan(options.random, zone));
  const expected = walkMinutes(
    options.zone,
    plans.map(({ job }) => job),
    options.fromMs,
    options.toMs,
  );
  const differences: string[] = [];
  let slots = 0;
  for (const [index, { trigger, job }] of plans.entries()) {
    let position = 0;
    const due = expected[index]!;
    for (const { dueMs } of dueBetween(scheduleOf([trigger]), options.fromMs, options.toMs, options.zones)) {
      if (dueMs !== due[position]) break;
      position += 1;
    }
    slots += position;
    if (position < due.length) {
      differences.push(
        `${options.zone} ${JSON.stringify({ trigger, job })}: slot ${position}, ${new Date(due[position]!).toISOString()}`,
      );
    } else {
      const extra = dueBetween(scheduleOf([trigger]), due.at(-1) ?? options.fromMs, options.toMs, options.zones).next();
      if (extra.done !== true)
        differences.push(
          `${options.zone} ${JSON.stringify(trigger)}: one more, ${new Date(extra.value.dueMs).toISOString()}`,
        );
    }
  }
  return { plans: plans.length, slots, differences };
}
