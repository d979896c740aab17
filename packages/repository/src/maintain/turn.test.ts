import assert from 'node:assert/strict';
import { test } from 'node:test';
import { besideEachOther, Turn } from './turn.ts';

test('what runs ahead is told after what comes before it, in its own order', async () => {
  const turn = new Turn();
  const told: string[] = [];
  await besideEachOther(
    turn,
    async () => {
      await new Promise((resolve) => setImmediate(resolve));
      told.push('trees');
    },
    async () => {
      turn.when(() => told.push('pack 1'));
      turn.when(() => told.push('pack 2'));
      await Promise.resolve();
    },
  );
  turn.when(() => told.push('pack 3'));
  assert.deepEqual(told, ['trees', 'pack 1', 'pack 2', 'pack 3']);
});

test('when the first fails, that is thrown, and what ran ahead stops and is not told', async () => {
  const turn = new Turn();
  const told: string[] = [];
  const failed = besideEachOther(
    turn,
    () => Promise.reject(new Error('the trees')),
    async () => {
      turn.when(() => told.push('pack 1'));
      while (!turn.isOff) await new Promise((resolve) => setImmediate(resolve));
      turn.when(() => told.push('pack 2'));
      throw new Error('the packs');
    },
  );
  await assert.rejects(failed, { message: 'the trees' });
  assert.deepEqual(told, []);
});

test('a failure of what ran ahead is thrown when its turn has come', async () => {
  let isFirstDone = false;
  const failed = besideEachOther(
    new Turn(),
    async () => {
      await new Promise((resolve) => setImmediate(resolve));
      isFirstDone = true;
    },
    () => Promise.reject(new Error('the packs')),
  );
  await assert.rejects(failed, { message: 'the packs' });
  assert.ok(isFirstDone);
});
