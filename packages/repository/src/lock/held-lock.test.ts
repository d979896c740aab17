import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { isCoffreError } from '../errors.ts';
import { rejectsWith } from '../testing/backend-conformance.ts';
import { isWrite } from '../testing/faults.ts';
import { begin, lock, lockFiles, minuteMs, putLock, scene } from '../testing/lock-scene.ts';
import { withLockGuard } from './lock-guard.ts';

describe('keeping a lock', () => {
  test('is writing a new one every 5 minutes, before the old one is removed', async () => {
    const { party, host, backend } = await scene();
    const order: string[] = [];
    const ann = await party('sample', (call) => {
      if (isWrite(call) && call.kind === 'locks') order.push(call.operation);
      return undefined;
    });
    const held = await lock(ann);
    const ids = [held.id];
    for (let round = 1; round <= 3; round += 1) {
      await host.clock.advance(5 * minuteMs + 5000);
      ids.push(held.id);
      assert.deepEqual(
        [...backend.files.keys()].filter((name) => name.startsWith('locks/')),
        [`locks/${held.id}`],
      );
      const [file] = await lockFiles(ann.repository);
      assert.ok(file !== undefined && Number(host.clock.nowNs() / 1_000_000n) - Date.parse(file.time) <= 15_000);
    }
    assert.equal(new Set(ids).size, 4);
    assert.deepEqual(order, ['save', 'save', 'remove', 'save', 'remove', 'save', 'remove']);
    await held.release();
    assert.deepEqual(await lockFiles(ann.repository), []);
  });

  test('survives a refresh that fails for a while', async () => {
    const { party, host } = await scene();
    let broken = false;
    const ann = await party('sample', (call) => (broken && isWrite(call) ? { kind: 'fail' } : undefined));
    const held = await lock(ann);
    broken = true;
    await host.clock.advance(20 * minuteMs);
    assert.equal(held.signal.aborted, false);
    broken = false;
    await host.clock.advance(2 * minuteMs);
    await held.fresh();
    assert.equal((await lockFiles(ann.repository)).length, 1);
    assert.ok(ann.host.warnings.length > 5);
    await host.clock.advance(60 * minuteMs);
    assert.equal(held.signal.aborted, false);
    await held.release();
    assert.deepEqual(await lockFiles(ann.repository), []);
  });

  test('ends with REPO_LOCK_LOST when it cannot be refreshed for 22.5 minutes', async () => {
    const { party, host } = await scene();
    let broken = false;
    const ann = await party('sample', (call) => (broken && isWrite(call) ? { kind: 'fail' } : undefined));
    const held = await lock(ann);
    broken = true;
    await host.clock.advance(22 * minuteMs);
    assert.equal(held.signal.aborted, false);
    await host.clock.advance(minuteMs);
    assert.ok(isCoffreError(held.signal.reason, 'REPO_LOCK_LOST'));
    await rejectsWith('REPO_LOCK_LOST', held.fresh());
    await held.release();
  });

  test('after the machine slept, is saved when nobody removed it, and writes wait for that', async () => {
    const { party, host } = await scene();
    const ann = await party();
    const held = await lock(ann);
    const firstId = held.id;
    host.clock.jump(8 * 60 * minuteMs);
    let settled = false;
    const fresh = held.fresh().then(() => (settled = true));
    await host.clock.advance(199);
    assert.equal(settled, false);
    await host.clock.advance(1);
    await fresh;
    assert.notEqual(held.id, firstId);
    assert.equal((await lockFiles(ann.repository)).length, 1);
    await held.release();
  });

  test('after the machine slept, is lost when somebody removed it before or meanwhile', async () => {
    for (const removedAfterMs of [0, 100]) {
      const { party, host, backend } = await scene();
      const ann = await party();
      const held = await lock(ann);
      host.clock.jump(60 * minuteMs);
      const fresh = held.fresh();
      fresh.catch(() => undefined);
      const firstId = held.id;
      if (removedAfterMs === 0) backend.files.delete(`locks/${firstId}`);
      await host.clock.advance(removedAfterMs);
      backend.files.delete(`locks/${firstId}`);
      await host.clock.advance(1000);
      await rejectsWith('REPO_LOCK_LOST', fresh);
      assert.ok(isCoffreError(held.signal.reason, 'REPO_LOCK_LOST'));
      await held.release();
      assert.deepEqual(await lockFiles(ann.repository), []);
    }
  });

  test('a machine that woke up notices within seconds without being asked', async () => {
    const { party, host, backend } = await scene();
    const held = await lock(await party());
    backend.files.delete(`locks/${held.id}`);
    host.clock.jump(60 * minuteMs);
    await host.clock.advance(5000);
    assert.ok(held.signal.aborted);
    await held.release();
  });

  test('a calendar that is set back does not stop the refreshing', async () => {
    const { party, host } = await scene();
    const ann = await party();
    const held = await lock(ann);
    const firstId = held.id;
    host.clock.jump(-24 * 60 * minuteMs);
    await host.clock.advance(6 * minuteMs);
    assert.notEqual(held.id, firstId);
    await held.release();
  });

  test('when somebody removed it, it is written again if nobody came in, and lost otherwise', async () => {
    for (const intruder of [false, true]) {
      const { party, host, backend } = await scene();
      const [ann, bob] = [await party(), await party('elsewhere')];
      const held = await lock(ann);
      backend.files.delete(`locks/${held.id}`);
      if (intruder) await putLock(bob);
      await host.clock.advance(6 * minuteMs);
      assert.equal(held.signal.aborted, intruder);
      await held.release();
      assert.equal((await lockFiles(ann.repository)).length, intruder ? 1 : 0);
    }
  });

  test('a calendar that is set back does not hide that refreshing fails', async () => {
    const { party, host } = await scene();
    let broken = false;
    const ann = await party('sample', (call) => (broken && isWrite(call) ? { kind: 'fail' } : undefined));
    const held = await lock(ann);
    broken = true;
    host.clock.jump(-24 * 60 * minuteMs);
    await host.clock.advance(23 * minuteMs);
    assert.ok(held.signal.aborted);
    await held.release();
  });

  test('releasing during a refresh leaves no lock', async () => {
    const { party, host } = await scene();
    const saves: string[] = [];
    const ann = await party('sample', (call) => {
      if (call.kind !== 'locks' || call.operation !== 'save') return undefined;
      saves.push(call.name);
      return { kind: 'delay', delayMs: 1000 };
    });
    const pending = begin(ann);
    await host.clock.advance(10_000);
    const held = await pending.held;
    while (saves.length < 2) await host.clock.advance(100);
    const released = held.release();
    await host.clock.advance(20_000);
    await released;
    assert.equal(saves.length, 2);
    assert.deepEqual(await lockFiles(ann.repository), []);
  });
});

describe('a guarded storage', () => {
  const file = { kind: 'data', name: 'ab'.repeat(32) } as const;

  test('writes nothing before the lock is held, and reads meanwhile', async () => {
    const { party, backend, host } = await scene();
    const ann = await party();
    const guarded = withLockGuard(backend);
    const pending = begin(ann, { exclusive: true });
    guarded.guardBy(pending);
    let saved = false;
    const save = guarded.save(file, [Buffer.from('x')]).then(() => (saved = true));
    assert.ok((await guarded.load({ kind: 'config' })).byteLength > 0);
    await host.clock.advance(199);
    assert.equal(saved, false);
    await host.clock.advance(1);
    await save;
    await pending[Symbol.asyncDispose]();
  });

  test('belongs to every repository: what it writes waits for the lock that was begun', async () => {
    const { party, host, backend } = await scene();
    const ann = await party();
    const other = await putLock(ann, { exclusive: false });
    await using pending = begin(ann, { exclusive: true, retryMs: minuteMs });
    let settled = false;
    const save = ann.repository.saveUnpacked('index', Buffer.from('{"packs":[]}')).finally(() => (settled = true));
    await host.clock.advance(4000);
    assert.equal(settled, false);
    backend.files.delete(`locks/${other}`);
    await host.clock.advance(2000);
    const id = await save;
    assert.ok(backend.files.has(`index/${id}`));
    await (await pending.held).release();
    await ann.repository.remove('index', id);
  });

  test('writes nothing when the lock is refused', async () => {
    const { party, backend } = await scene();
    const ann = await party();
    await putLock(ann);
    const guarded = withLockGuard(backend);
    guarded.guardBy(begin(ann));
    await rejectsWith('REPO_LOCKED', guarded.save(file, [Buffer.from('x')]));
    await rejectsWith('REPO_LOCKED', guarded.remove({ kind: 'config' }));
    assert.ok(backend.files.has('config') && !backend.files.has(`data/${file.name}`));
  });

  test('writes nothing after a long sleep when the lock was removed meanwhile', async () => {
    const { party, backend, host } = await scene();
    const guarded = withLockGuard(backend);
    const pending = begin(await party());
    guarded.guardBy(pending);
    await host.clock.advance(200);
    const held = await pending.held;
    backend.files.delete(`locks/${held.id}`);
    host.clock.jump(60 * minuteMs);
    const save = guarded.save(file, [Buffer.from('x')]);
    save.catch(() => undefined);
    await host.clock.advance(10_000);
    await rejectsWith('REPO_LOCK_LOST', save);
    assert.ok(!backend.files.has(`data/${file.name}`));
    await pending[Symbol.asyncDispose]();
  });
});
