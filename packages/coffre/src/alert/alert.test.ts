/** Who is told when, and what becomes of a notice that nobody takes. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Config } from '../config/config.ts';
import type { StartThread } from '../extension/extension-thread.ts';
import type { Notice } from '../extension/notice.ts';
import { listEvents, recordEvent } from '../store/events.ts';
import { channelFigures, takeLetter, waitingChannels } from '../store/letters.ts';
import type { Store } from '../store/store.ts';
import { pauseAfterMs } from './delivery.ts';
import type { DeliveryParts } from './delivery.ts';
import { deliverOnce } from './lanes.ts';
import { noteNotice } from './note-run.ts';
import { channelsFor, deliveringChannels, severityFor } from './routing.ts';
import { alertScene } from './testing/scene.ts';

const extension = (use: string) => ({ extension: { use, settings: {} } });
const alerts = {
  channels: {
    ops: extension('chat'),
    phone: extension('sms'),
    post: { webhook: { url: { template: 'x', secretNames: [] } } },
  },
  routes: [
    { when: ['failed', 'recovered', 'objective_broken'], severity: 'critical', to: ['ops', 'post'] },
    { when: ['capacity'], severity: 'warning', to: ['phone'] },
  ],
} as unknown as Config['alerts'];

describe('a run that ends', () => {
  test('badly is told once when it begins, and once when it works again', async (t) => {
    const it = await alertScene(t, alerts);
    for (const outcome of ['success', 'failed', 'failed', 'lost', 'cancelled', 'warning', 'success'] as const) {
      await it.ends(outcome);
    }
    assert.deepEqual(await it.told(), ['ops run.failed', 'ops run.recovered']);
  });

  test('badly and is tried again is told to nobody, until the last try', async (t) => {
    const it = await alertScene(t, alerts);
    await it.ends('failed', { isTriedAgain: true });
    await it.ends('failed', { isTriedAgain: true });
    assert.deepEqual(await it.told(), []);
    await it.ends('failed');
    assert.deepEqual(await it.told(), ['ops run.failed']);
  });

  test('while its objective is broken already is not told twice; that it works again is', async (t) => {
    const it = await alertScene(t, alerts);
    await noteNotice(it.store, alerts, { code: 'plan.objective_broken', plan: 'db', kind: 'backup' });
    await it.ends('failed');
    await it.ends('success');
    assert.deepEqual(await it.told(), ['ops plan.objective_broken', 'ops run.recovered']);
    assert.equal((await listEvents(it.store, { plan: 'db' }, 9)).length, 3);
  });

  test('for want of room is told to who asked for that too', async (t) => {
    const it = await alertScene(t, alerts);
    await it.ends('failed', { code: 'BACKEND_FULL' });
    assert.deepEqual((await it.told()).toSorted(), ['ops run.failed', 'phone run.failed']);
  });

  test('for bytes that are others than those saved says so, and that integrity is at stake', async (t) => {
    const it = await alertScene(t, alerts);
    await it.ends('failed', { code: 'VERIFY_FAILED' });
    const [event] = await listEvents(it.store, { plan: 'db' }, 1);
    assert.deepEqual(event?.detail['causes'], ['failed', 'hash_mismatch', 'integrity']);
  });
});

test('only channels that deliver get letters, as loud as their loudest route', () => {
  assert.deepEqual(
    deliveringChannels(alerts).map(({ name }) => name),
    ['ops', 'phone'],
  );
  assert.deepEqual(channelsFor(alerts, ['failed']), ['ops']);
  assert.deepEqual(
    [severityFor(alerts, 'ops', ['failed']), severityFor(alerts, 'phone', ['failed'])],
    ['critical', 'warning'],
  );
});

type Behaviour = 'takes' | 'refuses' | 'never takes' | 'dies' | 'is silent';

/** A thread as the program sees it. */
function threads(behaviours: Readonly<Record<string, () => Behaviour>>, taken: Notice[]): StartThread {
  return ({ use }, listener) => {
    const ended = Promise.withResolvers<undefined>();
    return {
      ended: ended.promise,
      stop: () => ended.resolve(undefined),
      send: (message) => {
        if (message.type !== 'deliver') return;
        const { id } = message.notice;
        const failure = { message: 'no', hint: undefined, isRetryable: true };
        switch (behaviours[use]?.()) {
          case 'takes':
            taken.push(message.notice);
            return listener({ type: 'delivered', id });
          case 'refuses':
            return listener({ type: 'refused', id, failure });
          case 'never takes':
            return listener({ type: 'refused', id, failure: { ...failure, isRetryable: false } });
          case 'dies':
            return ended.resolve(undefined);
          case 'is silent':
          case undefined:
        }
      },
    };
  };
}

function partsOf(store: Store, startThread: StartThread): DeliveryParts {
  const quiet = { info: () => undefined, warn: () => undefined, error: () => undefined };
  return {
    store,
    startThread,
    sender: { alerts, company: 'Morel', host: 'app1' },
    places: { names: [], folder: '.' },
    resolve: async (settings) => settings,
    log: quiet,
    deliveryTimeoutMs: 50,
  };
}

const [ops, phone] = deliveringChannels(alerts) as [
  ReturnType<typeof deliveringChannels>[0],
  ReturnType<typeof deliveringChannels>[0],
];
const never = new AbortController().signal;

describe('a letter', () => {
  test('that is refused is tried again later and later, with the same id, and given up after half a day', async (t) => {
    const { store, clock } = await alertScene(t, alerts);
    const taken: Notice[] = [];
    const parts = partsOf(store, threads({ chat: () => 'refuses' }, taken));
    await recordEvent(store, { code: 'run.failed', plan: 'db', detail: { causes: ['failed'] } }, ['ops']);
    const startMs = await store.nowMs();
    let tries = 0;
    while ((await waitingChannels(store)).length > 0) {
      if (tries > 0) clock.moveMs(pauseAfterMs(tries));
      await deliverOnce([ops], parts, never);
      tries += 1;
    }
    assert.equal(tries, 20);
    const hours = ((await store.nowMs()) - startMs) / 3_600_000;
    assert.ok(hours > 10 && hours < 14, `${hours} h`);
    const [figures] = await channelFigures(store, ['ops'], 0);
    assert.deepEqual([figures?.waiting, figures?.givenUp, figures?.givenUpError], [0, 1, 'no']);
    assert.equal((await listEvents(store, {}, 1))[0]?.code, 'notice.given_up');
  });

  test('that will never be taken is given up at once', async (t) => {
    const { store } = await alertScene(t, alerts);
    await recordEvent(store, { code: 'run.failed', plan: 'db', detail: {} }, ['ops']);
    await deliverOnce([ops], partsOf(store, threads({ chat: () => 'never takes' }, [])), never);
    assert.equal((await channelFigures(store, ['ops'], 0))[0]?.givenUp, 1);
  });

  for (const behaviour of ['dies', 'is silent'] as const) {
    test(`whose channel ${behaviour} waits, and goes with the next thread`, async (t) => {
      const { store, clock } = await alertScene(t, alerts);
      const taken: Notice[] = [];
      let now: Behaviour = behaviour;
      const parts = partsOf(store, threads({ chat: () => now }, taken));
      await recordEvent(store, { code: 'run.failed', plan: 'db', detail: { causes: ['failed'], reason: 'no room' } }, [
        'ops',
      ]);
      await deliverOnce([ops], parts, never);
      assert.equal(taken.length, 0);
      now = 'takes';
      clock.moveMs(60_000);
      await deliverOnce([ops], parts, never);
      const [notice] = taken;
      assert.deepEqual(
        [notice?.title, notice?.text, notice?.severity, notice?.attempt, notice?.company, notice?.host],
        ['db failed', 'no room', 'critical', 2, 'Morel', 'app1'],
      );
    });
  }

  test('for one channel does not wait for another channel that is silent', async (t) => {
    const { store } = await alertScene(t, alerts);
    const taken: Notice[] = [];
    const parts = partsOf(store, threads({ chat: () => 'is silent', sms: () => 'takes' }, taken));
    await recordEvent(store, { code: 'run.failed', plan: 'db', detail: {} }, ['ops', 'phone']);
    const limit = new AbortController();
    const sending = deliverOnce([ops, phone], parts, limit.signal);
    while (taken.length === 0) await new Promise((resolve) => setImmediate(resolve));
    limit.abort();
    await sending;
    assert.deepEqual(await waitingChannels(store), ['ops']);
  });

  test('that was sent by somebody who was killed before writing it down comes again with the same id', async (t) => {
    const { store, clock } = await alertScene(t, alerts);
    const taken: Notice[] = [];
    const parts = partsOf(store, threads({ chat: () => 'takes' }, taken));
    await recordEvent(store, { code: 'run.failed', plan: 'db', detail: {} }, ['ops']);
    const letter = await takeLetter(store, []);
    await deliverOnce([ops], parts, never);
    assert.deepEqual(taken, [], 'the lease of the other one holds');
    clock.moveMs(60_000);
    await deliverOnce([ops], parts, never);
    assert.deepEqual(
      taken.map(({ id }) => id),
      [`${letter!.event.atMs}-${letter!.event.id}`],
    );
  });
});
