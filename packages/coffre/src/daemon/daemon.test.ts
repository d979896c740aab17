/** The loop with real processes that only pretend to back up. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { isCoffreError } from '@coffre/repository';
import { listRuns } from '../store/runs.ts';
import type { Moment } from '../schedule/plan-entry.ts';
import { removeSetting, writeSetting } from '../store/settings.ts';
import { openSlots } from '../store/slots.ts';
import { systemDaemonClock } from './daemon-clock.ts';
import { pausePrefix } from './pauses.ts';
import { configOf, daemonScene, thisMachine, until } from './testing/scene.ts';

const eachSecond = '  db: {sources: [home/docs], to: main, schedule: {every: 1s}}\n';
const byHand = '  db: {sources: [home/docs], to: main}\n';

test('a plan that is due runs as a process of its own, and leaves its row and its slot', async () => {
  await using scene = await daemonScene();
  const daemon = await scene.start(eachSecond);
  await until(async () => (await listRuns(scene.store, { plan: 'db' }, 9)).length >= 2);
  await daemon.stop({ drain: true });
  const runs = await listRuns(scene.store, { plan: 'db' }, 9);
  assert.deepEqual([...new Set(runs.map(({ end }) => end?.outcome))], ['success']);
  // On a busy machine a slot may be seen late.
  assert.ok(runs.every(({ trigger }) => trigger === 'schedule' || trigger === 'late'));
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

test('a change starts a plan once it is quiet, and a changed configuration is listened to anew', async () => {
  await using scene = await daemonScene();
  const plan = (settle: string): string =>
    `  db: {sources: [home/docs], to: main, schedule: {on_change: {settle: ${settle}, at_most: 5s}}}\n`;
  let written = plan('200ms');
  const daemon = await scene.start(written, {}, { readConfig: async () => configOf(written, scene.docs) });
  const runs = async (): Promise<number> => (await listRuns(scene.store, { plan: 'db' }, 9)).length;
  mkdirSync(scene.docs);
  for (let change = 0; change < 5; change += 1) writeFileSync(join(scene.docs, 'a'), String(change));
  await until(async () => (await runs()) === 1 && daemon.loop.jobs.size === 0);
  written = plan('100ms');
  assert.deepEqual(await daemon.reload(), { plans: 1 });
  writeFileSync(join(scene.docs, 'b'), 'x');
  await until(async () => (await runs()) === 2);
});

test('a mistake in the changed file keeps the old configuration and says so', async () => {
  await using scene = await daemonScene();
  let written = byHand;
  const daemon = await scene.start(byHand, {}, { readConfig: async () => configOf(written) });
  written = '  db: {sources: [home/docs], to: nowhere}\n';
  await assert.rejects(daemon.reload(), (error) => isCoffreError(error, 'CONFIG_INVALID'));
  assert.match(daemon.status.configProblem ?? '', /coffre\.yaml has a mistake/);
  assert.deepEqual([...daemon.loop.works.keys()], ['db']);
  written = '  other: {sources: [home/docs], to: main}\n';
  await daemon.reload();
  assert.deepEqual([daemon.status.configProblem, [...daemon.loop.works.keys()]], [undefined, ['other']]);
});

test('an edit makes no slot due that was not before', async () => {
  await using scene = await daemonScene();
  let written = '  db: {sources: [home/docs], to: main, schedule: {at: ["00:00"]}}\n';
  const daemon = await scene.start(written, {}, { readConfig: async () => configOf(written) });
  written = '  db: {sources: [home/docs], to: main, schedule: {every: 12h}}\n';
  await daemon.reload();
  await daemon.stop({ drain: true });
  const next = await scene.start(written);
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual([next.loop.jobs.size, await listRuns(scene.store, {}, 9)], [0, []]);
});

test('nothing starts by itself while it is paused, and what was asked for by hand does', async () => {
  await using scene = await daemonScene();
  await writeSetting(scene.store, `${pausePrefix}db`, {
    value: '',
    untilMs: Date.now() + 3_600_000,
    changedBy: 'test',
  });
  const daemon = await scene.start(eachSecond);
  await until(() => daemon.loop.waiting[0]?.waitsFor === 'paused');
  daemon.loop.ask('db', 'command');
  await until(async () => (await listRuns(scene.store, {}, 9)).length === 1);
  await removeSetting(scene.store, `${pausePrefix}db`);
  await daemon.refresh();
  await until(async () => (await listRuns(scene.store, {}, 9)).length >= 2);
});

test(
  'what a killed run had started is ended too',
  { skip: process.platform !== 'linux' && 'needs /proc' },
  async () => {
    await using scene = await daemonScene();
    const programFile = join(scene.folder, 'programs');
    const daemon = await scene.start(byHand, { takesMs: 60_000, programFile });
    daemon.loop.ask('db', 'command');
    await until(() => existsSync(programFile) && readFileSync(programFile, 'utf8').endsWith('\n'));
    const program = Number(readFileSync(programFile, 'utf8'));
    process.kill(daemon.loop.jobs.get('db')!.process!.pid!, 'SIGKILL');
    await until(async () => (await listRuns(scene.store, {}, 9))[0]?.end?.outcome === 'lost');
    await until(() => !thisMachine().isAlive(program));
  },
);

test('a run that takes longer than it may is cancelled, and counts as a failure that is tried again', async () => {
  await using scene = await daemonScene();
  const plan = '  db: {sources: [home/docs], to: main, max_runtime: 1h, retries: {times: 1, wait: 0s}}\n';
  const system = systemDaemonClock();
  let aheadMs = 0;
  const now = (): Moment => {
    const { wallMs, monotonicMs } = system.now();
    return { wallMs: wallMs + aheadMs, monotonicMs: monotonicMs + aheadMs };
  };
  const daemon = await scene.start(plan, { takesMs: 600_000 }, { clock: { ...system, now } });
  daemon.loop.ask('db', 'command');
  for (const count of [1, 2]) {
    await until(() => daemon.loop.jobs.get('db')?.state === 'running');
    aheadMs += 3_600_000;
    daemon.loop.wake();
    await until(
      async () => (await listRuns(scene.store, {}, 9)).filter(({ end }) => end !== undefined).length === count,
    );
  }
  const runs = (await listRuns(scene.store, {}, 9)).map(({ trigger, end }) => `${trigger} ${end?.outcome}`);
  assert.deepEqual(runs, ['retry cancelled', 'manual cancelled']);
  assert.ok(scene.lines.some(({ reason }) => reason === 'it took longer than max_runtime'));
});

test('how long a plan usually takes is learnt from its runs', async () => {
  await using scene = await daemonScene();
  const daemon = await scene.start(eachSecond);
  await until(() => daemon.loop.works.get('db')?.entry.usualMs !== undefined);
});
