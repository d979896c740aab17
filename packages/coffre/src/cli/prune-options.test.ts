import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isCoffreError } from '@coffre/repository';
import type { GlobalOptions } from './global-options.ts';
import { parseMaxUnused, readPruneFlags } from './prune-options.ts';

const globals = { compression: 'auto', packSizeMib: undefined } as GlobalOptions;
const isUsage = (error: unknown): boolean => isCoffreError(error, 'USAGE');

test('what may stay unused is a share, a size or anything', () => {
  assert.deepEqual(parseMaxUnused('5%'), { kind: 'percent', percent: 5 });
  assert.deepEqual(parseMaxUnused(' 0.5% '), { kind: 'percent', percent: 0.5 });
  assert.deepEqual(parseMaxUnused('2M'), { kind: 'bytes', bytes: 2 * 1024 * 1024 });
  assert.deepEqual(parseMaxUnused('unlimited'), { kind: 'unlimited' });
  for (const text of ['100%', '-1%', 'x%', '', '5 %', 'all']) assert.throws(() => parseMaxUnused(text), isUsage, text);
});

test('packs stay for 23 hours unless something else is said', () => {
  const hourMs = 60 * 60_000;
  assert.equal(readPruneFlags({}, globals).graceMs, 23 * hourMs);
  assert.equal(readPruneFlags({ grace: '48h' }, globals).graceMs, 48 * hourMs);
  assert.deepEqual(
    [0, false],
    [readPruneFlags({ grace: '0' }, globals)].flatMap((w) => [w.graceMs, w.isInstant]),
  );
  assert.deepEqual(
    [0, true],
    [readPruneFlags({ instantDelete: true }, globals)].flatMap((w) => [w.graceMs, w.isInstant]),
  );
});

test('options that contradict each other are refused', () => {
  for (const flags of [
    { instantDelete: true, grace: '1h' },
    { repackSmallerThan: '0' },
    { repackSmallerThan: '17M' },
    { maxRepackSize: 'much' },
  ] as const) {
    assert.throws(() => readPruneFlags(flags, globals), isUsage, JSON.stringify(flags));
  }
  assert.throws(() => readPruneFlags({ repackUncompressed: true }, { ...globals, compression: 'off' }), isUsage);
});
