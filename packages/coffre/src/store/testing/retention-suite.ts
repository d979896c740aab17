/** What stays of a long history, and what `status` reads from it, on any engine. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { newestEvent, recordEvent } from '../events.ts';
import { trimHistory, trimHistoryDaily } from '../history.ts';
import { endRun, listRuns, startRun } from '../runs.ts';
import type { RunKind, RunOutcome } from '../runs.ts';
import { closeSlot, openSlot, openSlots } from '../slots.ts';
import { knownPlans, planFigures } from '../status-figures.ts';
import type { Store } from '../store.ts';
import type { RunId } from '../tables.ts';
import { listVerifications, recordVerification } from '../verifications.ts';
import { sampleRun } from './sample-state.ts';
import { handClock, openScene, sceneStartMs } from './scene.ts';
import type { HandClock, Scene } from './scene.ts';

const dayMs = 86_400_000;

type Past = { readonly store: Store; readonly clock: HandClock };

/** A run a day. `…` stays open. */
async function daily({ store, clock }: Past, plan: string, outcomes: readonly (RunOutcome | '…')[]): Promise<RunId[]> {
  const ids: RunId[] = [];
  for (const outcome of outcomes) {
    const id = await startRun(store, { ...sampleRun, plan });
    clock.moveMs(1000 * (ids.length + 1));
    if (outcome !== '…') await endRun(store, id, { outcome });
    clock.moveMs(dayMs - 1000 * (ids.length + 1));
    ids.push(id);
  }
  return ids;
}

const remaining = async (store: Store, plan: string, kind: RunKind = 'backup'): Promise<RunId[]> =>
  (await listRuns(store, { plan, kind }, 100)).map(({ id }) => id).toReversed();

export function retentionSuite(engine: string, scene: () => Scene): void {
  test(`${engine}: old runs go in batches; the newest, the newest good one and open ones stay`, async () => {
    const clock = handClock();
    await using store = await openScene(scene().freshPlace(), clock);
    const failing = await daily({ store, clock }, 'failing', ['success', 'success', 'failed', 'failed']);
    const stuck = await daily({ store, clock }, 'stuck', ['…', 'success', 'success']);
    const many = await daily(
      { store, clock },
      'many',
      Array.from({ length: 12 }, () => 'success'),
    );
    const removed = await trimHistory(store, { runs: { days: 2 } }, { batchRows: 4 });
    assert.deepEqual(await remaining(store, 'failing'), [failing[1], failing[3]]);
    assert.deepEqual(await remaining(store, 'stuck'), [stuck[0], stuck[2]]);
    assert.deepEqual(await remaining(store, 'many'), many.slice(-2));
    assert.deepEqual(removed, { runs: 13, slots: 0, events: 0, verifications: 0 });
  });

  test(`${engine}: so many rows stay, counted from the newest`, async () => {
    const clock = handClock();
    await using store = await openScene(scene().freshPlace(), clock);
    const ids = await daily(
      { store, clock },
      'many',
      Array.from({ length: 12 }, () => 'success'),
    );
    assert.equal((await trimHistory(store, { runs: { days: 400, rowsMax: 5 } })).runs, 7);
    assert.deepEqual(await remaining(store, 'many'), ids.slice(-5));
    assert.equal((await trimHistory(store, { runs: { rowsMax: 5 } })).runs, 0);
  });

  test(`${engine}: open slots and unsent events stay, whatever their age`, async () => {
    const clock = handClock();
    await using store = await openScene(scene().freshPlace(), clock);
    for (const dueAtMs of [1, 2, 3, 4]) await openSlot(store, { plan: 'p', dueAtMs });
    for (const dueAtMs of [1, 2, 4]) await closeSlot(store, { plan: 'p', dueAtMs }, 'success');
    await recordEvent(store, { code: 'sent', detail: {} }, []);
    await recordEvent(store, { code: 'unsent', detail: {} }, ['mail']);
    await recordVerification(store, { repository: 'r', kind: 'pack', outcome: 'good' });
    clock.moveMs(dayMs);
    await recordVerification(store, { repository: 'r', kind: 'pack', outcome: 'unreachable' });
    clock.moveMs(100 * dayMs);
    const limit = { days: 1 };
    const removed = await trimHistory(store, {
      runs: limit,
      slots: limit,
      events: limit,
      verifications: limit,
    });
    assert.deepEqual(removed, { runs: 0, slots: 2, events: 1, verifications: 0 });
    assert.deepEqual(
      (await openSlots(store)).map(({ dueAtMs }) => dueAtMs),
      [3],
    );
    assert.equal((await listVerifications(store, { repository: 'r' }, 5)).length, 2);
  });

  test(`${engine}: once a day what is old goes, and what tells of a trouble that lasts stays`, async () => {
    const clock = handClock();
    await using store = await openScene(scene().freshPlace(), clock);
    const { signal } = new AbortController();
    await recordEvent(store, { code: 'backup.run.failed', plan: 'p', detail: {} }, []);
    const trouble = await recordEvent(store, { code: 'backup.run.failed', plan: 'p', detail: {} }, []);
    await recordEvent(store, { code: 'of nobody', detail: {} }, []);
    await daily({ store, clock }, 'p', ['success']);
    clock.moveMs(399 * dayMs);
    const newer = await daily({ store, clock }, 'p', ['success']);
    assert.deepEqual(await trimHistoryDaily(store, signal), { runs: 1, slots: 0, events: 2, verifications: 0 });
    assert.deepEqual(await remaining(store, 'p'), newer);
    assert.equal((await newestEvent(store, 'p', ['backup.run.failed']))?.id, trouble);
    assert.equal(await trimHistoryDaily(store, signal), undefined);
    clock.moveMs(dayMs);
    assert.deepEqual(await trimHistoryDaily(store, signal), { runs: 0, slots: 0, events: 0, verifications: 0 });
  });

  test(`${engine}: status is told the newest run, the last good one and how long they take`, async () => {
    const clock = handClock();
    await using store = await openScene(scene().freshPlace(), clock);
    const ids = await daily({ store, clock }, 'shop', ['success', 'warning', 'failed', '…']);
    await openSlot(store, { plan: 'shop', dueAtMs: sceneStartMs + 5 * dayMs });
    await openSlot(store, { plan: 'never', dueAtMs: sceneStartMs });
    assert.deepEqual(await knownPlans(store), ['never', 'shop']);
    assert.deepEqual(await planFigures(store, ['shop', 'never', "it's"], 'backup'), [
      {
        plan: 'shop',
        newest: { id: ids[3], startedAtMs: sceneStartMs + 3 * dayMs, outcome: undefined },
        lastGood: { id: ids[1], startedAtMs: sceneStartMs + dayMs, endedAtMs: sceneStartMs + dayMs + 2000 },
        recent: [
          { outcome: 'failed', durationMs: 3000 },
          { outcome: 'warning', durationMs: 2000 },
          { outcome: 'success', durationMs: 1000 },
        ],
        openSlots: 1,
        earliestOpenSlotMs: sceneStartMs + 5 * dayMs,
      },
      {
        plan: 'never',
        newest: undefined,
        lastGood: undefined,
        recent: [],
        openSlots: 1,
        earliestOpenSlotMs: sceneStartMs,
      },
      { plan: "it's", newest: undefined, lastGood: undefined, recent: [], openSlots: 0, earliestOpenSlotMs: undefined },
    ]);
  });
}
