import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addSampleSnapshot, createSampleRepository } from '../testing/sample-repository.ts';
import { besideEachOther } from './check-data.ts';
import { check } from './check.ts';

test('what others stored while the lock was waited for is known to the check', async () => {
  const { repository } = await createSampleRepository();
  await addSampleSnapshot(await repository.loadIndex(), { a: 'first' });
  const { promise: locked, resolve } = Promise.withResolvers<void>();
  const kinds: string[] = [];
  const checked = check(repository, { readData: { kind: 'all' }, locked }, ({ kind }) => kinds.push(kind));
  await addSampleSnapshot(await repository.loadIndex(), { b: 'second' });
  assert.deepEqual(kinds, []);
  resolve();
  const { errors, hints, packsRead } = await checked;
  assert.deepEqual([errors, hints], [0, 0]);
  assert.equal(packsRead, [...(await repository.loadIndex()).packSizes()].length);
});

test('without the lock there is no result, and nothing is told', async () => {
  const { repository } = await createSampleRepository();
  const told: unknown[] = [];
  const locked = Promise.reject(new Error('somebody else has it'));
  await assert.rejects(
    check(repository, { locked }, (event) => told.push(event)),
    /somebody else/,
  );
  assert.deepEqual(told, []);
});

test('packs are read beside the trees and told of behind them', async () => {
  const { repository } = await createSampleRepository();
  await addSampleSnapshot(await repository.loadIndex(), { a: 'first', folder: { b: 'deep' } });
  const phases: string[] = [];
  await check(repository, { readData: { kind: 'all' } }, (event) => {
    if (event.kind === 'phase' || event.kind === 'progress') phases.push(event.phase);
  });
  assert.deepEqual(
    phases.filter((phase, index) => phase !== phases[index - 1]),
    ['index', 'packs', 'snapshots', 'read-data'],
  );
});

test('the second is stopped when the first fails, and its words are not heard', async () => {
  const heard: string[] = [];
  const first = Promise.withResolvers<void>();
  const both = besideEachOther(
    () => first.promise,
    async ({ say, signal }) => {
      say(() => heard.push('second'));
      first.reject(new Error('broken'));
      await new Promise((stopped) => signal.addEventListener('abort', stopped));
    },
  );
  await assert.rejects(both, /broken/);
  assert.deepEqual(heard, []);
});
