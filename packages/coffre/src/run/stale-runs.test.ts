/** Runs whose process is gone: found by whoever starts next, told once. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import type { Config } from '../config/config.ts';
import { findRun, startRun } from '../store/runs.ts';
import type { NewRun } from '../store/runs.ts';
import type { Store } from '../store/store.ts';
import type { RunId } from '../store/tables.ts';
import { readLetters } from '../store/testing/read-letters.ts';
import { handClock, openScene } from '../store/testing/scene.ts';
import { closeLostRuns } from './stale-runs.ts';

const alerts = {
  channels: { ops: { extension: { use: 'chat', settings: {} } } },
  routes: [{ when: 'always', severity: 'warning', to: ['ops'] }],
} as unknown as Config['alerts'];

const machine = { host: 'web1', pid: 1, bootId: 'boot', isAlive: (pid: number) => pid === 42 };

async function scene(t: TestContext): Promise<Store> {
  const folder = mkdtempSync(join(tmpdir(), 'coffre-lost-'));
  const store = await openScene({ kind: 'sqlite', file: join(folder, 'state.db') }, handClock());
  t.after(async () => {
    await store[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true });
  });
  return store;
}

async function begin(store: Store, about: Partial<NewRun> = {}): Promise<RunId> {
  return await startRun(store, {
    plan: 'db',
    kind: 'backup',
    trigger: 'manual',
    host: 'web1',
    pid: 7,
    bootId: 'boot',
    ...about,
  });
}

async function told(store: Store): Promise<string[]> {
  const letters = await readLetters(store);
  return letters.map(({ event }) => `${event.plan} ${event.code}: ${String(event.detail['reason'])}`);
}

test('a killed run is closed with its parts, and told once', async (t) => {
  const store = await scene(t);
  const parent = await begin(store);
  await begin(store, { kind: 'source', source: 'home/docs', parent });
  const lost = await closeLostRuns(store, machine, alerts);
  assert.equal(lost.length, 2);
  assert.equal((await findRun(store, parent))?.end?.outcome, 'lost');
  assert.deepEqual(await closeLostRuns(store, machine, alerts), []);
  assert.deepEqual(await told(store), ['db run.failed: its process is gone']);
});

test('one of a slot is told when it was lost twice: its manager tries it again before', async (t) => {
  const store = await scene(t);
  await begin(store, { slotAtMs: 1 });
  await closeLostRuns(store, machine, alerts);
  assert.deepEqual(await told(store), []);
  await begin(store, { slotAtMs: 1 });
  await closeLostRuns(store, machine, alerts);
  assert.deepEqual(await told(store), ['db run.failed: its process is gone']);
});

test('what lives, what another machine runs, and what is waited for stays open', async (t) => {
  const store = await scene(t);
  for (const about of [{ pid: 42 }, { host: 'web2' }, { pid: 8 }]) await begin(store, about);
  assert.deepEqual(await closeLostRuns(store, machine, alerts, (pid) => pid === 8), []);
});

test('a killed look at a repository is told as its care', async (t) => {
  const store = await scene(t);
  await begin(store, { plan: 'care/local', kind: 'prune', repository: 'local' });
  await closeLostRuns(store, machine, alerts);
  assert.deepEqual(await told(store), ['care/local care.failed: its process is gone']);
});
