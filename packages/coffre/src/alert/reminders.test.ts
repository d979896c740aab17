/** What routes say of time, and copies that fail while the backup beside them is good. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { listEvents, recordEvent } from '../store/events.ts';
import type { RunKind, RunOutcome } from '../store/runs.ts';
import { noteNotice, noteRunEnd } from './note-run.ts';
import { partNotes } from './part-notes.ts';
import { noteReminders } from './reminders.ts';
import { alertScene, alertsOf, minuteMs } from './testing/scene.ts';
import type { AlertScene } from './testing/scene.ts';

describe('a route with `after`', () => {
  const alerts = alertsOf({ when: ['failed', 'recovered'], to: ['ops'], after: 15 * minuteMs });

  test('tells of a trouble when it has lasted so long, once, and of its end', async (t) => {
    const it = await alertScene(t, alerts);
    await it.ends('failed');
    assert.deepEqual(await it.pass(60), ['15m ops run.reminded']);
    await it.ends('failed');
    await it.ends('success');
    assert.deepEqual(await it.told(), ['ops run.recovered']);
  });

  test('hears nothing of a trouble that was over before', async (t) => {
    const it = await alertScene(t, alerts);
    await it.ends('failed');
    const before = await it.pass(14);
    await it.ends('success');
    assert.deepEqual([before, await it.pass(60)], [[], []]);
  });

  test('hears at once of what happens at one moment', async (t) => {
    const it = await alertScene(t, alertsOf({ when: ['late'], to: ['ops'], after: minuteMs }));
    await noteNotice(it.store, it.alerts, { code: 'run.overrun', plan: 'db', kind: 'backup' });
    assert.deepEqual(await it.told(), ['ops run.overrun']);
  });

  test('hears of what began under a clock that was a year ahead', async (t) => {
    const it = await alertScene(t, alerts);
    it.clock.moveMs(365 * 1440 * minuteMs);
    await it.ends('failed');
    it.clock.moveMs(-365 * 1440 * minuteMs);
    assert.deepEqual(await it.pass(60), ['1m ops run.reminded']);
  });
});

describe('a route with `nag`', () => {
  const alerts = alertsOf({ when: ['failed'], to: ['phone'], nag: 60 * minuteMs }, { when: 'always', to: ['ops'] });

  test('tells of a trouble again and again, until it is over', async (t) => {
    const it = await alertScene(t, alerts);
    await it.ends('failed');
    const told = ['ops run.failed', 'phone run.failed', '60m phone run.reminded', '120m phone run.reminded'];
    assert.deepEqual(await it.pass(130), told);
    await it.ends('warning');
    assert.deepEqual(await it.pass(130), ['ops run.recovered']);
  });

  test('is silent while a plan is tried again, and for plans that are no more', async (t) => {
    const it = await alertScene(t, alerts);
    await it.ends('failed', { isTriedAgain: true });
    await it.ends('failed', { plan: 'gone' });
    assert.deepEqual(await it.pass(130), ['ops run.failed', 'phone run.failed']);
  });

  test('and two who look at the same moment tell it once', async (t) => {
    const it = await alertScene(t, alerts);
    await it.ends('failed');
    await it.told();
    it.clock.moveMs(60 * minuteMs);
    const look = async (): Promise<number> => await noteReminders(it.store, it.alerts, () => true);
    assert.deepEqual(await Promise.all([look(), look()]).then((counts) => counts.toSorted()), [0, 1]);
  });

  test('does not nag when the clock was set back by a year', async (t) => {
    const it = await alertScene(t, alerts);
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
  const copies = async (it: AlertScene, ...parts: readonly ReturnType<typeof part>[]): Promise<void> => {
    await it.ends('warning');
    for (const { kind: _, ...note } of partNotes(
      { plan: 'db', runId: undefined, outcome: 'warning', isTriedAgain: false },
      parts,
    )) {
      await it.ends(note.outcome, { ...note, kind: 'copy' });
    }
  };
  const alerts = alertsOf({ when: ['copy_late', 'recovered'], to: ['ops'] });

  test('is told once, for each repository on its own', async (t) => {
    const it = await alertScene(t, alerts);
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
    const [note] = partNotes(run, [part('offsite', 'success'), part('offsite', 'failed')]);
    assert.deepEqual([note?.outcome, note?.reason], ['failed', 'lyon/db: no route']);
  });
});

describe('a retention that fails beside good backups', () => {
  const night = async (it: AlertScene, outcomes: Readonly<Record<string, RunOutcome>>): Promise<void> => {
    await it.ends('warning');
    const parts = Object.entries(outcomes).map(([repository, outcome]) => {
      const reason = outcome === 'failed' ? 'not removed' : undefined;
      return { kind: 'retention', repository, source: undefined, outcome, reason, code: undefined } as const;
    });
    const run = { plan: 'db', runId: undefined, outcome: 'warning', isTriedAgain: false } as const;
    for (const { outcome, ...note } of partNotes(run, parts)) {
      await noteRunEnd(it.store, it.alerts, { ...note, outcome });
    }
  };
  const alerts = alertsOf(
    { when: ['failed', 'recovered'], to: ['ops'] },
    { when: ['retention_failed'], to: ['phone'], nag: minuteMs },
  );

  test('is told once for each repository, counted, and over with the next that succeeds there', async (t) => {
    const it = await alertScene(t, alerts);
    await night(it, { local: 'failed', offsite: 'success' });
    await night(it, { local: 'failed', offsite: 'failed' });
    await night(it, { local: 'failed', offsite: 'success' });
    assert.deepEqual(await it.told(), [
      'ops retention.failed local',
      'phone retention.failed local',
      'ops retention.failed offsite',
      'phone retention.failed offsite',
      'ops retention.recovered offsite',
    ]);
    assert.deepEqual(await it.pass(1), ['1m phone retention.reminded local']);
    const [event] = await listEvents(it.store, { plan: 'db' }, 1);
    assert.deepEqual([event?.code, event?.detail['count']], ['retention.reminded', 3]);
    await night(it, { local: 'success' });
    assert.deepEqual(await it.told(), ['ops retention.recovered local']);
  });

  test('leaves what is told of the backup alone', async (t) => {
    const it = await alertScene(t, alerts);
    await night(it, { local: 'failed' });
    await it.ends('failed');
    await night(it, { local: 'success' });
    assert.deepEqual(
      (await it.told()).filter((words) => words.startsWith('ops')),
      ['ops retention.failed local', 'ops run.failed', 'ops run.recovered', 'ops retention.recovered local'],
    );
  });
});

test('the daily care of a repository that fails is told under its own cause, with why', async (t) => {
  const it = await alertScene(
    t,
    alertsOf({ when: ['care_failed', 'recovered'], to: ['ops'] }, { when: ['integrity'], to: ['phone'] }),
  );
  const care = { plan: 'care/main', kind: 'check', runId: undefined } as const;
  await it.ends('failed', care);
  await it.ends('failed', { ...care, code: 'REPO_CHECK_FAILED' });
  await it.ends('success', care);
  assert.deepEqual(await it.told(), ['ops care.failed', 'phone care.failed', 'ops care.recovered']);
});

describe('a plan that is in trouble', () => {
  test('and gets a graver one is told again; the same trouble is not', async (t) => {
    const it = await alertScene(
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
    const it = await alertScene(t, alertsOf({ when: ['failed', 'recovered'], to: ['ops'] }));
    await recordEvent(it.store, { code: 'copy.failed', plan: 'db', detail: { causes: ['failed'] } }, []);
    await it.ends('failed', { kind: 'copy', repository: 'offsite' });
    await it.ends('success', { kind: 'copy', repository: 'offsite' });
    await it.ends('success', { kind: 'copy', repository: 'offsite' });
    assert.deepEqual(await it.told(), ['ops copy.recovered offsite']);
  });
});
