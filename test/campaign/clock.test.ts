/**
 * A real `coffre serve` whose clock is set under it, and one whose state has no room: one run a slot, by the rows of the
 * state. Nothing waits for a time to pass: each step ends with a row.
 */
import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { sql } from 'kysely';
import { requireDaemon } from '../../packages/coffre/src/daemon/control/control-client.ts';
import type { Run } from '../../packages/coffre/src/store/runs.ts';
import { skipWithoutService } from '../services/programs.ts';
import { assertOncePerSlot, runsOf, ServeScene, slotRows, untilDone } from './clock-scene.ts';

const timeout = 300_000;

test(
  'a clock that is set back for winter, days ahead, half a day back, and a day on while the process stands still',
  { skip: skipWithoutService('faketime'), timeout },
  async (t) => {
    const scene = new ServeScene(
      t,
      `  night: {sources: [home/docs], to: main, schedule: {cron: "30 2 * * *", timezone: Europe/Paris}}
  hourly: {sources: [home/docs], to: main, schedule: {cron: "0 * * * *", timezone: Europe/Paris}}
`,
    );
    await scene.init();
    scene.fakeClocks();
    scene.setClock('2026-10-25T00:20:00Z');
    const daemon = await scene.start();
    await using store = await scene.openState();
    const setTo = async (time: string): Promise<void> => {
      scene.setClock(time);
      await scene.wake();
    };

    // 02:30 in Paris, which comes a second time an hour later, and both hours called 2.
    await setTo('2026-10-25T00:29:58Z');
    await untilDone(store, 'night', '2026-10-25T00:30:00.000Z');
    await setTo('2026-10-25T00:59:58Z');
    await untilDone(store, 'hourly', '2026-10-25T01:00:00.000Z');
    await setTo('2026-10-25T01:59:58Z');
    await untilDone(store, 'hourly', '2026-10-25T02:00:00.000Z');
    assert.equal((await slotRows(store, 'night')).length, 1, 'the second 02:30 is no slot');

    await setTo('2026-10-28T12:00:30Z');
    await untilDone(store, 'night', '2026-10-28T01:30:00.000Z');
    await untilDone(store, 'hourly', '2026-10-28T12:00:00.000Z');

    // What was run before the clock was set back is not run again; what is asked for is.
    const before = (await runsOf(store, 'night')).length;
    await setTo('2026-10-28T00:00:30Z');
    await setTo('2026-10-28T01:30:30Z');
    await (await requireDaemon(scene.state)).start('night');
    while ((await runsOf(store, 'night')).filter(({ end }) => end !== undefined).length === before) await pause(100);
    const again = (await runsOf(store, 'night')).slice(before);
    assert.deepEqual(
      again.map(({ slotAtMs, trigger, end }) => [slotAtMs, trigger, end?.outcome]),
      [[undefined, 'manual', 'success']],
    );

    daemon.kill('SIGSTOP');
    scene.setClock('2026-10-29T09:00:30Z');
    daemon.kill('SIGCONT');
    await scene.wake();
    await untilDone(store, 'night', '2026-10-29T01:30:00.000Z');
    await untilDone(store, 'hourly', '2026-10-29T09:00:00.000Z');
    await scene.stop();

    await assertOncePerSlot(store, ['night', 'hourly']);
    assert.deepEqual(
      (await slotRows(store, 'night')).map(({ due, outcome }) => `${due.slice(5, 16)} ${outcome}`),
      [
        '10-25T00:30 success',
        '10-26T01:30 missed',
        '10-27T01:30 missed',
        '10-28T01:30 success-late',
        '10-29T01:30 success-late',
      ],
    );
    const hours = (await slotRows(store, 'hourly')).filter(({ outcome }) => outcome?.startsWith('success') === true);
    assert.deepEqual(
      hours.map(({ due }) => due.slice(5, 16)),
      ['10-25T01:00', '10-25T02:00', '10-28T12:00', '10-29T09:00'],
    );
  },
);

const isRoot = process.getuid?.() === 0;

test(
  'a state without room stops no daemon, and when there is room again it goes on, and runs no slot twice',
  { skip: isRoot ? false : 'mounting a tmpfs needs root', timeout },
  async (t) => {
    const scene = new ServeScene(t, '  often: {sources: [home/docs], to: main, schedule: {every: 1s}}\n');
    await scene.init();
    if (!scene.mountState(4)) return t.skip('no tmpfs can be mounted here');
    await scene.start();
    await using store = await scene.openState();
    await scene.line('run.ended');
    // What the log of the database has room for already would last for a while.
    await sql`pragma wal_checkpoint(truncate)`.execute(store.db);
    const ballast = join(scene.state, 'ballast');
    assert.throws(() => writeFileSync(ballast, Buffer.alloc(8 << 20)), /ENOSPC/);
    assert.match(await scene.line('state.unavailable'), /STORE_FULL|no room/);
    rmSync(ballast);
    const freeMs = Date.now();
    const isGoodAgain = ({ startedAtMs, end }: Run): boolean => startedAtMs > freeMs && end?.outcome === 'success';
    while (!(await runsOf(store, 'often')).some(isGoodAgain)) await pause(200);
    await scene.stop();
    const runs = await runsOf(store, 'often');
    const good = runs.filter(({ end }) => end?.outcome === 'success').flatMap(({ slotAtMs }) => slotAtMs ?? []);
    assert.equal(good.length, new Set(good).size, 'a slot was run twice');
    assert.ok(
      runs.every(({ end }) => end !== undefined),
      'a run has no end',
    );
    return undefined;
  },
);
