import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { isCoffreError } from '../errors.ts';
import { Repository } from '../repository.ts';
import { atCall, atEachCall } from '../testing/faults.ts';
import { createSampleRepository } from '../testing/sample-repository.ts';
import { begin, lock, lockFiles, minuteMs, scene } from '../testing/lock-scene.ts';

describe('faults at every call', () => {
  test('taking a lock ends held or refused, and leaves no file behind that is not held', async () => {
    for (const kind of ['fail', 'lose-answer'] as const) {
      const places = await atEachCall(
        { kind },
        (call) => call.kind === 'locks',
        async (plan, index) => {
          const { party, host } = await scene();
          const ann = await party('sample', plan);
          const pending = begin(ann);
          await host.clock.advance(1000);
          const held = await pending.held.catch(() => undefined);
          const files = await lockFiles(ann.repository).catch(() => undefined);
          // A save whose answer was lost leaves a file that nobody knows: it is stale in half an hour, as after a crash.
          if (held === undefined && files !== undefined)
            assert.ok(files.length <= (kind === 'fail' ? 0 : 1), `call ${index}`);
          await held?.release();
        },
      );
      // list, save, list, and the removal at the end
      assert.ok(places >= 3, String(places));
    }
  });

  test('a crash at any call leaves at most locks that others recognise as left over', async () => {
    await atEachCall(
      { kind: 'crash' },
      (call) => call.kind === 'locks',
      async (plan) => {
        const { party, host } = await scene();
        const ann = await party('sample', plan);
        const pending = begin(ann, { exclusive: true });
        await host.clock.advance(6 * minuteMs);
        await pending[Symbol.asyncDispose]();
        const bob = await party();
        const processes = { ...bob.processes, isAlive: (pid: number) => pid === bob.host.identity.pid };
        await (await lock(bob, { exclusive: true, processes })).release();
        assert.deepEqual(await lockFiles(bob.repository), []);
      },
    );
  });

  test('a refresh that fails once anywhere keeps the lock', async () => {
    for (let index = 0; index < 4; index += 1) {
      const { party, host } = await scene();
      let started = false;
      const plan = atCall(index, { kind: 'fail' }, (call) => started && call.kind === 'locks');
      const ann = await party('sample', plan);
      const held = await lock(ann);
      started = true;
      await host.clock.advance(30 * minuteMs);
      assert.equal(held.signal.aborted, false);
      started = false;
      await held.release();
      assert.deepEqual(await lockFiles(ann.repository), [], `call ${index}`);
    }
  });
});

test('a repository that is append-only by its config gives up locks and nothing else', async () => {
  const { repository, backend } = await createSampleRepository();
  const config = { ...repository.config, foreign: { append_only: true } };
  const { host, keyId, masterKey } = repository;
  const guarded = new Repository({ backend, host, config, keyId, masterKey });
  const lock = await guarded.saveUnpacked('locks', Buffer.from('{}'));
  await guarded.remove('locks', lock);
  const snapshot = await guarded.saveUnpacked('snapshots', Buffer.from('{}'));
  await assert.rejects(guarded.remove('snapshots', snapshot), (error) => isCoffreError(error, 'REPO_APPEND_ONLY'));
  assert.ok(await backend.stat({ kind: 'snapshots', name: snapshot }));
});
