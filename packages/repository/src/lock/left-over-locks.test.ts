import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { isCoffreError } from '../errors.ts';
import type { LockFile } from '../format/lock-file.ts';
import type { LockId } from '../ids.ts';
import { rejectsWith } from '../testing/backend-conformance.ts';
import { lock, lockFiles, minuteMs, ourSpace, processesWith, putLock, scene } from '../testing/lock-scene.ts';
import type { Party } from '../testing/lock-scene.ts';
import type { LockEvent } from './acquire.ts';
import type { HeldLock } from './held-lock.ts';

describe('left-over locks', () => {
  let folder = '';
  before(async () => (folder = await mkdtemp(join(tmpdir(), 'coffre-locks-'))));
  after(() => rm(folder, { recursive: true }));

  test('of a dead process of this pid namespace are removed and reported', async () => {
    const { party } = await scene();
    const ann = await party();
    await putLock(ann, { hostname: 'sample', pid: 77, boot_id: ourSpace });
    const events: LockEvent[] = [];
    const held = await lock(ann, { exclusive: true, report: (event) => events.push(event) });
    assert.deepEqual(
      events.map((event) => event.kind === 'cleared' && event.why),
      ['process-gone'],
    );
    assert.equal((await lockFiles(ann.repository)).length, 1);
    await held.release();
  });

  const notBeyondDoubt: Record<string, { lock: Partial<LockFile>; alive?: number[]; space?: string }> = {
    'of a living process': { lock: { hostname: 'sample', pid: 77, boot_id: ourSpace }, alive: [77] },
    'of another container of this machine': { lock: { hostname: 'sample', pid: 77, boot_id: 'boot-1 99' } },
    'of another boot': { lock: { hostname: 'sample', pid: 77, boot_id: 'boot-0 4026531836' } },
    'without a boot id': { lock: { hostname: 'sample', pid: 77 } },
    'of another host': { lock: { hostname: 'elsewhere', pid: 77, boot_id: ourSpace } },
    'of another host, two hours old': { lock: { hostname: 'elsewhere', time: '2026-01-02T01:00:00Z' } },
  };
  for (const [which, facts] of Object.entries(notBeyondDoubt)) {
    test(`${which} are not touched`, async () => {
      const { party } = await scene();
      const ann = await party();
      const id = await putLock(ann, facts.lock);
      const processes = processesWith({ alive: facts.alive ?? [] });
      await rejectsWith('REPO_LOCKED', lock(ann, { processes }));
      assert.deepEqual(
        (await ann.repository.listIds('locks')).map((file) => file.id),
        [id],
      );
    });
  }

  /** One look at a lock, then another after this time; whether the second gets through. */
  async function lookTwice(passed: {
    afterMs: number;
    uptimeMs?: number;
    jumpMs?: number;
    space?: string;
    between?: (ann: Party, id: LockId) => Promise<unknown>;
    lock?: Partial<LockFile>;
    alive?: number[];
  }): Promise<boolean> {
    const { party, host } = await scene();
    const ann = await party();
    const stateFolder = await mkdtemp(join(folder, 'state-'));
    const id = await putLock(ann, passed.lock);
    const alive = passed.alive ?? [];
    await rejectsWith('REPO_LOCKED', lock(ann, { stateFolder, processes: processesWith({ alive }) }));
    await passed.between?.(ann, id);
    await host.clock.advance(passed.afterMs);
    host.clock.jump(passed.jumpMs ?? 0);
    const uptimeMs = (): number => passed.uptimeMs ?? passed.afterMs;
    const processes = processesWith({ alive, uptimeMs, space: passed.space ?? ourSpace });
    const outcome = await lock(ann, { stateFolder, processes }).catch((error: unknown) => error);
    if (isCoffreError(outcome, 'REPO_LOCKED')) return false;
    assert.ok(outcome !== null && typeof outcome === 'object' && 'release' in outcome);
    await (outcome as HeldLock).release();
    return true;
  }

  test('seen unrefreshed for half an hour, over two runs, are removed', async () => {
    assert.equal(await lookTwice({ afterMs: 29 * minuteMs }), false);
    assert.equal(await lookTwice({ afterMs: 31 * minuteMs }), true);
    assert.equal(await lookTwice({ afterMs: 31 * minuteMs, lock: { time: '2030-01-01T00:00:00Z' } }), true);
  });

  test('that were refreshed between the two runs are not removed', async () => {
    const between = async (ann: Party, id: LockId): Promise<void> => {
      await ann.repository.remove('locks', id);
      await putLock(ann);
    };
    assert.equal(await lookTwice({ afterMs: 60 * minuteMs, between }), false);
  });

  test('are not removed because a clock was set: within one boot both clocks must agree', async () => {
    assert.equal(await lookTwice({ afterMs: 0, jumpMs: 60 * minuteMs }), false);
    assert.equal(await lookTwice({ afterMs: 0, uptimeMs: 60 * minuteMs }), false);
  });

  test('seen before a reboot must be old by their own time as well', async () => {
    assert.equal(await lookTwice({ afterMs: 0, jumpMs: 60 * minuteMs, uptimeMs: 0, space: 'boot-2 1' }), true);
    const young = { time: '2026-01-02T04:00:00Z' };
    assert.equal(
      await lookTwice({ afterMs: 0, jumpMs: 60 * minuteMs, uptimeMs: 0, space: 'boot-2 1', lock: young }),
      false,
    );
  });

  test('of a process that seems to live on this host are kept, however long they were not refreshed', async () => {
    assert.equal(
      await lookTwice({ afterMs: 60 * minuteMs, lock: { hostname: 'sample', pid: 77 }, alive: [77] }),
      false,
    );
  });

  test('that cannot be removed still stand in the way', async () => {
    const { party } = await scene();
    const ann = await party('sample', (call) => (call.operation === 'remove' ? { kind: 'fail' } : undefined));
    await putLock(ann, { hostname: 'sample', pid: 77, boot_id: ourSpace });
    await rejectsWith('REPO_LOCKED', lock(ann));
    assert.equal(ann.host.warnings.length, 1);
  });
});
