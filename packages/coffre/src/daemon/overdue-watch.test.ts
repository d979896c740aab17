/** When the daemon tells of what nobody ran; by a clock that is moved by hand. */
import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { alertScene, alertsOf } from '../alert/testing/scene.ts';
import type { AlertScene } from '../alert/testing/scene.ts';
import { endRun, startRun } from '../store/runs.ts';
import { writeSetting } from '../store/settings.ts';
import { OverdueWatch } from './overdue-watch.ts';
import { configOf } from './testing/scene.ts';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const daily = '  db: {sources: [home/docs], to: main, schedule: {at: ["15:00", "18:00"]}}\n';

class WatchScene {
  readonly it: AlertScene;
  readonly watch: OverdueWatch;
  #monotonicMs = 0;
  #timer: { readonly atMs: number; readonly call: () => void } | undefined;
  looks = 0;

  constructor(it: AlertScene) {
    this.it = it;
    const quiet = { info: () => undefined, warn: () => undefined, error: () => undefined };
    this.watch = new OverdueWatch({
      store: it.store,
      machine: { host: 'here', pid: 1, bootId: 'boot', isAlive: () => false },
      log: { ...quiet, error: (event, fields) => assert.fail(`${event} ${String(fields['error'])}`) },
      onLetters: () => undefined,
      clock: {
        now: () => ({ wallMs: this.#wallMs, monotonicMs: this.#monotonicMs }),
        after: (delayMs, call) => {
          this.#timer = { atMs: this.#monotonicMs + delayMs, call };
          this.looks += 1;
          return { [Symbol.dispose]: () => (this.#timer = undefined) };
        },
      },
    });
  }

  get #wallMs(): number {
    return Number(this.it.clock.nowNs() / 1_000_000n);
  }

  /** Both clocks go on, and each look comes to its end before the next one. @returns what was told */
  async pass(durationMs: number): Promise<string[]> {
    const endMs = this.#monotonicMs + durationMs;
    for (let timer = this.#timer; timer !== undefined && timer.atMs <= endMs; timer = this.#timer) {
      this.it.clock.moveMs(timer.atMs - this.#monotonicMs);
      this.#monotonicMs = timer.atMs;
      const looks = this.looks;
      timer.call();
      while (this.looks === looks) await turn();
    }
    this.it.clock.moveMs(endMs - this.#monotonicMs);
    this.#monotonicMs = endMs;
    return await this.it.told();
  }

  async save(plan = 'db'): Promise<void> {
    const at = { host: 'here', pid: 2, bootId: 'boot', plan, repository: 'main', trigger: 'schedule' } as const;
    const parent = await startRun(this.it.store, { ...at, kind: 'backup' });
    const id = await startRun(this.it.store, { ...at, kind: 'source', source: 'home/docs', parent });
    await endRun(this.it.store, id, { outcome: 'success' });
    await endRun(this.it.store, parent, { outcome: 'success' });
    await this.it.ends('success', { plan });
  }

  /** Of what the runs before saved. */
  async copy(plan = 'db'): Promise<void> {
    const at = { host: 'here', pid: 2, bootId: 'boot', plan, repository: 'off', trigger: 'schedule' } as const;
    const id = await startRun(this.it.store, { ...at, kind: 'copy', source: 'home/docs' });
    await endRun(this.it.store, id, { outcome: 'success' });
    await this.it.ends('success', { plan, kind: 'copy', repository: 'off' });
  }
}

async function watchScene(t: TestContext): Promise<WatchScene> {
  const scene = new WatchScene(await alertScene(t, alertsOf({ when: 'always', to: ['ops'] })));
  t.after(async () => await scene.watch.stop());
  return scene;
}

test('a slot that nobody ran is told when its time is over, and again only after a good run', async (t) => {
  const scene = await watchScene(t);
  await scene.save();
  scene.watch.take({ ...configOf(daily), alerts: scene.it.alerts });
  // It is 14:00; the slot of 15:00 is missing 65 minutes later.
  assert.deepEqual(await scene.pass(2 * hourMs), []);
  assert.deepEqual(await scene.pass(10 * minuteMs), ['ops plan.missing']);
  assert.deepEqual(await scene.pass(hourMs), []);
  await scene.save();
  assert.deepEqual(await scene.pass(30 * minuteMs), ['ops run.recovered']);
  assert.deepEqual(await scene.pass(2 * hourMs), ['ops plan.missing']);
});

test('who starts, or wakes, leaves runs five minutes before anything is called missing', async (t) => {
  const scene = await watchScene(t);
  await scene.save();
  scene.it.clock.moveMs(26 * hourMs);
  scene.watch.take({ ...configOf(daily), alerts: scene.it.alerts });
  assert.deepEqual(await scene.pass(4 * minuteMs), []);
  await scene.save();
  assert.deepEqual(await scene.pass(hourMs), []);
  scene.it.clock.moveMs(26 * hourMs);
  assert.deepEqual(await scene.pass(4 * minuteMs), []);
  assert.deepEqual(await scene.pass(2 * minuteMs), ['ops plan.missing']);
});

const copied = (copy: string): string =>
  `  db: {sources: [home/docs], to: main, schedule: {every: 7d}, copy: {off: {${copy}}}}\n`;

test('a copy that nobody made is told when its promise breaks, once, and the next copy ends it', async (t) => {
  const scene = await watchScene(t);
  scene.watch.take({ ...configOf(copied('after: each, objective: 90m')), alerts: scene.it.alerts });
  await scene.save();
  assert.deepEqual(await scene.pass(89 * minuteMs), []);
  assert.deepEqual(await scene.pass(17 * minuteMs), ['ops copy.late off']);
  assert.deepEqual(await scene.pass(3 * hourMs), []);
  await scene.copy();
  assert.deepEqual(await scene.pass(3 * hourMs), ['ops copy.recovered off']);
  await scene.save();
  assert.deepEqual(await scene.pass(2 * hourMs), ['ops copy.late off']);
});

test('a copy is late while its plan is paused too, and nobody waits for one of a plan that was switched off', async (t) => {
  const scene = await watchScene(t);
  const late = copied('after: each, objective: 90m');
  scene.watch.take({ ...configOf(late), alerts: scene.it.alerts });
  await scene.save();
  await writeSetting(scene.it.store, 'pause:db', { value: 'moving house', changedBy: 'me' });
  assert.deepEqual(await scene.pass(2 * hourMs), ['ops copy.late off']);
  scene.watch.take({ ...configOf(late.replace('db: {', 'db: {enabled: false, ')), alerts: scene.it.alerts });
  assert.deepEqual(await scene.pass(20 * minuteMs), ['ops copy.recovered off']);
});

test('a copy of every week is not late while its day has not come', async (t) => {
  const scene = await watchScene(t);
  scene.watch.take({ ...configOf(copied('schedule: "Sun 05:00"')), alerts: scene.it.alerts });
  const sunday = Temporal.Instant.fromEpochMilliseconds(Number(scene.it.clock.nowNs() / 1_000_000n))
    .toZonedDateTimeISO('UTC')
    .with({ hour: 5, minute: 0 });
  const dueMs = sunday.add({ days: 7 - (sunday.dayOfWeek % 7) }).epochMilliseconds;
  await scene.save();
  const untilMs = dueMs + 6 * hourMs - Number(scene.it.clock.nowNs() / 1_000_000n);
  assert.deepEqual(await scene.pass(untilMs), []);
  assert.deepEqual(await scene.pass(17 * minuteMs), ['ops copy.late off']);
});

test('more plans than are read at once are looked at in parts, and each is told of', async (t) => {
  const scene = await watchScene(t);
  const plans = Array.from({ length: 120 }, (_, index) => daily.replace('db', `p${index}`)).join('');
  for (let index = 0; index < 120; index += 1) await scene.save(`p${index}`);
  scene.it.clock.moveMs(26 * hourMs);
  scene.watch.take({ ...configOf(plans), alerts: scene.it.alerts });
  const told = [...(await scene.pass(6 * minuteMs))];
  for (let more = await scene.it.told(); more.length > 0; more = await scene.it.told()) told.push(...more);
  assert.equal(told.length, 120);
});
