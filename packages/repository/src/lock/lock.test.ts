import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CoffreError, isCoffreError } from '../errors.ts';
import { rejectsWith } from '../testing/backend-conformance.ts';
import type { FaultPlan } from '../testing/faults.ts';
import {
  begin,
  lock,
  lockFiles,
  minuteMs,
  openSlow,
  ourSpace,
  processesWith,
  putGarbage,
  putLock,
  scene,
} from '../testing/lock-scene.ts';
import type { LockEvent } from './acquire.ts';
import { unlock } from './unlock.ts';

describe('taking a lock', () => {
  test('writes who holds it, waits 200 ms, and removes it in the end', async () => {
    const { party, host } = await scene();
    const ann = await party();
    const pending = begin(ann, { exclusive: true });
    let settled = false;
    void pending.held.then(() => (settled = true));
    await host.clock.advance(199);
    assert.deepEqual(await lockFiles(ann.repository), [
      {
        time: '2026-01-02T03:04:05Z',
        exclusive: true,
        hostname: 'sample',
        username: 'ann',
        pid: 101,
        uid: 1000,
        gid: 1000,
        boot_id: ourSpace,
      },
    ]);
    assert.equal(settled, false);
    await host.clock.advance(1);
    assert.equal(settled, true);
    await (await pending.held).release();
    assert.deepEqual(await lockFiles(ann.repository), []);
    assert.deepEqual(ann.host.warnings, []);
    assert.equal(host.clock.sleeping(), 0);
  });

  for (const [first, second, fits] of [
    [false, false, true],
    [false, true, false],
    [true, false, false],
    [true, true, false],
  ] as const) {
    const word = (exclusive: boolean): string => (exclusive ? 'an exclusive' : 'a shared');
    test(`${word(second)} lock is ${fits ? 'taken' : 'refused'} beside ${word(first)} one`, async () => {
      const { party } = await scene();
      const [ann, bob] = [await party(), await party('elsewhere')];
      await using held = await lock(ann, { exclusive: first });
      if (fits) await (await lock(bob, { exclusive: second })).release();
      else await rejectsWith('REPO_LOCKED', lock(bob, { exclusive: second }));
      assert.equal((await lockFiles(ann.repository)).length, 1, String(held.id));
    });
  }

  test('names the other, and says what to do', async () => {
    const { party, host } = await scene();
    const [ann, bob] = [await party(), await party('elsewhere')];
    await using held = await lock(ann, { exclusive: true });
    await host.clock.advance(3 * minuteMs);
    const error = await lock(bob).catch((thrown: unknown) => thrown);
    assert.ok(error instanceof CoffreError);
    const [owner, age, id] = error.message.split('\n');
    assert.equal(owner, 'repository is already locked exclusively by PID 101 on sample by ann (UID 1000, GID 1000)');
    assert.match(age ?? '', /^lock was created at \d{4}-\d\d-\d\d \d\d:\d\d:\d\d \(3m\d+s ago\)$/);
    assert.equal(id, `storage ID ${held.id?.slice(0, 8)}`);
    assert.match(error.hint ?? '', /--retry-lock/);
    const here = await lock({ ...bob, host: bob.host, options: { processes: processesWith({ alive: [101] }) } }).catch(
      (thrown: unknown) => thrown,
    );
    assert.ok(isCoffreError(here, 'REPO_LOCKED'));
  });

  test('gives way when another appears while it waits', async () => {
    const { party, host } = await scene();
    const [ann, bob] = [await party(), await party('elsewhere')];
    const pending = begin(ann, { exclusive: true });
    await host.clock.advance(100);
    const other = await putLock(bob, { exclusive: false });
    await host.clock.advance(100);
    await rejectsWith('REPO_LOCKED', pending.held);
    assert.deepEqual(
      (await ann.repository.listIds('locks')).map(({ id }) => id),
      [other],
    );
  });

  test('sees a lock that was refreshed between its name and its content', async () => {
    const { party, backend } = await scene();
    const bob = await party('elsewhere');
    const old = await putLock(bob);
    let refreshed = false;
    let saves = 0;
    const ann = await party('sample', (call) => {
      if (call.operation === 'save') saves += 1;
      if (call.operation !== 'load' || call.kind !== 'locks' || refreshed) return undefined;
      refreshed = true;
      void putLock(bob);
      backend.files.delete(`locks/${old}`);
      return undefined;
    });
    await rejectsWith('REPO_LOCKED', lock(ann));
    assert.equal(saves, 0, 'already the first look finds it');
    assert.ok(refreshed);
  });

  test('that is given up leaves nothing behind, whenever that happens', async () => {
    for (const waitMs of [0, 100, 200, 300]) {
      const { party, host } = await scene();
      const ann = await party();
      const pending = begin(ann);
      await host.clock.advance(waitMs);
      await pending[Symbol.asyncDispose]();
      assert.deepEqual(await lockFiles(ann.repository), []);
      assert.equal(host.clock.sleeping(), 0);
    }
  });

  test('ends with the reason of the signal', async () => {
    const { party, host } = await scene();
    const ann = await party();
    const stop = new AbortController();
    const pending = begin(ann, { signal: stop.signal });
    await host.clock.advance(100);
    const reason = new CoffreError('INTERRUPTED', 'stopped');
    stop.abort(reason);
    await assert.rejects(pending.held);
    assert.deepEqual(await lockFiles(ann.repository), []);
  });

  test('of two that want it alone at once, at most one gets it, however slow the storage', async () => {
    for (let seed = 0; seed < 40; seed += 1) {
      const { party, host } = await scene();
      // Writes and reads take up to 60 ms each, less than the 200 ms that everybody waits.
      const slow =
        (factor: number): FaultPlan =>
        (call) => ({ kind: 'delay', delayMs: (seed * factor + call.index * 17) % 60 });
      const parties = [await openSlow(party, slow(7)), await openSlow(party, slow(13))];
      const pending = parties.map((each) => begin(each, { exclusive: true }));
      await host.clock.advance(5000);
      const outcomes = await Promise.allSettled(pending.map(({ held }) => held));
      const holders = outcomes.filter(({ status }) => status === 'fulfilled');
      assert.ok(holders.length <= 1, `seed ${seed}`);
      const releases = Promise.all(pending.map((each) => each[Symbol.asyncDispose]()));
      await host.clock.advance(5000);
      await releases;
    }
  });
});

describe('waiting for a lock', () => {
  test('asks again after 5 s, 10 s, 20 s, … 60 s, and a last time when the time is over', async () => {
    const { party, host } = await scene();
    const bob = await party('elsewhere');
    await putLock(bob);
    const asked: number[] = [];
    const ann = await party('sample', (call) => {
      if (call.operation === 'list' && call.kind === 'locks') asked.push(Math.round(host.clock.monotonicMs() / 1000));
      return undefined;
    });
    const events: LockEvent[] = [];
    const pending = begin(ann, { retryMs: 4 * minuteMs, report: (event) => events.push(event) });
    await host.clock.advance(5 * minuteMs);
    await rejectsWith('REPO_LOCKED', pending.held);
    assert.deepEqual(asked, [0, 5, 15, 35, 75, 135, 195, 240]);
    assert.deepEqual(
      events.map(({ kind }) => kind),
      ['waiting'],
    );
  });

  test('ends when the other is gone', async () => {
    const { party, host } = await scene();
    const [ann, bob] = [await party(), await party('elsewhere')];
    const other = await lock(bob, { exclusive: true });
    const pending = begin(ann, { retryMs: 10 * minuteMs });
    await host.clock.advance(7000);
    await other.release();
    await host.clock.advance(10_000);
    await (await pending.held).release();
  });

  test('ends at once when it is interrupted', async () => {
    const { party, host } = await scene();
    const ann = await party();
    await putLock(ann);
    const stop = new AbortController();
    const pending = begin(ann, { retryMs: 10 * minuteMs, signal: stop.signal });
    await host.clock.advance(1000);
    stop.abort();
    await assert.rejects(pending.held);
    assert.equal(host.clock.sleeping(), 0);
  });
});

describe('unlocking', () => {
  test('removes what is half an hour old or of a dead process of this host, and keeps the rest', async () => {
    const { party, backend } = await scene();
    const ann = await party();
    const stale = [
      await putLock(ann, { time: '2026-01-02T02:34:00Z' }),
      await putLock(ann, { hostname: 'sample', pid: 77 }),
      await putLock(ann, { hostname: 'sample', pid: 78, boot_id: 'boot-0 1' }),
    ];
    const kept = [
      await putLock(ann, { time: '2026-01-02T02:34:10Z' }),
      await putLock(ann, { hostname: 'sample', pid: 55 }),
      await putLock(ann, { hostname: 'sample', pid: 77, boot_id: 'boot-1 99' }),
    ];
    putGarbage(backend);
    const result = await unlock(ann.repository, { processes: processesWith({ alive: [55] }) });
    assert.deepEqual([...result.removed].toSorted(), stale.toSorted());
    assert.deepEqual(result.kept.map(({ id }) => id).toSorted(), kept.toSorted());
    assert.deepEqual(result.unreadable, ['ab'.repeat(32)]);
    assert.equal((await ann.repository.listIds('locks')).length, 4);
  });

  test('with removeAll removes every file, also those nobody can read', async () => {
    const { party, backend } = await scene();
    const ann = await party();
    await putLock(ann);
    putGarbage(backend);
    backend.files.set(`locks/${'cd'.repeat(32)}`, Buffer.alloc(0));
    assert.equal((await unlock(ann.repository, { removeAll: true })).removed.length, 3);
    assert.deepEqual(await ann.repository.listIds('locks'), []);
  });
});
