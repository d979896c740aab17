/** The loop with real processes that only pretend to back up. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { listRuns } from '../store/runs.ts';
import { openSlots } from '../store/slots.ts';
import { daemonScene, until } from './testing/scene.ts';

const eachSecond = '  db: {sources: [home/docs], to: main, schedule: {every: 1s}}\n';
const byHand = '  db: {sources: [home/docs], to: main}\n';

test('a plan that is due runs as a process of its own, and leaves its row and its slot', async () => {
  await using scene = await daemonScene();
  const daemon = await scene.start(eachSecond);
  await until(async () => (await listRuns(scene.store, { plan: 'db' }, 9)).length >= 2);
  await daemon.stop({ drain: true });
  const runs = await listRuns(scene.store, { plan: 'db' }, 9);
  assert.deepEqual([...new Set(runs.map(({ end, trigger }) => `${trigger} ${end?.outcome}`))], ['schedule success']);
  assert.equal(new Set(runs.map(({ slotAtMs }) => slotAtMs)).size, runs.length);
  assert.deepEqual(await openSlots(scene.store), []);
});

test('to stop cancels what runs, and the slot stays open for the next daemon, which runs it once', async () => {
  await using scene = await daemonScene();
  const daemon = await scene.start(eachSecond, { takesMs: 60_000 });
  await until(() => daemon.loop.jobs.get('db')?.state === 'running');
  await daemon.stop({ drain: false });
  const [run] = await listRuns(scene.store, {}, 9);
  assert.deepEqual([run?.end?.outcome, (await openSlots(scene.store)).length], ['cancelled', 1]);
  const next = await scene.start(eachSecond);
  await until(async () => (await openSlots(scene.store)).every(({ dueAtMs }) => dueAtMs > run!.slotAtMs!));
  await next.stop({ drain: true });
});

for (const [crash, outcome, reason] of [
  ['exit', 'failed', 'its process ended with exit code 3: out of luck'],
  ['kill', 'lost', 'its process ended with signal SIGKILL (was there too little memory?)'],
] as const) {
  test(`a run whose process dies (${crash}) has an end with the reason, and nothing else is hurt`, async () => {
    await using scene = await daemonScene();
    const daemon = await scene.start(byHand, { crash });
    assert.equal(daemon.loop.ask('db', 'command'), true);
    await until(async () => (await listRuns(scene.store, {}, 9))[0]?.end !== undefined);
    const [run] = await listRuns(scene.store, {}, 9);
    assert.deepEqual([run?.end?.outcome, run?.end?.reason], [outcome, reason]);
    await daemon.stop({ drain: false });
  });
}

test('a run that does not listen to being cancelled is killed', async () => {
  await using scene = await daemonScene();
  const daemon = await scene.start(byHand, { takesMs: 60_000, isDeaf: true });
  daemon.loop.ask('db', 'command');
  await until(() => daemon.loop.jobs.get('db')?.state === 'running');
  assert.equal(daemon.loop.cancel('db'), true);
  await until(() => daemon.loop.jobs.size === 0);
  const [run] = await listRuns(scene.store, {}, 9);
  assert.equal(run?.end?.reason, 'somebody cancelled it, and it had to be killed');
  await daemon.stop({ drain: false });
});
