/** What runs and slots promise, on any engine. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { countFailure, failureCounts } from '../failure-counts.ts';
import { correctLost, endRun, findRun, foundGone, listRuns, openRuns, runParts, startRun } from '../runs.ts';
import type { NewRun } from '../runs.ts';
import { closeSlot, markSlotMissing, newestSlot, openSlot, openSlots } from '../slots.ts';
import { handClock, openScene, sceneStartMs } from './scene.ts';
import type { Scene } from './scene.ts';
import { recordVerification } from '../verifications.ts';
import { isReadBack } from '../verified-snapshots.ts';

const run: NewRun = {
  plan: 'shop-db',
  source: 'sqlite',
  kind: 'backup',
  trigger: 'schedule',
  slotAtMs: sceneStartMs,
  host: 'alpha',
  pid: 4711,
  bootId: 'boot-1',
};

export function historySuite(engine: string, scene: () => Scene): void {
  test(`${engine}: a run is told as it was written, also by another process`, async () => {
    const place = scene().freshPlace();
    const clock = handClock();
    await using store = await openScene(place, clock);
    const id = await startRun(store, run);
    clock.moveMs(5000);
    assert.equal(
      await endRun(store, id, { outcome: 'success', figures: { bytesAdded: 2 ** 43 }, snapshots: ['ab'.repeat(32)] }),
      true,
    );
    await using other = await openScene(place, clock);
    assert.deepEqual(await findRun(other, id), {
      id,
      plan: 'shop-db',
      source: 'sqlite',
      kind: 'backup',
      trigger: 'schedule',
      slotAtMs: sceneStartMs,
      startedAtMs: sceneStartMs,
      end: { atMs: sceneStartMs + 5000, outcome: 'success', reason: undefined, code: undefined },
      figures: { bytesAdded: 2 ** 43 },
      snapshots: ['ab'.repeat(32)],
      logPath: undefined,
      host: 'alpha',
      pid: 4711,
      bootId: 'boot-1',
      parent: undefined,
      repository: undefined,
    });
  });

  test(`${engine}: a snapshot counts as read back until a run, or damage found later, says otherwise`, async () => {
    const clock = handClock();
    await using store = await openScene(scene().freshPlace(), clock);
    const track = { repository: 'local', plan: 'shop-db', source: 'sqlite' };
    const [proved, unproved] = ['ab'.repeat(32), 'cd'.repeat(32)];
    const saved = async (snapshot: string, figures: Record<string, number>): Promise<void> => {
      const id = await startRun(store, { ...run, ...track, kind: 'source' });
      await endRun(store, id, { outcome: 'success', figures, snapshots: [snapshot] });
      clock.moveMs(1000);
    };
    await saved(proved, { readBackBytes: 7 });
    await saved(unproved, {});
    for (let others = 0; others < 400; others += 1) {
      await startRun(store, { ...run, ...track, source: `other-${others}`, kind: 'source' });
    }
    const told = { repository: 'local', kind: 'verify', subject: unproved } as const;
    await recordVerification(store, { ...told, outcome: 'unreachable' });
    assert.deepEqual([await isReadBack(store, track, proved), await isReadBack(store, track, unproved)], [true, false]);
    assert.equal(await isReadBack(store, { ...track, repository: 'offsite' }, proved), false);
    await recordVerification(store, { ...told, repository: 'offsite', outcome: 'damaged' });
    assert.equal(await isReadBack(store, track, proved), true);
    await recordVerification(store, { ...told, outcome: 'damaged' });
    assert.equal(await isReadBack(store, track, proved), false);
  });

  test(`${engine}: a run that was found gone is what its last words say, and no other run is`, async () => {
    await using store = await openScene(scene().freshPlace());
    const [gone, abandoned, good] = [
      await startRun(store, run),
      await startRun(store, run),
      await startRun(store, run),
    ];
    await endRun(store, gone, { outcome: 'lost', reason: foundGone });
    await endRun(store, abandoned, { outcome: 'lost', reason: 'its manager is gone' });
    await endRun(store, good, { outcome: 'failed' });
    const { host, pid } = run;
    await correctLost(store, { host, pid: pid + 1, sinceMs: 0 }, { outcome: 'failed' });
    await correctLost(store, { host, pid, sinceMs: sceneStartMs }, { outcome: 'success', reason: 'not written' });
    const ends = await Promise.all([gone, abandoned, good].map(async (id) => (await findRun(store, id))?.end?.outcome));
    assert.deepEqual(ends, ['success', 'lost', 'failed']);
  });

  test(`${engine}: the parts of a run are found by it`, async () => {
    await using store = await openScene(scene().freshPlace());
    const parent = await startRun(store, { ...run, kind: 'backup' });
    const part = await startRun(store, { ...run, kind: 'source', parent, repository: 'local' });
    await startRun(store, { ...run, kind: 'source' });
    assert.deepEqual(
      (await runParts(store, parent)).map((one) => [one.id, one.parent, one.repository]),
      [[part, parent, 'local']],
    );
  });

  test(`${engine}: a run ends once`, async () => {
    await using store = await openScene(scene().freshPlace());
    const id = await startRun(store, run);
    assert.equal(await endRun(store, id, { outcome: 'lost', reason: 'its process is gone' }), true);
    assert.equal(await endRun(store, id, { outcome: 'success' }), false);
    const found = await findRun(store, id);
    assert.equal(found?.end?.outcome, 'lost');
    assert.equal(found?.end?.reason, 'its process is gone');
  });

  test(`${engine}: runs are listed newest first, by plan, kind and time, and open ones oldest first`, async () => {
    const clock = handClock();
    await using store = await openScene(scene().freshPlace(), clock);
    const first = await startRun(store, run);
    clock.moveMs(1000);
    const second = await startRun(store, { ...run, kind: 'copy', host: 'beta' });
    clock.moveMs(1000);
    const third = await startRun(store, { ...run, plan: 'uploads' });
    const ids = async (filter: Parameters<typeof listRuns>[1], count = 10): Promise<number[]> =>
      (await listRuns(store, filter, count)).map(({ id }) => id);
    assert.deepEqual(await ids({}), [third, second, first]);
    assert.deepEqual(await ids({}, 2), [third, second]);
    assert.deepEqual(await ids({ plan: 'shop-db' }), [second, first]);
    assert.deepEqual(await ids({ plan: 'shop-db', kind: 'backup' }), [first]);
    assert.deepEqual(await ids({ sinceMs: sceneStartMs + 1000 }), [third, second]);
    await endRun(store, third, { outcome: 'failed', reason: 'no room', code: 'BACKEND_FULL' });
    const { end } = (await findRun(store, third)) ?? {};
    assert.deepEqual([end?.outcome, end?.reason, end?.code], ['failed', 'no room', 'BACKEND_FULL']);
    assert.deepEqual(
      (await openRuns(store)).map(({ id }) => id),
      [first, second],
    );
    assert.deepEqual(
      (await openRuns(store, 'beta')).map(({ id }) => id),
      [second],
    );
  });

  test(`${engine}: failures are counted by what they were, whatever is removed of the history`, async () => {
    await using store = await openScene(scene().freshPlace());
    const about = { plan: 'shop', source: 'lyon/db', outcome: 'failed' } as const;
    for (const code of ['VERIFY_FAILED', 'BACKEND_IO', 'VERIFY_FAILED']) await countFailure(store, { ...about, code });
    // Neither of these says what went wrong, or that anything did.
    await countFailure(store, about);
    await countFailure(store, { ...about, outcome: 'warning', code: 'SOURCE_INCOMPLETE' });
    assert.deepEqual(
      (await failureCounts(store)).map(({ cause, count }) => [cause, count]),
      [
        ['hash_mismatch', 2],
        ['repository', 1],
      ],
    );
  });

  test(`${engine}: of many who open a slot at once, one gets it`, async () => {
    const place = scene().freshPlace();
    await using one = await openScene(place);
    await using two = await openScene(place);
    const key = { plan: 'shop-db', dueAtMs: sceneStartMs };
    const got = await Promise.all([one, two, one, two, one].map((store) => openSlot(store, key)));
    assert.equal(got.filter(Boolean).length, 1);
    assert.equal((await openSlots(two)).length, 1);
  });

  test(`${engine}: a slot is closed once, and stays known as missing`, async () => {
    const clock = handClock();
    await using store = await openScene(scene().freshPlace(), clock);
    const key = { plan: 'shop-db', dueAtMs: sceneStartMs };
    assert.equal(await closeSlot(store, key, 'success'), false);
    assert.equal(await openSlot(store, key), true);
    clock.moveMs(60_000);
    assert.equal(await markSlotMissing(store, key), true);
    assert.equal(await markSlotMissing(store, key), false);
    clock.moveMs(60_000);
    assert.equal(await closeSlot(store, key, 'success-late'), true);
    assert.equal(await closeSlot(store, key, 'failed'), false);
    assert.equal(await openSlot(store, key), false);
    assert.deepEqual(await openSlots(store), []);
    assert.deepEqual(await newestSlot(store, 'shop-db'), {
      ...key,
      openedAtMs: sceneStartMs,
      missingAtMs: sceneStartMs + 60_000,
      closed: { atMs: sceneStartMs + 120_000, outcome: 'success-late', reason: undefined },
    });
  });

  test(`${engine}: what fails in a transaction leaves nothing`, async () => {
    await using store = await openScene(scene().freshPlace());
    const work = store.transaction(async (rows) => {
      await openSlot(rows, { plan: 'shop-db', dueAtMs: sceneStartMs });
      await startRun(rows, run);
      throw new Error('no');
    });
    await assert.rejects(work, /^Error: no$/);
    assert.deepEqual(await openSlots(store), []);
    assert.deepEqual(await openRuns(store), []);
  });
}
