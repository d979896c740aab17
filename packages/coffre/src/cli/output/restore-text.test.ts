import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import { aboutText, restoreLine } from './restore-text.ts';

const mib = 1024 * 1024;

test('an estimate is as rough as it is said', () => {
  const said = [0, 999, 1000, 1001, 99_000, 99_001, 3_600_000, 5_940_001, 7_800_000, 172_800_000, 200_000_000];
  assert.deepEqual(said.map(aboutText), [
    'under 1 s',
    'under 1 s',
    'about 1 s',
    'about 2 s',
    'about 99 s',
    'about 2 min',
    'about 60 min',
    'about 1 h 40 min',
    'about 2 h 10 min',
    'about 2 d',
    'about 2 d 7 h',
  ]);
});

test('sources are restored one after the other, and one that was not measured makes the sum a guess', () => {
  const shop = {
    bytesTotal: 40 * mib,
    bytesNew: mib,
    bytesSinceFull: 12 * mib,
    restoreEstimateMs: 2000,
    differentialEstimateMs: 600,
    incrementalEstimateMs: 50,
    restoreMeasured: 1,
  };
  assert.equal(
    restoreLine([shop]),
    'restore, estimated: full about 2 s (40.000 MiB), differential under 1 s (12.000 MiB), incremental under 1 s (1.000 MiB)',
  );
  const { restoreMeasured: _, incrementalEstimateMs: __, ...first } = shop;
  assert.equal(
    restoreLine([shop, first, { bytesTotal: 5 }]),
    'restore, estimated: full about 4 s (80.000 MiB), differential about 2 s (24.000 MiB); not measured yet, 25 MiB/s assumed',
  );
  assert.equal(restoreLine([{ bytesTotal: 5 }]), undefined);
});
