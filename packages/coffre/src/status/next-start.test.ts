/** When status believes that a plan may begin next is when the scheduler begins it, whatever window and jitter it has. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createSeededRandom } from '@coffre/repository/testing';
import { entryOf, FakeMachine } from '../schedule/testing/fake-machine.ts';
import { samplePlan, sampleZones } from '../schedule/testing/sample-plans.ts';
import type { Dice } from '../schedule/testing/sample-plans.ts';
import { scheduleOf } from '../schedule/schedule-spec.ts';
import type { ScheduleSpec, ZoneName } from '../schedule/schedule-spec.ts';
import { parseWindow } from '../schedule/window.ts';
import { parseZone, Zones } from '../schedule/zone.ts';
import { expectationOf } from './expectation.ts';
import type { ItemFacts } from './facts.ts';
import { planStanding } from './standing.ts';
import { dayMs, fineItem, fineRun, goodRun, hourMs, minuteMs } from './testing/facts.ts';

const zones = new Zones();

function anySpec(dice: Dice, zone: ZoneName): ScheduleSpec {
  const windows = ['19:00-07:00', 'Mon-Fri 22:00-05:00', '01:00-02:30', 'weekends 00:00-24:00'];
  return scheduleOf([samplePlan(dice, zone).trigger], {
    jitterMs: dice.pick([0, 0, 10 * minuteMs, 4 * hourMs]),
    windows: dice.chance(0.5) ? [parseWindow(dice.pick(windows), zone)] : [],
  });
}

/** It worked for long, and failed once. */
type Failed = { readonly plan: string; readonly goodMs: number; readonly failedMs: number; readonly handledMs: number };

function failOnce(machine: FakeMachine, plan: string, spec: ScheduleSpec): Failed | undefined {
  machine.runs.set(plan, { takesMs: minuteMs, outcome: 'success' });
  machine.add(entryOf(plan, { spec }));
  const untilRuns = (count: number): boolean => {
    for (let day = 0; machine.started.length < count && day < 400; day += 1) {
      machine.step();
      machine.pass(Math.max(1, (machine.decision?.nextEvalMs ?? machine.wallMs + dayMs) - machine.wallMs));
      machine.step();
    }
    return machine.started.length >= count;
  };
  if (!untilRuns(1)) return undefined;
  machine.pass(2 * minuteMs);
  const good = machine.started.at(-1)!;
  machine.runs.set(plan, { takesMs: minuteMs, outcome: 'failed' });
  if (!untilRuns(machine.started.length + 1)) return undefined;
  machine.pass(2 * minuteMs);
  const bad = machine.started.at(-1)!;
  if (bad.slots === undefined) return undefined;
  return { plan, goodMs: good.atMs, failedMs: bad.atMs, handledMs: bad.slots.lastDueMs };
}

function factsAt(spec: ScheduleSpec, { plan, goodMs, failedMs, handledMs }: Failed, nowMs: number): ItemFacts {
  const input = { plan, nowMs, answeredMs: goodMs, handledMs, usualMs: minuteMs };
  const lastGood = { ...goodRun, startedMs: goodMs, endedMs: goodMs + minuteMs };
  const newest = { ...lastGood, startedMs: failedMs, endedMs: failedMs + minuteMs, outcome: 'failed' as const };
  return {
    ...fineItem,
    plan,
    retriesMax: 0,
    expectation: expectationOf(spec, input, zones),
    run: { ...fineRun, newest, failures: 1, newestSlot: { dueMs: handledMs, missingMs: undefined, outcome: 'failed' } },
    backup: { repository: 'local', newest, lastGood },
  };
}

function isAtRisk(facts: ItemFacts, nowMs: number): boolean {
  const standing = planStanding([facts], nowMs);
  return standing.kind === 'overdue' && standing.causes.includes('objective_at_risk');
}

test('of 400 schedules that failed once each is at risk exactly when its next run will be done too late', () => {
  const dice = createSeededRandom(20261122);
  let looked = 0;
  for (let index = 0; index < 400; index += 1) {
    const plan = `plan ${index}`;
    const spec = anySpec(dice, parseZone(dice.pick(sampleZones)));
    const machine = new FakeMachine(Date.UTC(2026, 0, 1) + dice.integer(300) * dayMs, zones);
    const failed = failOnce(machine, plan, spec);
    if (failed === undefined) continue;
    const afterMs = machine.wallMs;
    const runs = machine.started.length;
    machine.runs.set(plan, { takesMs: minuteMs, outcome: 'success' });
    for (let step = 0; machine.started.length === runs && step < 400; step += 1) {
      machine.pass(Math.max(1, (machine.decision?.nextEvalMs ?? machine.wallMs + dayMs) - machine.wallMs));
      machine.step();
    }
    const next = machine.started[runs];
    if (next === undefined) continue;
    for (let look = 0; look < 5; look += 1) {
      const nowMs: number = afterMs + dice.integer(Math.max(1, next.atMs - afterMs));
      const facts = factsAt(spec, failed, nowMs);
      if (facts.expectation.open === undefined) continue;
      looked += 1;
      const about: string = `${JSON.stringify(spec.triggers[0])} ${spec.windows[0]?.text} ${spec.jitterMs} at ${nowMs}`;
      assert.equal(facts.expectation.open.nextStartMs, next.atMs, about);
      // Promises that hold to the millisecond, with the five minutes that are allowed, and by one too short.
      const rpoMs: number = next.atMs + minuteMs - failed.goodMs - 5 * minuteMs;
      if (rpoMs < 20 * minuteMs) continue;
      assert.equal(isAtRisk({ ...facts, rpoMs }, nowMs), false, about);
      assert.equal(isAtRisk({ ...facts, rpoMs: rpoMs - 1 }, nowMs), true, about);
    }
  }
  assert.ok(looked > 500, `${looked}`);
});
