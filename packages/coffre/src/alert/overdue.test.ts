/** What time alone shows of a plan, and what it leaves for runs to say. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { OverdueCause } from '../status/standing.ts';
import { noteOverdue, wantsOverdue } from './note-overdue.ts';
import { alertScene, alertsOf, minuteMs } from './testing/scene.ts';
import type { AlertScene } from './testing/scene.ts';

const db = { plan: 'db', family: 'run' } as const;

async function overdue(it: AlertScene, ...causes: readonly OverdueCause[]): Promise<boolean> {
  return await noteOverdue(it.store, it.alerts, db, { kind: 'overdue', causes, reason: 'home/docs: due 03:00' });
}

async function well(it: AlertScene): Promise<boolean> {
  return await noteOverdue(it.store, it.alerts, db, { kind: 'well' });
}

describe('a slot that nobody ran', () => {
  const alerts = alertsOf(
    { when: ['missing', 'failed', 'recovered'], to: ['ops'] },
    { when: ['never_ran'], to: ['phone'] },
  );

  test('is told once, however often somebody looks, and the next good run ends it', async (t) => {
    const it = await alertScene(t, alerts);
    assert.deepEqual([await overdue(it, 'missing'), await overdue(it, 'missing')], [true, false]);
    await it.ends('success');
    assert.deepEqual(await it.told(), ['ops plan.missing', 'ops run.recovered']);
    assert.equal(await overdue(it, 'missing'), true);
  });

  test('is told by one of two who look at the same moment', async (t) => {
    const it = await alertScene(t, alerts);
    const both = await Promise.all([overdue(it, 'missing'), overdue(it, 'missing')]);
    assert.deepEqual(both.toSorted(), [false, true]);
  });

  test('is over without a run when nothing is waited for any more', async (t) => {
    const it = await alertScene(t, alerts);
    await overdue(it, 'missing');
    assert.deepEqual([await well(it), await well(it)], [true, false]);
    assert.deepEqual(await it.told(), ['ops plan.missing', 'ops run.recovered']);
  });

  test('and then a run that fails: that is told too, and only a good run ends both', async (t) => {
    const it = await alertScene(t, alerts);
    await overdue(it, 'missing', 'never_ran');
    await it.ends('failed');
    assert.equal(await well(it), false);
    await overdue(it, 'missing', 'never_ran');
    await it.ends('success');
    assert.deepEqual(await it.told(), [
      'ops plan.missing',
      'phone plan.missing',
      'ops run.failed',
      'ops run.recovered',
    ]);
  });

  test('of a plan that failed is no news to who knows that', async (t) => {
    const it = await alertScene(t, alerts);
    await it.ends('failed');
    await overdue(it, 'missing');
    assert.deepEqual(await it.told(), ['ops run.failed']);
  });
});

describe('an objective that will break', () => {
  test('is told before, and again when it has', async (t) => {
    const it = await alertScene(
      t,
      alertsOf({ when: ['objective_at_risk', 'objective_broken', 'missing'], to: ['ops'] }),
    );
    await overdue(it, 'objective_at_risk');
    await overdue(it, 'missing', 'objective_at_risk');
    await overdue(it, 'missing', 'objective_broken');
    assert.deepEqual(await it.told(), ['ops plan.objective_at_risk', 'ops plan.missing', 'ops plan.objective_broken']);
  });

  test('waits for `after`, is told again by `nag`, and is over without a word when it was short', async (t) => {
    const route = {
      when: ['objective_at_risk', 'recovered'],
      to: ['ops'],
      after: 15 * minuteMs,
      nag: 60 * minuteMs,
    } as const;
    const it = await alertScene(t, alertsOf({ ...route, when: [...route.when], to: [...route.to] }));
    await overdue(it, 'objective_at_risk');
    assert.deepEqual(await it.pass(76), ['15m ops run.reminded', '75m ops run.reminded']);
    await well(it);
    assert.deepEqual(await it.told(), ['ops run.recovered']);
    await overdue(it, 'objective_at_risk');
    const early = await it.pass(14);
    await it.ends('success');
    assert.deepEqual([early, await it.pass(30)], [[], []]);
  });
});

describe('a copy that is late', () => {
  const subject = { plan: 'db', family: 'copy', repository: 'off' } as const;
  const reason = 'home/docs: never copied';
  const late = async (it: AlertScene): Promise<boolean> =>
    await noteOverdue(it.store, it.alerts, subject, { kind: 'overdue', causes: ['copy_late'], reason });
  const alerts = alertsOf(
    { when: ['copy_late', 'recovered'], to: ['ops'] },
    { when: ['failed', 'missing'], to: ['phone'] },
  );

  test('is told once, to who asked for it, and a copy ends it; that of another repository does not', async (t) => {
    const it = await alertScene(t, alerts);
    assert.deepEqual([await late(it), await late(it)], [true, false]);
    await it.ends('success', { kind: 'copy', repository: 'elsewhere' });
    await it.ends('success');
    assert.deepEqual(await it.told(), ['ops copy.late off']);
    await it.ends('success', { kind: 'copy', repository: 'off' });
    assert.deepEqual(await it.told(), ['ops copy.recovered off']);
  });

  test('and then fails: who wants to hear of failures does, and time alone does not end it', async (t) => {
    const it = await alertScene(t, alerts);
    await late(it);
    await it.ends('failed', { kind: 'copy', repository: 'off' });
    await late(it);
    assert.equal(await noteOverdue(it.store, it.alerts, subject, { kind: 'well' }), false);
    assert.deepEqual(await it.told(), ['ops copy.late off', 'phone copy.failed off']);
  });

  test('after it failed is no news', async (t) => {
    const it = await alertScene(t, alerts);
    await it.ends('failed', { kind: 'copy', repository: 'off' });
    assert.equal(await late(it), false);
    assert.deepEqual(await it.told(), ['ops copy.failed off', 'phone copy.failed off']);
  });

  test('is reminded of as late', async (t) => {
    const it = await alertScene(t, alertsOf({ when: ['copy_late'], to: ['ops'], after: 15 * minuteMs }));
    await late(it);
    assert.deepEqual(await it.pass(30), ['15m ops copy.reminded off']);
  });
});

test('a route with `after` tells who heard of less when it has become graver', async (t) => {
  const it = await alertScene(
    t,
    alertsOf({ when: ['missing'], to: ['ops'] }, { when: ['failed'], to: ['ops'], after: 10 * minuteMs }),
  );
  await overdue(it, 'missing');
  await it.pass(5);
  await it.ends('failed');
  assert.deepEqual(await it.pass(30), ['5m ops run.reminded']);
});

test('nothing is looked for where no route asks for it', () => {
  assert.equal(wantsOverdue(alertsOf({ when: ['failed', 'recovered'], to: ['ops'] })), false);
  assert.equal(wantsOverdue(alertsOf({ when: ['missing'], to: ['elsewhere'] })), false);
  assert.equal(wantsOverdue(alertsOf({ when: ['objective_at_risk'], to: ['ops'] })), true);
  assert.equal(wantsOverdue(alertsOf({ when: ['copy_late'], to: ['ops'] })), true);
  assert.equal(wantsOverdue(alertsOf({ when: 'always', to: ['ops'] })), true);
});
