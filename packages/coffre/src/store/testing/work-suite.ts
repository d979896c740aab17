/** What leases, the queue, the outbox and the smaller tables promise, on any engine. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { listEvents, recordEvent } from '../events.ts';
import { leasedQueue } from '../leased-queue.ts';
import { endLease, leaseHolders, renewLease, takeLease } from '../leases.ts';
import type { LeaseAnswer, LeaseMode } from '../leases.ts';
import { channelFigures, giveUp, markSent, sendLater, takeLetters, waitingLetters } from '../letters.ts';
import { findNamedBackup, forgetName, listNamedBackups, nameBackup, pinBackup } from '../named-backups.ts';
import { endRun, openRuns, startRun } from '../runs.ts';
import { pauseAll, readSetting, removeSetting, writeSetting } from '../settings.ts';
import { claimSlots, openFiring } from '../slot-claims.ts';
import type { Store } from '../store.ts';
import { noteFailing, noteFired, noteWorking, triggerStates } from '../trigger-states.ts';
import { listVerifications, recordVerification } from '../verifications.ts';
import { sampleRun } from './sample-state.ts';
import { handClock, openScene, sceneStartMs } from './scene.ts';
import type { Scene } from './scene.ts';

const minuteMs = 60_000;

function take(store: Store, mode: LeaseMode, holder: string): Promise<LeaseAnswer> {
  return takeLease(store, { repository: 'local', mode, holder, durationMs: minuteMs });
}

export function workSuite(engine: string, scene: () => Scene): void {
  test(`${engine}: shared leases stand beside each other, an exclusive one alone`, async () => {
    await using store = await openScene(scene().freshPlace());
    const one = await take(store, 'shared', 'one');
    const two = await take(store, 'shared', 'two');
    assert.equal(one.kind === 'held' && two.kind === 'held', true);
    const refused = await take(store, 'exclusive', 'three');
    assert.equal(refused.kind === 'taken' && refused.by.map(({ holder }) => holder).join(), 'one,two');
    for (const answer of [one, two]) if (answer.kind === 'held') await endLease(store, answer.lease);
    assert.equal((await take(store, 'exclusive', 'three')).kind, 'held');
    assert.equal((await take(store, 'shared', 'one')).kind, 'taken');
    assert.equal(
      (await takeLease(store, { repository: 'offsite', mode: 'exclusive', holder: 'one', durationMs: 1 })).kind,
      'held',
    );
  });

  test(`${engine}: an expired lease is stolen by one of many, and its holder learns that`, async () => {
    const place = scene().freshPlace();
    const clock = handClock();
    await using store = await openScene(place, clock);
    await using other = await openScene(place, clock);
    const old = await take(store, 'exclusive', 'old');
    assert.ok(old.kind === 'held');
    clock.moveMs(minuteMs - 1);
    const renewed = await renewLease(store, old.lease, minuteMs);
    assert.equal(renewed?.expiresAtMs, sceneStartMs + 2 * minuteMs - 1);
    clock.moveMs(minuteMs);
    assert.deepEqual(await leaseHolders(store, 'local'), []);
    const answers = await Promise.all(
      ['a', 'b', 'c', 'd', 'e', 'f'].map((holder, place) => take(place % 2 ? store : other, 'exclusive', holder)),
    );
    const held = answers.filter((answer) => answer.kind === 'held');
    assert.equal(held.length, 1);
    assert.deepEqual(held[0]?.stolenFrom, ['old']);
    assert.ok(held[0].lease.id > old.lease.id);
    assert.equal(await renewLease(store, old.lease, minuteMs), undefined);
    assert.equal((await leaseHolders(other, 'local')).length, 1);
  });

  test(`${engine}: jobs are handed out by priority and age, each to one worker`, async () => {
    const place = scene().freshPlace();
    const clock = handClock();
    await using store = await openScene(place, clock);
    await using other = await openScene(place, clock);
    const queue = leasedQueue(store);
    for (let n = 0; n < 20; n += 1) await queue.enqueue({ queue: 'runs', payload: n });
    await queue.enqueue({ queue: 'runs', payload: 'first', priority: 5 });
    await queue.enqueue({ queue: 'runs', payload: 'later', priority: 9, runAtMs: sceneStartMs + minuteMs });
    await queue.enqueue({ queue: 'other', payload: 'elsewhere', priority: 9 });
    assert.equal((await queue.claim('runs', 'w', minuteMs))?.payload, 'first');
    const claims = await Promise.all(
      Array.from({ length: 25 }, (_, n) => leasedQueue(n % 2 ? store : other).claim('runs', `w${n}`, minuteMs)),
    );
    const given = claims.flatMap((job) => (job === undefined ? [] : [job.payload as number]));
    assert.deepEqual(
      given.toSorted((a, b) => a - b),
      Array.from({ length: 20 }, (_, n) => n),
    );
  });

  test(`${engine}: a job with a key is there once until it has ended`, async () => {
    await using store = await openScene(scene().freshPlace());
    const queue = leasedQueue(store);
    const job = { queue: 'runs', key: 'shop-db', payload: null };
    const many = await Promise.all([queue.enqueue(job), queue.enqueue(job), queue.enqueue(job)]);
    assert.equal(many.filter((id) => id !== undefined).length, 1);
    const claimed = await queue.claim('runs', 'w', minuteMs);
    assert.equal(await queue.enqueue(job), undefined);
    assert.ok(claimed);
    assert.equal(await queue.complete(claimed), true);
    assert.equal(await queue.complete(claimed), false);
    assert.notEqual(await queue.enqueue(job), undefined);
  });

  test(`${engine}: a job whose worker is gone is begun again by another, and the first cannot end it any more`, async () => {
    const clock = handClock();
    await using store = await openScene(scene().freshPlace(), clock);
    const queue = leasedQueue(store);
    await queue.enqueue({ queue: 'runs', payload: 1, attemptsMax: 2 });
    const first = await queue.claim('runs', 'one', minuteMs);
    assert.ok(first);
    assert.equal(await queue.claim('runs', 'two', minuteMs), undefined);
    assert.equal(await queue.extend(first, minuteMs), 'extended');
    clock.moveMs(minuteMs);
    assert.equal(await queue.extend(first, minuteMs), 'lost');
    const second = await queue.claim('runs', 'two', minuteMs);
    assert.equal(second?.attempt, 2);
    assert.equal(await queue.complete(first), false);
    clock.moveMs(minuteMs);
    assert.deepEqual(await queue.sweep(), [first.id]);
    assert.equal(await queue.complete(second), false);
    assert.equal(await queue.claim('runs', 'three', minuteMs), undefined);
  });

  test(`${engine}: a failed job waits for its retry, as often as it may`, async () => {
    const clock = handClock();
    await using store = await openScene(scene().freshPlace(), clock);
    const queue = leasedQueue(store);
    await queue.enqueue({ queue: 'runs', payload: 1, attemptsMax: 2 });
    const first = await queue.claim('runs', 'one', minuteMs);
    assert.ok(first);
    assert.equal(await queue.fail(first, 'no network', sceneStartMs + minuteMs), true);
    assert.equal(await queue.claim('runs', 'one', minuteMs), undefined);
    clock.moveMs(minuteMs);
    const second = await queue.claim('runs', 'one', minuteMs);
    assert.ok(second);
    assert.equal(await queue.fail(second, 'no network', sceneStartMs + 2 * minuteMs), true);
    clock.moveMs(minuteMs);
    assert.equal(await queue.claim('runs', 'one', minuteMs), undefined);
  });

  test(`${engine}: a waiting job is cancelled, one that is being done is asked to stop`, async () => {
    await using store = await openScene(scene().freshPlace());
    const queue = leasedQueue(store);
    const id = await queue.enqueue({ queue: 'runs', payload: 1, attemptsMax: 5 });
    assert.ok(id);
    assert.equal(await queue.cancel(id), 'cancelled');
    assert.equal(await queue.cancel(id), 'ended');
    await queue.enqueue({ queue: 'runs', payload: 2, attemptsMax: 5 });
    const job = await queue.claim('runs', 'one', minuteMs);
    assert.ok(job);
    assert.equal(await queue.cancel(job.id), 'asked');
    assert.equal(await queue.extend(job, minuteMs), 'cancel-asked');
    assert.equal(await queue.fail(job, 'cancelled', sceneStartMs), true);
    assert.equal(await queue.claim('runs', 'one', minuteMs), undefined);
  });

  test(`${engine}: an event and its letters come with the change they tell of, or not at all`, async () => {
    const clock = handClock();
    await using store = await openScene(scene().freshPlace(), clock);
    const id = await startRun(store, sampleRun);
    const event = { code: 'backup.run.failed', plan: sampleRun.plan, runId: id, detail: { reason: 'no room' } };
    const broken = store.transaction(async (rows) => {
      await endRun(rows, id, { outcome: 'failed' });
      await recordEvent(rows, event, ['mail', 'chat']);
      throw new Error('killed');
    });
    await assert.rejects(broken);
    assert.equal((await openRuns(store)).length, 1);
    assert.deepEqual(await takeLetters(store, 'w', { leaseMs: 1, countMax: 9 }), []);
    await store.transaction(async (rows) => {
      await endRun(rows, id, { outcome: 'failed' });
      await recordEvent(rows, event, ['mail', 'chat']);
    });
    const letters = await takeLetters(store, 'w', { leaseMs: minuteMs, countMax: 9 });
    assert.deepEqual(
      letters.map(({ channel, attempt }) => [channel, attempt]),
      [
        ['mail', 1],
        ['chat', 1],
      ],
    );
    assert.equal(letters[0]?.event.runId, id);
    assert.deepEqual(await listEvents(store, { plan: sampleRun.plan }, 5), [letters[0].event]);
  });

  test(`${engine}: a letter is sent by one worker, and again when that one is gone`, async () => {
    const clock = handClock();
    await using store = await openScene(scene().freshPlace(), clock);
    await recordEvent(store, { code: 'x', detail: {} }, ['mail']);
    const [first] = await takeLetters(store, 'one', { leaseMs: minuteMs, countMax: 1 });
    assert.ok(first);
    assert.deepEqual(await takeLetters(store, 'two', { leaseMs: minuteMs, countMax: 1 }), []);
    clock.moveMs(minuteMs);
    const [second] = await takeLetters(store, 'two', { leaseMs: minuteMs, countMax: 1 });
    assert.equal(second?.attempt, 2);
    assert.equal(await markSent(store, first), false);
    assert.equal(await sendLater(store, second, 'no answer', sceneStartMs + 5 * minuteMs), true);
    clock.moveMs(minuteMs);
    assert.deepEqual(await takeLetters(store, 'two', { leaseMs: minuteMs, countMax: 1 }), []);
    clock.moveMs(3 * minuteMs);
    const [third] = await takeLetters(store, 'two', { leaseMs: minuteMs, countMax: 1 });
    assert.ok(third);
    assert.equal(await markSent(store, third), true);
    clock.moveMs(9 * minuteMs);
    assert.deepEqual(await takeLetters(store, 'two', { leaseMs: minuteMs, countMax: 1 }), []);
  });

  test(`${engine}: a letter that was given up is taken no more and is shown; other channels do not wait for it`, async () => {
    const clock = handClock();
    await using store = await openScene(scene().freshPlace(), clock);
    for (const code of ['x', 'y']) await recordEvent(store, { code, detail: {} }, ['dead', 'well']);
    const [first] = await takeLetters(store, 'w', { leaseMs: minuteMs, countMax: 1, channel: 'dead' });
    assert.equal(await giveUp(store, first!, 'gone'), true);
    assert.equal(await giveUp(store, first!, 'gone'), false);
    assert.equal(await markSent(store, first!), false);
    const well = await takeLetters(store, 'w', { leaseMs: minuteMs, countMax: 9, channel: 'well' });
    for (const letter of well) assert.equal(await markSent(store, letter), true);
    clock.moveMs(2 * minuteMs);
    const [second, third] = await takeLetters(store, 'w', { leaseMs: minuteMs, countMax: 9 });
    assert.deepEqual([second?.event.code, third], ['y', undefined]);
    await sendLater(store, second!, 'no answer', sceneStartMs + 5 * minuteMs);
    assert.deepEqual(await waitingLetters(store), [{ channel: 'dead', nextAtMs: sceneStartMs + 5 * minuteMs }]);
    const [dead, alive] = await channelFigures(store, ['dead', 'well'], 0);
    assert.deepEqual(
      [dead?.waiting, dead?.waitingSinceMs, dead?.error, dead?.givenUp, dead?.givenUpError],
      [1, sceneStartMs, 'no answer', 1, 'gone'],
    );
    assert.deepEqual([alive?.waiting, alive?.givenUp, alive?.sentAtMs], [0, 0, sceneStartMs]);
  });

  test(`${engine}: a trigger is remembered by when it fired last, and since when it fails`, async () => {
    const clock = handClock();
    await using store = await openScene(scene().freshPlace(), clock);
    await noteFired(store, 'p', 'door', 'opened');
    assert.equal(await noteFailing(store, 'p', 'door', 'no answer'), true);
    clock.moveMs(minuteMs);
    assert.equal(await noteFailing(store, 'p', 'door', 'still none'), false);
    const fired = { atMs: sceneStartMs, reason: 'opened' };
    const failing = { sinceMs: sceneStartMs, problem: 'still none' };
    assert.deepEqual(await triggerStates(store), [{ plan: 'p', name: 'door', fired, failing }]);
    assert.deepEqual([await noteWorking(store, 'p', 'door'), await noteWorking(store, 'p', 'door')], [true, false]);
  });

  test(`${engine}: a firing has a slot behind all others, which is won while an earlier run goes on`, async () => {
    await using store = await openScene(scene().freshPlace());
    const { plan } = sampleRun;
    const work = { plan, kind: 'backup', lease: `plan/${plan}` } as const;
    const claim = { plan, work, manager: 'a', coveredMs: [] };
    await claimSlots(store, { ...claim, lastDueMs: sceneStartMs + 5 });
    await startRun(store, { ...sampleRun, slotAtMs: sceneStartMs + 5 });
    const fire = async () => await openFiring(store, plan, sceneStartMs, 'a');
    const { dueMs } = await fire();
    assert.equal(dueMs, sceneStartMs + 6);
    assert.equal(await claimSlots(store, { ...claim, manager: 'b', lastDueMs: dueMs }), undefined);
    assert.notEqual(await claimSlots(store, { ...claim, lastDueMs: dueMs }), undefined);
    const [one, other] = [await fire(), await fire()];
    assert.equal(await claimSlots(store, { ...claim, lastDueMs: one.dueMs }), undefined);
    assert.notEqual(await claimSlots(store, { ...claim, lastDueMs: other.dueMs }), undefined);
  });

  test(`${engine}: the name of a backup is taken once in a repository, and can be pinned and given back`, async () => {
    await using store = await openScene(scene().freshPlace());
    const backup = { repository: 'local', name: 'v1.2', snapshot: 'ab'.repeat(32), isPinned: false };
    assert.equal(await nameBackup(store, backup), true);
    assert.equal(await nameBackup(store, { ...backup, snapshot: 'cd'.repeat(32) }), false);
    assert.equal(await nameBackup(store, { ...backup, repository: 'offsite' }), true);
    assert.equal(await pinBackup(store, 'local', 'v1.2', true), true);
    assert.equal(await pinBackup(store, 'local', 'v1.3', true), false);
    const found = await findNamedBackup(store, 'local', 'v1.2');
    assert.equal(found?.isPinned, true);
    assert.equal(found.snapshot, backup.snapshot);
    assert.deepEqual(await listNamedBackups(store, 'local'), [found]);
    assert.equal(await forgetName(store, 'local', 'v1.2'), true);
    assert.equal(await nameBackup(store, backup), true);
  });

  test(`${engine}: it is known when a repository was last read, and when it was last good`, async () => {
    const clock = handClock();
    await using store = await openScene(scene().freshPlace(), clock);
    await recordVerification(store, { repository: 'local', kind: 'pack', subject: 'ab', outcome: 'good' });
    clock.moveMs(minuteMs);
    await recordVerification(store, {
      repository: 'local',
      kind: 'pack',
      subject: 'cd',
      outcome: 'damaged',
      detail: 'short',
    });
    await recordVerification(store, { repository: 'local', kind: 'list', outcome: 'good' });
    const [newest] = await listVerifications(store, { repository: 'local', kind: 'pack' }, 1);
    assert.deepEqual(newest, {
      repository: 'local',
      kind: 'pack',
      subject: 'cd',
      outcome: 'damaged',
      detail: 'short',
      atMs: sceneStartMs + minuteMs,
    });
    const [good] = await listVerifications(store, { repository: 'local', kind: 'pack', outcome: 'good' }, 1);
    assert.equal(good?.atMs, sceneStartMs);
  });

  test(`${engine}: a pause ends by itself`, async () => {
    const clock = handClock();
    await using store = await openScene(scene().freshPlace(), clock);
    await writeSetting(store, pauseAll, { value: 'moving', untilMs: sceneStartMs + 1, changedBy: 'root' });
    await writeSetting(store, pauseAll, { value: 'new disk', untilMs: sceneStartMs + minuteMs, changedBy: 'root' });
    assert.equal((await readSetting(store, pauseAll))?.value, 'new disk');
    clock.moveMs(minuteMs);
    assert.equal(await readSetting(store, pauseAll), undefined);
    await writeSetting(store, 'pause:shop', { value: '', changedBy: 'root' });
    assert.equal(await removeSetting(store, 'pause:shop'), true);
    assert.equal(await readSetting(store, 'pause:shop'), undefined);
  });
}
