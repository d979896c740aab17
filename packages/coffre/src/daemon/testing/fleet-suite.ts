/** What holds for managers on one state, whatever happens to them, on either engine. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { dueBetween } from '../../schedule/due.ts';
import { Zones } from '../../schedule/zone.ts';
import type { StoreLocation } from '../../store/location.ts';
import { listRuns } from '../../store/runs.ts';
import { openStore } from '../../store/store.ts';
import type { Store } from '../../store/store.ts';
import { FakeFleet } from './fake-fleet.ts';
import type { FakeManager } from './fake-fleet.ts';
import { configOf } from './scene.ts';

const minuteMs = 60_000;
const hourMs = 3_600_000;
const startMs = Date.parse('2026-10-23T22:00:00Z');
const plans = `  hourly: {sources: [home/docs], to: main, schedule: {every: 1h}, retries: {times: 2, wait: 5m}}
  night: {sources: [home/docs], to: main, schedule: {cron: "30 2 * * *", timezone: Europe/Paris}}
  often: {sources: [home/docs], to: main, schedule: {cron: "*/20 * * * *"}, jitter: 4m}
`;

export type FleetOptions = {
  readonly freshPlace: () => StoreLocation;
  readonly days: number;
  readonly seed: number;
  readonly random: (seed: number) => { integer(max: number): number };
};

export function fleetSuite(engine: string, { freshPlace, days, seed, random: randomOf }: FleetOptions): void {
  for (const managers of [1, 2]) {
    const who = managers === 1 ? 'one manager' : `${managers} managers`;
    test(`${who} on ${engine}: no slot is missed or run twice over ${days} days of kills, sleep and clocks set back`, async (t) => {
      t.diagnostic(`seed ${seed}`);
      const random = randomOf(seed + managers);
      const fleet = new FakeFleet(startMs, plans);
      await using stores = new AsyncDisposableStack();
      const place = freshPlace();
      const open = async (): Promise<Store> =>
        stores.use(await openStore(place, { clock: fleet.clock, ownClock: true }));
      const running: { store: Store; manager: FakeManager }[] = [];
      for (let index = 0; index < managers; index += 1) {
        const store = await open();
        running.push({ store, manager: await fleet.start(store) });
      }
      fleet.fate = () => ({
        takesMs: minuteMs * (1 + random.integer(25)),
        outcome: ['success', 'success', 'success', 'failed', 'killed'][random.integer(5)] as 'success',
      });
      while (fleet.wallMs < startMs + days * 24 * hourMs) {
        await fleet.pass(minuteMs * (1 + random.integer(180)));
        const what = random.integer(6);
        const one = running[random.integer(managers)]!;
        if (what === 0) fleet.sleep(hourMs * (1 + random.integer(9)));
        else if (what === 1) fleet.wallMs -= minuteMs * random.integer(90);
        else if (what <= 3) {
          one.manager.kill();
          await fleet.pass(minuteMs * random.integer(60));
          one.manager = await fleet.start(one.store);
        }
      }
      fleet.fate = () => ({ takesMs: minuteMs, outcome: 'success' });
      await fleet.pass(26 * hourMs);
      const endMs = fleet.wallMs;
      await fleet.pass(2 * hourMs);
      for (const { manager } of running) manager.kill();
      await checkSlots(running[0]!.store, endMs);
      t.diagnostic(`${(await listRuns(running[0]!.store, {}, 100_000)).length} runs`);
    });
  }
}

async function checkSlots(store: Store, endMs: number): Promise<void> {
  const zones = new Zones();
  for (const { name, schedule } of configOf(plans).plans.values()) {
    const expected = [...dueBetween(schedule, startMs, endMs, zones)].map(({ dueMs }) => dueMs);
    const rows = await store.db.selectFrom('slots').selectAll().where('plan', '=', name).orderBy('due_at').execute();
    const closed = rows.filter(({ closed_at, due_at }) => closed_at !== null && due_at <= endMs);
    assert.deepEqual(
      closed.map(({ due_at }) => due_at),
      expected,
      `${name}: a slot is missing, or never came to its end`,
    );
    const runs = await listRuns(store, { plan: name }, 100_000);
    // A slot may be tried often, and done well once.
    const good = runs.flatMap(({ end, slotAtMs }) => (end?.outcome === 'success' ? (slotAtMs ?? []) : []));
    const twice = new Set(good.filter((slot, index) => good.indexOf(slot) !== index));
    const told = runs.filter(({ slotAtMs }) => slotAtMs !== undefined && twice.has(slotAtMs)).toReversed();
    const lines = told.map(
      ({ pid, slotAtMs, startedAtMs, end }) => `${pid} ${slotAtMs} ${startedAtMs} ${end?.atMs} ${end?.outcome}`,
    );
    assert.deepEqual(lines, [], `${name}: a slot was run well twice`);
    assert.ok(good.length > 0);
  }
}
