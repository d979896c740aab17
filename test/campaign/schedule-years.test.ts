/**
 * Ten years of 1,000 plans in thirty zones: their slots against a walker over minutes, and a scheduler that runs them all
 * through sleep and restarts. Bounded here; the whole of it with COFFRE_SCHEDULE_YEARS=10. The seed is printed and can be
 * given back with COFFRE_SEED.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { dueBetween } from '../../packages/coffre/src/schedule/due.ts';
import { scheduleOf } from '../../packages/coffre/src/schedule/schedule-spec.ts';
import { compareWithWalker } from '../../packages/coffre/src/schedule/testing/compare.ts';
import { entryOf, FakeMachine } from '../../packages/coffre/src/schedule/testing/fake-machine.ts';
import { samplePlan, sampleZones } from '../../packages/coffre/src/schedule/testing/sample-plans.ts';
import { parseZone, Zones } from '../../packages/coffre/src/schedule/zone.ts';
import { createSeededRandom } from '../../packages/repository/src/testing/seeded-random.ts';

const years = Number(process.env['COFFRE_SCHEDULE_YEARS'] ?? 0);
const seed = Number(process.env['COFFRE_SEED'] ?? Date.now() % 1_000_000);
const plansPerZone = years > 0 ? 34 : 2;
const dayMs = 86_400_000;
const fromMs = Date.parse('2024-10-01T00:00:00Z');
const toMs = fromMs + (years > 0 ? Math.ceil(years * 365.25) : 40) * dayMs;

test(`${plansPerZone * sampleZones.length} plans in thirty zones are due when a walker over minutes says so`, (t) => {
  t.diagnostic(`seed ${seed}`);
  const zones = new Zones();
  for (const [index, zone] of sampleZones.entries()) {
    const random = createSeededRandom(seed + index);
    const { differences, slots } = compareWithWalker({ zone, plans: plansPerZone, random, fromMs, toMs, zones });
    assert.deepEqual(differences, []);
    t.diagnostic(`${zone}: ${slots} slots`);
  }
});

test('a scheduler that sleeps, restarts and goes on does every slot of every plan exactly once', (t) => {
  t.diagnostic(`seed ${seed}`);
  const zones = new Zones();
  const random = createSeededRandom(seed);
  const machine = new FakeMachine(fromMs, zones, { runsMax: 10_000, runsPerHostMax: 10_000 });
  const specs = new Map(
    Array.from({ length: plansPerZone * sampleZones.length }, (_, index) => {
      const { trigger } = samplePlan(random, parseZone(sampleZones[index % sampleZones.length]!));
      return [`p${index}`, scheduleOf([trigger], { jitterMs: random.integer(600_000) })];
    }),
  );
  for (const [plan, spec] of specs) machine.add(entryOf(plan, { spec }));
  // Each plan's slots in order, taken off as runs stand for them.
  const open = new Map([...specs].map(([plan, spec]) => [plan, dueBetween(spec, fromMs, toMs, zones)]));
  let runs = 0;
  while (machine.wallMs < toMs + dayMs) {
    machine.pass(random.integer(3 * dayMs));
    if (random.chance(0.3)) machine.sleep(random.integer(dayMs));
    if (random.chance(0.1)) machine.restart(random.integer(dayMs / 4));
    takeOffStarted();
  }
  machine.pass(dayMs);
  takeOffStarted();
  for (const [plan, slots] of open) assert.equal(slots.next().done, true, `${plan} left a slot behind`);
  t.diagnostic(`${runs} runs in ${machine.steps} steps`);

  function takeOffStarted(): void {
    for (const { plan, slots } of machine.started.splice(0)) {
      runs += 1;
      if (slots !== undefined) takeOff(plan, slots.firstDueMs, slots.lastDueMs);
    }
  }

  function takeOff(plan: string, firstDueMs: number, lastDueMs: number): void {
    const slots = open.get(plan)!;
    for (let isFirst = true; ; isFirst = false) {
      const found = slots.next();
      if (found.done === true) return assert.ok(lastDueMs > toMs, `${plan} ran what is no slot`);
      const { dueMs } = found.value;
      assert.ok(isFirst ? dueMs === firstDueMs : dueMs <= lastDueMs, `${plan} lost or doubled a slot`);
      if (dueMs === lastDueMs) return undefined;
    }
  }
});
