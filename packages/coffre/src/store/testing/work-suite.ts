/** What leases and the smaller tables promise, on any engine. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { endLease, leaseHolders, renewLease, takeLease } from '../leases.ts';
import type { LeaseAnswer, LeaseMode } from '../leases.ts';
import { findNamedBackup, forgetName, listNamedBackups, nameBackup, pinBackup } from '../named-backups.ts';
import { startRun } from '../runs.ts';
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
