import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CoffreError } from '../errors.ts';
import { rejectsWith } from '../testing/backend-conformance.ts';
import { isWrite } from '../testing/faults.ts';
import type { FaultPlan } from '../testing/faults.ts';
import { begin, lock, minuteMs, processesWith, putGarbage, putLock, scene } from '../testing/lock-scene.ts';

describe('locks that cannot be read', () => {
  test('empty ones are passed over', async () => {
    const { party, backend } = await scene();
    backend.files.set(`locks/${'ab'.repeat(32)}`, Buffer.alloc(0));
    await (await lock(await party(), { exclusive: true })).release();
  });

  test('readers go on with a warning, at once', async () => {
    const { party, backend } = await scene();
    putGarbage(backend);
    const ann = await party();
    await (await lock(ann, { reading: true })).release();
    assert.ok(ann.host.warnings.length > 0);
  });

  test('readers still stop beside a valid exclusive one', async () => {
    const { party, backend } = await scene();
    const ann = await party();
    putGarbage(backend);
    await putLock(ann);
    await rejectsWith('REPO_LOCKED', lock(ann, { reading: true }));
  });

  for (const exclusive of [false, true]) {
    test(`${exclusive ? 'exclusive work' : 'a backup'} looks 4 times in 35 s, then refuses`, async () => {
      const { party, backend, host } = await scene();
      putGarbage(backend);
      const ann = await party();
      const pending = begin(ann, { exclusive });
      await host.clock.advance(34_999);
      await Promise.race([pending.held.catch(() => assert.fail('too early')), Promise.resolve()]);
      await host.clock.advance(1);
      await rejectsWith('REPO_LOCKED', pending.held);
    });
  }

  test('one that becomes whole while it is looked at again does no harm', async () => {
    const { party, backend, host } = await scene();
    const ann = await party();
    putGarbage(backend);
    const pending = begin(ann, { exclusive: true });
    await host.clock.advance(6000);
    backend.files.delete(`locks/${'ab'.repeat(32)}`);
    await host.clock.advance(20_000);
    await (await pending.held).release();
  });

  test('a backup goes on beside one that nobody refreshed for half an hour; exclusive work does not', async () => {
    const { party, backend, host } = await scene();
    putGarbage(backend);
    const ann = await party();
    for (const [exclusive, passes] of [
      [false, true],
      [true, false],
    ] as const) {
      const uptimeMs = (): number => host.clock.monotonicMs();
      const pending = begin(ann, { exclusive, retryMs: 60 * minuteMs, processes: processesWith({ uptimeMs }) });
      await host.clock.advance(70 * minuteMs);
      const held = await pending.held.catch(() => undefined);
      assert.equal(held !== undefined, passes);
      await held?.release();
    }
  });

  test('a storage that fails is not an unreadable lock', async () => {
    const { party } = await scene();
    const ann = await party('sample', (call) =>
      call.kind === 'locks' && call.operation === 'load' ? { kind: 'fail' } : undefined,
    );
    await putLock(ann, { exclusive: false });
    await rejectsWith('BACKEND_IO', lock(ann));
  });
});

describe('reading without a lock', () => {
  const readOnly: FaultPlan = (call) =>
    isWrite(call) ? { kind: 'fail', error: new CoffreError('BACKEND_DENIED', 'read-only') } : undefined;

  test('goes on with a warning where no lock can be written', async () => {
    const { party } = await scene();
    const ann = await party('sample', readOnly);
    const held = await lock(ann, { reading: true });
    assert.equal(held.id, undefined);
    assert.deepEqual(
      ann.host.warnings.map(({ about }) => about),
      ['reading without a lock'],
    );
    await held.fresh();
    await held.release();
  });

  test('does not go on beside an exclusive lock', async () => {
    const { party } = await scene();
    await putLock(await party());
    await rejectsWith('REPO_LOCKED', lock(await party('sample', readOnly), { reading: true }));
  });

  test('is not for those who write', async () => {
    const { party } = await scene();
    await rejectsWith('BACKEND_DENIED', lock(await party('sample', readOnly)));
  });
});
