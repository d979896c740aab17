/** Who does the work of a slot, on either engine. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { slotProgress } from '../plan-progress.ts';
import { renewLease, takeLease } from '../leases.ts';
import { keepManager, slotsWithoutManager } from '../managers.ts';
import { endRun, startRun } from '../runs.ts';
import { claimSlots, closeSlotsUpTo, holdsSlot, passOverSlots } from '../slot-claims.ts';
import { markSlotMissing, newestSlot, openSlots } from '../slots.ts';
import type { Store } from '../store.ts';
import { handClock, openScene, sceneStartMs } from './scene.ts';
import type { Scene } from './scene.ts';

const minuteMs = 60_000;
const due = (minutes: number): number => sceneStartMs + minutes * minuteMs;
const asked = { manager: 'first', work: { plan: 'db', kind: 'backup', lease: 'plan/db' } } as const;
const db = { plan: 'db', fingerprint: 'every 1m' };

async function outcomes(store: Store): Promise<[number, string | null][]> {
  const rows = await store.db.selectFrom('slots').select(['due_at', 'outcome']).orderBy('due_at').execute();
  return rows.map(({ due_at, outcome }) => [(due_at - sceneStartMs) / minuteMs, outcome]);
}

export function slotSuite(engine: string, scene: () => Scene): void {
  describe(`slots on ${engine}`, () => {
    test('of many managers that want the same slot, or an earlier one, exactly one gets it', async () => {
      const place = scene().freshPlace();
      const stores = await Promise.all(Array.from({ length: 4 }, () => openScene(place)));
      const claims = await Promise.all(
        Array.from({ length: 24 }, (_, index) =>
          claimSlots(stores[index % 4]!, {
            ...asked,
            plan: 'db',
            lastDueMs: due(5),
            coveredMs: [due(4)],
            manager: `m${index}`,
          }),
        ),
      );
      assert.equal(claims.filter((openedAtMs) => openedAtMs !== undefined).length, 1);
      assert.equal(await claimSlots(stores[1]!, { plan: 'db', lastDueMs: due(3), coveredMs: [], ...asked }), undefined);
      assert.notEqual(
        await claimSlots(stores[1]!, { plan: 'other', lastDueMs: due(3), coveredMs: [], ...asked }),
        undefined,
      );
      assert.notEqual(
        await claimSlots(stores[2]!, { plan: 'db', lastDueMs: due(6), coveredMs: [], ...asked }),
        undefined,
      );
      for (const store of stores) await store[Symbol.asyncDispose]();
    });

    test('a slot that a dead manager left open is opened again by one of those that come after it', async () => {
      const place = scene().freshPlace();
      await using store = await openScene(place);
      await using other = await openScene(place);
      await claimSlots(store, { plan: 'db', lastDueMs: due(5), coveredMs: [], ...asked });
      const [progress] = await slotProgress(store, [db]);
      const { openedAtMs } = progress!.newestSlot!;
      const again = { plan: 'db', lastDueMs: due(5), coveredMs: [], openedAtMs, ...asked, manager: 'next' };
      const won = await Promise.all(
        [store, other, store, other].map((one, index) => claimSlots(one, { ...again, manager: `next${index}` })),
      );
      assert.equal(won.filter((openedAtMs) => openedAtMs !== undefined).length, 1);
      await closeSlotsUpTo(store, 'db', due(5), { outcome: 'success' });
      assert.equal(await claimSlots(store, again), undefined);
    });

    test('nobody takes the slot of a manager that is there, nor one whose run goes on; what its run did is not done again', async () => {
      const clock = handClock();
      await using store = await openScene(scene().freshPlace(), clock);
      const lastDueMs = due(5);
      const held = await keepManager(store, 'first', { held: undefined, durationMs: minuteMs });
      const openedAtMs = await claimSlots(store, { ...asked, plan: 'db', lastDueMs, coveredMs: [] });
      const next = { ...asked, plan: 'db', lastDueMs, coveredMs: [], manager: 'next', openedAtMs: openedAtMs! };
      const lease = { repository: 'plan/db', mode: 'exclusive', holder: 'run', durationMs: 2 * minuteMs } as const;
      const running = await takeLease(store, lease);
      assert.equal(await claimSlots(store, next), undefined);
      assert.deepEqual(
        [await slotsWithoutManager(store, 'next'), await slotsWithoutManager(store, 'first')],
        [[], ['db']],
      );
      clock.moveMs(minuteMs + 1);
      assert.deepEqual(await slotsWithoutManager(store, 'next'), ['db']);
      assert.equal(await claimSlots(store, next), undefined);
      clock.moveMs(minuteMs);
      assert.ok(running.kind === 'held' && held !== undefined);
      const reopenedAtMs = await claimSlots(store, next);
      assert.notEqual(reopenedAtMs, undefined);
      // Who comes back finds that it has neither the slot nor the right to work.
      assert.equal(await renewLease(store, running.lease, minuteMs), undefined);
      assert.equal(await holdsSlot(store, { plan: 'db', lastDueMs, openedAtMs: openedAtMs! }), false);
      const run = { plan: 'db', kind: 'backup', trigger: 'schedule', host: 'h', pid: 1, bootId: 'b' } as const;
      await endRun(store, await startRun(store, { ...run, slotAtMs: lastDueMs }), { outcome: 'success' });
      assert.equal(await claimSlots(store, { ...next, manager: 'last', openedAtMs: reopenedAtMs! }), undefined);
      assert.deepEqual(await openSlots(store), []);
    });

    test('the slots that one run stands for are told apart: in time, late, missed, passed over', async () => {
      await using store = await openScene(scene().freshPlace());
      await claimSlots(store, { plan: 'db', lastDueMs: due(1), coveredMs: [], ...asked });
      await markSlotMissing(store, { plan: 'db', dueAtMs: due(1) });
      await claimSlots(store, { plan: 'db', lastDueMs: due(4), coveredMs: [due(2), due(3)], ...asked });
      await closeSlotsUpTo(store, 'db', due(4), { outcome: 'success' });
      await passOverSlots(store, 'db', [due(4), due(5)], { outcome: 'skipped', reason: 'it was paused' });
      await claimSlots(store, { plan: 'db', lastDueMs: due(6), coveredMs: [], ...asked });
      await closeSlotsUpTo(store, 'db', due(6), { outcome: 'success-late' });
      assert.deepEqual(await outcomes(store), [
        [1, 'success-late'],
        [2, 'missed'],
        [3, 'missed'],
        [4, 'success'],
        [5, 'skipped'],
        [6, 'success-late'],
      ]);
      assert.deepEqual(await openSlots(store), []);
      assert.equal((await newestSlot(store, 'db'))?.closed?.outcome, 'success-late');
    });

    test('nothing is due in hindsight by a schedule that is new or was edited', async () => {
      const clock = handClock();
      await using store = await openScene(scene().freshPlace(), clock);
      const since = async (fingerprint: string): Promise<number | undefined> =>
        (await slotProgress(store, [{ plan: 'db', fingerprint }]))[0]?.sinceMs;
      assert.equal(await since('every 1m'), due(0));
      clock.moveMs(9 * minuteMs);
      assert.equal(await since('every 1m'), due(0));
      assert.equal(await since('every 5m'), due(9));
      clock.moveMs(9 * minuteMs);
      assert.equal(await since('every 1m'), due(18));
    });
  });
}
