/** What routes say of time, and copies that fail while the backup beside them is good. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import type { TestContext } from 'node:test';
import type { Config } from '../config/config.ts';
import { recordEvent } from '../store/events.ts';
import { takeLetters } from '../store/letters.ts';
import type { RunKind, RunOutcome } from '../store/runs.ts';
import type { Store } from '../store/store.ts';
import type { RunId } from '../store/tables.ts';
import { handClock, openScene } from '../store/testing/scene.ts';
import { copyNotes } from './copy-notes.ts';
import { noteNotice, noteRunEnd } from './note-run.ts';
import type { RunNote } from './note-run.ts';
import { noteReminders } from './reminders.ts';

const minuteMs = 60_000;
type Route = Config['alerts']['routes'][number];

function alertsOf(...routes: readonly Pick<Route, 'when' | 'to' | 'after' | 'nag'>[]): Config['alerts'] {
  const extension = { use: 'chat', settings: {} };
  return {
    channels: { ops: { extension }, phone: { extension } },
    routes: routes.map((route) => ({ severity: 'warning', ...route })),
  };
}

class Scene {
  readonly store: Store;
  readonly clock: ReturnType<typeof handClock>;
  readonly alerts: Config['alerts'];
  #runs = 0;

  constructor(store: Store, clock: ReturnType<typeof handClock>, alerts: Config['alerts']) {
    this.store = store;
    this.clock = clock;
    this.alerts = alerts;
  }

  async ends(outcome: RunOutcome, about: Partial<RunNote> = {}): Promise<void> {
    const runId = (this.#runs += 1) as RunId;
    const note = { plan: 'db', kind: 'backup', runId, outcome, isTriedAgain: false, ...about } as const;
    await noteRunEnd(this.store, this.alerts, note);
  }

  /** Looks every minute. @returns what was told meanwhile */
  async pass(minutes: number): Promise<string[]> {
    const told = await this.told();
    for (let minute = 1; minute <= minutes; minute += 1) {
      this.clock.moveMs(minuteMs);
      await noteReminders(this.store, this.alerts, (plan) => plan === 'db');
      told.push(...(await this.told()).map((words) => `${minute}m ${words}`));
    }
    return told;
  }

  async told(): Promise<string[]> {
    const letters = await takeLetters(this.store, 'w', { leaseMs: 1e12, countMax: 99 });
    return letters.map(({ channel, event }) => {
      const { repository } = event.detail;
      return `${channel} ${event.code}${typeof repository === 'string' ? ` ${repository}` : ''}`;
    });
  }
}

async function scene(t: TestContext, alerts: Config['alerts']): Promise<Scene> {
  const folder = mkdtempSync(join(tmpdir(), 'coffre-alert-'));
  const clock = handClock();
  const store = await openScene({ kind: 'sqlite', file: join(folder, 'state.db') }, clock);
  t.after(async () => {
    await store[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true });
  });
  return new Scene(store, clock, alerts);
}

describe('a route with `after`', () => {
  const alerts = alertsOf({ when: ['failed', 'recovered'], to: ['ops'], after: 15 * minuteMs });

  test('tells of a trouble when it has lasted so long, once, and of its end', async (t) => {
    const it = await scene(t, alerts);
    await it.ends('failed');
    assert.deepEqual(await it.pass(60), ['15m ops run.reminded']);
    await it.ends('failed');
    await it.ends('success');
    assert.deepEqual(await it.told(), ['ops run.recovered']);
  });

  test('hears nothing of a trouble that was over before', async (t) => {
    const it = await scene(t, alerts);
    await it.ends('failed');
    const before = await it.pass(14);
    await it.ends('success');
    assert.deepEqual([before, await it.pass(60)], [[], []]);
  });

  test('hears at once of what happens at one moment', async (t) => {
    const it = await scene(t, alertsOf({ when: ['late'], to: ['ops'], after: minuteMs }));
    await noteNotice(it.store, it.alerts, { code: 'run.overrun', plan: 'db', kind: 'backup' });
    assert.deepEqual(await it.told(), ['ops run.overrun']);
  });

  test('hears of what began under a clock that was a year ahead', async (t) => {
    const it = await scene(t, alerts);
    it.clock.moveMs(365 * 1440 * minuteMs);
    await it.ends('failed');
    it.clock.moveMs(-365 * 1440 * minuteMs);
    assert.deepEqual(await it.pass(60), ['1m ops run.reminded']);
  });
});

describe('a route with `nag`', () => {
  const alerts = alertsOf({ when: ['failed'], to: ['phone'], nag: 60 * minuteMs }, { when: 'always', to: ['ops'] });

  test('tells of a trouble again and again, until it is over', async (t) => {
    const it = await scene(t, alerts);
    await it.ends('failed');
    const told = ['ops run.failed', 'phone run.failed', '60m phone run.reminded', '120m phone run.reminded'];
    assert.deepEqual(await it.pass(130), told);
    await it.ends('warning');
    assert.deepEqual(await it.pass(130), ['ops run.recovered']);
  });

  test('is silent while a plan is tried again, and for plans that are no more', async (t) => {
    const it = await scene(t, alerts);
    await it.ends('failed', { isTriedAgain: true });
    await it.ends('failed', { plan: 'gone' });
    assert.deepEqual(await it.pass(130), ['ops run.failed', 'phone run.failed']);
  });

  test('and two who look at the same moment tell it once', async (t) => {
    const it = await scene(t, alerts);
    await it.ends('failed');
    await it.told();
    it.clock.moveMs(60 * minuteMs);
    const look = async (): Promise<number> => await noteReminders(it.store, it.alerts, () => true);
    assert.deepEqual(await Promise.all([look(), look()]).then((counts) => counts.toSorted()), [0, 1]);
  });

  test('does not nag when the clock was set back by a year', async (t) => {
    const it = await scene(t, alerts);
    await it.ends('failed');
    await it.pass(60);
    it.clock.moveMs(-365 * 1440 * minuteMs);
    assert.deepEqual(await it.pass(59), ['1m phone run.reminded']);
  });
});

describe('a copy that fails in an otherwise good run', () => {
  const part = (repository: string, outcome: RunOutcome, kind: RunKind = 'copy') => {
    const reason = outcome === 'failed' ? 'no route' : undefined;
    return { kind, repository, source: 'lyon/db', outcome, reason, code: undefined };
  };
  const copies = async (it: Scene, ...parts: readonly ReturnType<typeof part>[]): Promise<void> => {
    await it.ends('warning');
    for (const { kind: _, ...note } of copyNotes(
      { plan: 'db', runId: undefined, outcome: 'warning', isTriedAgain: false },
      parts,
    )) {
      await it.ends(note.outcome, { ...note, kind: 'copy' });
    }
  };
  const alerts = alertsOf({ when: ['copy_late', 'recovered'], to: ['ops'] });

  test('is told once, for each repository on its own', async (t) => {
    const it = await scene(t, alerts);
    const saved = part('local', 'success', 'source');
    await copies(it, saved, part('offsite', 'failed'), part('usb', 'success'));
    await copies(it, saved, part('offsite', 'failed'), part('usb', 'failed'));
    await copies(it, saved, part('offsite', 'failed'), part('usb', 'success'));
    await copies(it, saved, part('offsite', 'skipped'), part('usb', 'success'));
    await copies(it, saved, part('offsite', 'success'), part('usb', 'success'));
    assert.deepEqual(await it.told(), [
      'ops copy.failed offsite',
      'ops copy.failed usb',
      'ops copy.recovered usb',
      'ops copy.recovered offsite',
    ]);
  });

  test('and one of two sources that was not copied is a copy that failed', () => {
    const run = { plan: 'db', runId: undefined, outcome: 'warning', isTriedAgain: false } as const;
    const [note] = copyNotes(run, [part('offsite', 'success'), part('offsite', 'failed')]);
    assert.deepEqual([note?.outcome, note?.reason], ['failed', 'lyon/db: no route']);
  });
});

describe('a plan that is in trouble', () => {
  test('and gets a graver one is told again; the same trouble is not', async (t) => {
    const it = await scene(
      t,
      alertsOf({ when: ['failed', 'integrity'], to: ['ops'] }, { when: ['capacity'], to: ['phone'] }),
    );
    await it.ends('failed');
    await it.ends('failed', { code: 'VERIFY_FAILED' });
    await it.ends('failed', { code: 'VERIFY_FAILED' });
    await it.ends('failed', { code: 'BACKEND_FULL' });
    assert.deepEqual(await it.told(), ['ops run.failed', 'ops run.failed', 'phone run.failed']);
  });

  test('as an earlier version wrote it is over when it works again', async (t) => {
    const it = await scene(t, alertsOf({ when: ['failed', 'recovered'], to: ['ops'] }));
    await recordEvent(it.store, { code: 'copy.failed', plan: 'db', detail: { causes: ['failed'] } }, []);
    await it.ends('failed', { kind: 'copy', repository: 'offsite' });
    await it.ends('success', { kind: 'copy', repository: 'offsite' });
    await it.ends('success', { kind: 'copy', repository: 'offsite' });
    assert.deepEqual(await it.told(), ['ops copy.recovered offsite']);
  });
});
