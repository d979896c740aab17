import assert from 'node:assert/strict';
import { test } from 'node:test';
import { followInParallel } from './parallel.ts';

test('a growing list is followed to its end, with no more at once than allowed', async () => {
  const seen: number[] = [];
  let atWork = 0;
  let mostAtWork = 0;
  await followInParallel(1, 3, async (item) => {
    atWork += 1;
    mostAtWork = Math.max(mostAtWork, atWork);
    await new Promise((resolve) => setImmediate(resolve));
    atWork -= 1;
    seen.push(item);
    return item < 64 ? [2 * item, 2 * item + 1] : [];
  });
  assert.deepEqual(
    seen.toSorted((a, b) => a - b),
    Array.from({ length: 127 }, (_, i) => i + 1),
  );
  assert.equal(mostAtWork, 3);
});

for (const bad of ['left', 'right']) {
  test(`a failure is seen when another work ends in the same moment (${bad} fails)`, async () => {
    const gate = Promise.withResolvers<void>();
    const followed = followInParallel('root', 4, async (item) => {
      if (item === 'root') return ['left', 'right'];
      await gate.promise;
      if (item === bad) throw new Error(`${item} cannot be read`);
      return [];
    });
    setImmediate(() => gate.resolve());
    await assert.rejects(followed, { message: `${bad} cannot be read` });
  });
}

test('after a failure nothing more begins', async () => {
  const begun: number[] = [];
  const followed = followInParallel(0, 1, async (item) => {
    begun.push(item);
    if (item === 2) throw new Error('broken');
    return item === 0 ? [1, 2] : [];
  });
  await assert.rejects(followed, { message: 'broken' });
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(begun, [0, 2]);
});
