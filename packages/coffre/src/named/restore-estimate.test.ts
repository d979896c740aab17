import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import { assumedRate, restoreMs, restoreRate } from './restore-estimate.ts';
import type { MeasureKind, RestoreMeasure } from './restore-estimate.ts';

const mib = 1024 * 1024;

/** `rate` MiB a second. */
const measured = (kind: MeasureKind, source: string, rate: number, sizeMib = 64): RestoreMeasure => ({
  kind,
  source,
  sizeBytes: sizeMib * mib,
  tookMs: (sizeMib * 1000) / rate,
});

const chosen = (measures: readonly RestoreMeasure[], sizeMib = 1000): readonly [number, string] => {
  const { bytesPerSecond, basis } = restoreRate(measures, 'lyon/shop', sizeMib * mib);
  return [Math.round(bytesPerSecond / mib), basis];
};

test('where nothing was measured the rate is assumed, and says so', () => {
  assert.deepEqual(restoreRate([], 'lyon/shop', mib), assumedRate);
  assert.equal(restoreMs(50 * mib, assumedRate), 2000);
  assert.equal(restoreMs(0, assumedRate), 0);
});

test('a restore of this source comes before its proofs, and these before other sources', () => {
  const measures = [
    measured('read-back', 'lyon/other', 5),
    measured('restored', 'lyon/other', 10),
    measured('read-back', 'lyon/shop', 200),
    measured('loaded', 'lyon/shop', 20),
    measured('restored', 'lyon/shop', 40),
  ];
  assert.deepEqual(chosen(measures), [40, 'restored']);
  assert.deepEqual(chosen(measures.slice(0, 4)), [20, 'loaded']);
  assert.deepEqual(chosen(measures.slice(0, 3)), [200, 'read-back']);
  assert.deepEqual(chosen(measures.slice(0, 2)), [10, 'restored']);
  assert.deepEqual(chosen(measures.slice(0, 1)), [5, 'read-back']);
  assert.deepEqual(chosen([measured('loaded', 'lyon/other', 10)]), [25, 'assumed']);
});

test('of the newest five the middle one counts, and of two the slower', () => {
  const own = (rate: number): RestoreMeasure => measured('restored', 'lyon/shop', rate);
  assert.deepEqual(chosen([own(30), own(1), own(40), own(35), own(500), own(2), own(2)])[0], 35);
  assert.deepEqual(chosen([own(30), own(10)])[0], 10);
});

test('a few bytes say nothing about a large restore, and enough for a small one', () => {
  const small = measured('restored', 'lyon/shop', 2, 1);
  assert.deepEqual(chosen([small], 1000), [25, 'assumed']);
  assert.deepEqual(chosen([small], 10), [2, 'restored']);
  assert.deepEqual(
    chosen(
      [
        { ...small, tookMs: 0 },
        { ...small, sizeBytes: 0 },
      ],
      0,
    ),
    [25, 'assumed'],
  );
});
