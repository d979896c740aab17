import { strict as assert } from 'node:assert';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { systemClock } from '@coffre/repository';
import { endLease, everyLease, takeLease } from '../store/leases.ts';
import { openStore, type Store } from '../store/store.ts';
import { LeaseKeeper, type LeaseParts } from './lease-keeper.ts';

type Scene = AsyncDisposable & {
  readonly store: Store;
  readonly said: string[];
  keeper(more?: Partial<LeaseParts>): LeaseKeeper;
};

async function openScene(): Promise<Scene> {
  const folder = mkdtempSync(join(tmpdir(), 'coffre-leases-'));
  const store = await openStore({ kind: 'sqlite', file: join(folder, 'state.db') }, { clock: systemClock() });
  const said: string[] = [];
  return {
    store,
    said,
    keeper: (more = {}) =>
      new LeaseKeeper({
        store,
        machine: { host: 'app1', pid: 1, bootId: 'boot-1 1', isAlive: (pid) => pid === 2 },
        sleep: async () => undefined,
        warn: (line) => void said.push(line),
        waiting: (line) => void said.push(line),
        signal: new AbortController().signal,
        durationMs: 60_000,
        ...more,
      }),
    async [Symbol.asyncDispose]() {
      await store[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true });
    },
  };
}

const alone = { name: 'local', mode: 'exclusive', ifTaken: 'wait' } as const;
const elsewhere = { repository: 'local', mode: 'exclusive', durationMs: 60_000 } as const;

test('who finds a lease taken says so once, and goes on when it is given back', async () => {
  await using scene = await openScene();
  const { store, said } = scene;
  const answer = await takeLease(store, { ...elsewhere, holder: 'app2 pid 7 boot-9 1' });
  assert.ok(answer.kind === 'held');
  let waits = 0;
  const sleep = async (): Promise<void> => {
    waits += 1;
    if (waits === 3) await endLease(store, answer.lease);
  };
  await using keeper = scene.keeper({ sleep });
  await keeper.take(alone);
  assert.deepEqual(said, ['waiting for local: it is in use by app2 pid 7']);
  assert.equal((await everyLease(store)).length, 1);
});

test('leases of this machine whose process or boot is gone are in nobody’s way; a living one is', async () => {
  await using scene = await openScene();
  for (const holder of ['app1 pid 3 boot-1 1', 'app1 pid 2 boot-0 1']) {
    await takeLease(scene.store, { ...elsewhere, holder });
    await using keeper = scene.keeper();
    await keeper.take(alone);
  }
  await takeLease(scene.store, { ...elsewhere, holder: 'app1 pid 2 boot-1 1' });
  await using keeper = scene.keeper();
  await assert.rejects(keeper.take({ ...alone, ifTaken: 'refuse' }), { code: 'PLAN_RUNNING' });
});

test('a lease that somebody else ended stops the work', async () => {
  await using scene = await openScene();
  await using keeper = scene.keeper({ durationMs: 200 });
  await keeper.take(alone);
  const lost = new Promise<unknown>((resolve) => {
    keeper.signal.addEventListener('abort', () => resolve(keeper.signal.reason));
  });
  for (const lease of await everyLease(scene.store)) await endLease(scene.store, lease);
  assert.equal(((await lost) as { code: string }).code, 'LEASE_LOST');
});

test('all that is held is given back in the end', async () => {
  await using scene = await openScene();
  {
    await using keeper = scene.keeper();
    await keeper.take(alone);
    await keeper.take({ name: 'plan/shop', mode: 'exclusive', ifTaken: 'refuse' });
    assert.equal((await everyLease(scene.store)).length, 2);
  }
  assert.deepEqual(await everyLease(scene.store), []);
});
