/** What the queue and the letters that it carries promise, on any engine. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { listEvents, recordEvent } from '../events.ts';
import { channelFigures, giveUp, markSent, mendLetters, sendLater, takeLetter, waitingChannels } from '../letters.ts';
import type { NewJob } from '../queue.ts';
import { endRun, openRuns, startRun } from '../runs.ts';
import type { Store } from '../store.ts';
import { readLetters } from './read-letters.ts';
import { sampleRun } from './sample-state.ts';
import { handClock, openScene, passMs, sceneStartMs } from './scene.ts';
import type { Scene } from './scene.ts';

const minuteMs = 60_000;

function jobs(lane: string, ...places: number[]): NewJob[] {
  return places.map((place) => ({ key: `${lane}/${place}`, lane, place }));
}

async function ended(store: Store, key: string): Promise<void> {
  const job = await store.queue.claim([]);
  assert.equal(job?.key, key);
  assert.equal(await store.queue.complete(job), true);
}

export function letterSuite(engine: string, scene: () => Scene): void {
  test(`${engine}: jobs are handed out in their order, each to one worker, and not from lanes that are left out`, async () => {
    const place = scene().freshPlace();
    await using store = await openScene(place);
    await using other = await openScene(place);
    const places = Array.from({ length: 20 }, (_, n) => n + 1);
    await store.queue.enqueue(jobs('a', ...places.toReversed()));
    await store.queue.enqueue(jobs('b', 30, 0));
    assert.equal((await store.queue.claim(['b']))?.key, 'a/1');
    assert.equal((await store.queue.claim(['a', 'other']))?.key, 'b/0');
    const claims = await Promise.all(
      Array.from({ length: 25 }, async (_, n) => await (n % 2 === 0 ? store : other).queue.claim(['b'])),
    );
    const given = claims.flatMap((job) => (job === undefined ? [] : [Number(job.key.slice(2))]));
    // Whom somebody else was quicker than goes away empty, and the job waits for the next.
    for (let job = await store.queue.claim(['b']); job !== undefined; job = await store.queue.claim(['b'])) {
      given.push(Number(job.key.slice(2)));
    }
    assert.deepEqual(
      given.toSorted((a, b) => a - b),
      places.slice(1),
    );
    assert.equal((await other.queue.claim([]))?.key, 'b/30');
  });

  test(`${engine}: a job is there once until it has ended`, async () => {
    await using store = await openScene(scene().freshPlace());
    await Promise.all([1, 2, 3].map(async () => await store.queue.enqueue(jobs('a', 1))));
    const job = await store.queue.claim([]);
    await store.queue.enqueue(jobs('a', 1));
    assert.equal(await store.queue.claim([]), undefined);
    assert.ok(job);
    assert.equal(await store.queue.complete(job), true);
    assert.equal(await store.queue.complete(job), false);
    await store.queue.enqueue(jobs('a', 1));
    await ended(store, 'a/1');
    assert.equal(await store.queue.claim([]), undefined);
  });

  test(`${engine}: a job whose worker is silent is begun again by another, and the first cannot end it any more`, async () => {
    const clock = handClock();
    await using store = await openScene(scene().freshPlace(), clock);
    const { queue } = store;
    await queue.enqueue(jobs('a', 1));
    const first = await queue.claim([]);
    assert.ok(first);
    await passMs(store, clock, minuteMs / 6);
    await queue.tend();
    assert.equal(await queue.claim([]), undefined, 'the lease holds');
    await passMs(store, clock, minuteMs);
    await queue.tend();
    const second = await queue.claim([]);
    assert.deepEqual([second?.id, second?.attempt], [first.id, 2]);
    assert.deepEqual([await queue.complete(first), await queue.retry(first, 0)], [false, false]);
    assert.equal(await queue.complete(second!), true);
    assert.equal(await queue.claim([]), undefined);
  });

  test(`${engine}: jobs come to be and end with the transaction, or not at all`, async () => {
    await using store = await openScene(scene().freshPlace());
    const broken = async (work: (queue: Store['queue']) => Promise<unknown>): Promise<void> => {
      const failing = store.transaction(async ({ queue }) => {
        await work(queue);
        throw new Error('killed');
      });
      await assert.rejects(failing, /killed/);
    };
    await broken(async (queue) => await queue.enqueue(jobs('a', 1)));
    assert.equal(await store.queue.claim([]), undefined);
    await store.transaction(async ({ queue }) => await queue.enqueue(jobs('a', 1)));
    const job = await store.queue.claim([]);
    assert.ok(job);
    await broken(async (queue) => await queue.complete(job));
    await broken(async (queue) => await queue.retry(job, 0));
    assert.equal(await store.queue.claim([]), undefined);
    assert.equal(await store.queue.complete(job), true);
  });

  test(`${engine}: many transactions that write their first letters at once do not wait for each other`, async () => {
    await using store = await openScene(scene().freshPlace());
    const notes = Array.from({ length: 12 }, (_, n) => `event ${n}`);
    await Promise.all(
      notes.map(
        async (code) =>
          await store.transaction(async (rows) => await recordEvent(rows, { code, detail: {} }, ['mail'])),
      ),
    );
    const letters = await readLetters(store);
    assert.deepEqual(letters.map(({ event }) => event.code).toSorted(), notes.toSorted());
  });

  test(`${engine}: an event and its letters come with the change they tell of, or not at all`, async () => {
    await using store = await openScene(scene().freshPlace());
    const id = await startRun(store, sampleRun);
    const event = { code: 'backup.run.failed', plan: sampleRun.plan, runId: id, detail: { reason: 'no room' } };
    const broken = store.transaction(async (rows) => {
      await endRun(rows, id, { outcome: 'failed' });
      await recordEvent(rows, event, ['mail', 'chat']);
      throw new Error('killed');
    });
    await assert.rejects(broken);
    assert.equal((await openRuns(store)).length, 1);
    assert.equal(await takeLetter(store, []), undefined);
    await store.transaction(async (rows) => {
      await endRun(rows, id, { outcome: 'failed' });
      await recordEvent(rows, event, ['mail', 'chat']);
    });
    const letters = await readLetters(store);
    assert.deepEqual(
      letters.map(({ channel, job }) => [channel, job.attempt]),
      [
        ['mail', 1],
        ['chat', 1],
      ],
    );
    assert.equal(letters[0]?.event.runId, id);
    assert.deepEqual(await listEvents(store, { plan: sampleRun.plan }, 5), [letters[0].event]);
  });

  test(`${engine}: a letter is sent by one worker, and again when that one is gone`, async () => {
    const clock = handClock();
    await using store = await openScene(scene().freshPlace(), clock);
    await recordEvent(store, { code: 'x', detail: {} }, ['mail']);
    const first = await takeLetter(store, []);
    assert.ok(first);
    assert.equal(await takeLetter(store, []), undefined);
    await passMs(store, clock, 1.5 * minuteMs);
    await store.queue.tend();
    const second = await takeLetter(store, []);
    assert.equal(second?.job.attempt, 2);
    assert.equal(await markSent(store, first), false);
    assert.equal(await sendLater(store, second, 'no answer', 4 * minuteMs), true);
    await passMs(store, clock, minuteMs);
    assert.equal(await takeLetter(store, []), undefined);
    await passMs(store, clock, 3 * minuteMs);
    const third = await takeLetter(store, []);
    assert.ok(third);
    assert.equal(await markSent(store, third), true);
    await passMs(store, clock, 9 * minuteMs);
    await store.queue.tend();
    assert.equal(await takeLetter(store, []), undefined);
  });

  test(`${engine}: a letter that was given up is taken no more and is shown; other channels do not wait for it`, async () => {
    const clock = handClock();
    await using store = await openScene(scene().freshPlace(), clock);
    for (const code of ['x', 'y']) await recordEvent(store, { code, detail: {} }, ['dead', 'well']);
    const first = await takeLetter(store, ['well']);
    const givenUp = async () => await store.transaction(async (rows) => await giveUp(rows, first!, 'gone'));
    assert.deepEqual([await givenUp(), await givenUp(), await markSent(store, first!)], [true, false, false]);
    for (const code of ['x', 'y']) {
      const letter = await takeLetter(store, ['dead']);
      assert.equal(letter?.event.code, code);
      assert.equal(await markSent(store, letter), true);
    }
    const second = await takeLetter(store, []);
    assert.equal(second?.event.code, 'y');
    assert.equal(await takeLetter(store, []), undefined);
    await sendLater(store, second, 'no answer', 5 * minuteMs);
    assert.deepEqual(await waitingChannels(store), ['dead']);
    const [dead, alive] = await channelFigures(store, ['dead', 'well'], 0);
    assert.deepEqual(
      [dead?.waiting, dead?.waitingSinceMs, dead?.error, dead?.givenUp, dead?.givenUpError],
      [1, sceneStartMs, 'no answer', 1, 'gone'],
    );
    assert.deepEqual([alive?.waiting, alive?.givenUp, alive?.sentAtMs], [0, 0, sceneStartMs]);
  });

  test(`${engine}: a letter whose job was lost gets another one, and a job whose letter was sent ends`, async () => {
    await using store = await openScene(scene().freshPlace());
    await recordEvent(store, { code: 'x', detail: {} }, ['mail', 'chat']);
    for (let lost = 0; lost < 2; lost += 1) assert.ok(await store.queue.complete((await store.queue.claim([]))!));
    await mendLetters(store);
    await store.db.updateTable('outbox').set({ sent_at: 1 }).where('channel', '=', 'mail').execute();
    const letter = await takeLetter(store, []);
    assert.equal(letter?.channel, 'chat');
    await mendLetters(store);
    assert.equal(await takeLetter(store, []), undefined, 'it is being carried');
    assert.equal(await markSent(store, letter), true);
    await mendLetters(store);
    assert.equal(await takeLetter(store, []), undefined);
  });

  test(`${engine}: whoever listens hears of a letter that another process wrote, where the engine can tell`, async () => {
    const place = scene().freshPlace();
    await using store = await openScene(place);
    await using other = await openScene(place);
    if (store.queue.listen === undefined) return;
    const heard = Promise.withResolvers<undefined>();
    await using listener = await store.queue.listen(() => heard.resolve(undefined));
    await other.transaction(async (rows) => await recordEvent(rows, { code: 'x', detail: {} }, ['mail']));
    await heard.promise;
    assert.equal(listener.isBroken, false);
    assert.equal((await takeLetter(store, []))?.channel, 'mail');
  });
}
