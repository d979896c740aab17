import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decideGuards, usualGuards, type GuardRules, type Measured } from './guards.ts';

const disk = { path: '/srv/uploads', device: '2065', isOnRoot: false };
const before: Measured = { files: 1000, bytes: 500e6, paths: [disk], missing: [] };
const rules: GuardRules = usualGuards;

function refusals(now: Partial<Measured>, last: Measured | undefined = before, given = rules): readonly string[] {
  return decideGuards(given, { ...before, ...now }, last).refusals;
}

test('an unchanged source, a first one and a small change pass', () => {
  assert.deepEqual(refusals({}), []);
  assert.deepEqual(decideGuards(rules, before, undefined).refusals, []);
  assert.deepEqual(refusals({ files: 600, bytes: 300e6 }), []);
  assert.deepEqual(refusals({ files: 4000, bytes: 2000e6 }), []);
});

test('a source that is suddenly empty is refused, also the first time, unless that is allowed', () => {
  assert.deepEqual(refusals({ files: 0, bytes: 0 }), ['no file is there any more, and there were 1000']);
  assert.deepEqual(decideGuards(rules, { ...before, files: 0, bytes: 0 }, undefined).refusals, ['no file is there']);
  assert.deepEqual(refusals({ files: 0, bytes: 0 }, before, { ...rules, emptySource: 'allow' }), []);
});

test('a path that lost its disk is refused; another disk under the same path is only told', () => {
  const lost = { ...disk, device: '2049', isOnRoot: true };
  assert.deepEqual(refusals({ paths: [lost] }), ['/srv/uploads is not mounted: it was on a disk of its own']);
  const other = decideGuards(rules, { ...before, paths: [{ ...disk, device: '2081' }] }, before);
  assert.deepEqual(other.refusals, []);
  assert.deepEqual(other.warnings, ['/srv/uploads is on another file system than last time']);
});

test('shrinking and growing beyond the limits is refused, by files and by bytes', () => {
  assert.deepEqual(refusals({ files: 600 }), []);
  assert.deepEqual(refusals({ files: 500 }), ['500 files are 50% less than last time (1000), more than 40%']);
  assert.equal(refusals({ bytes: 100e6 }).length, 1);
  assert.deepEqual(refusals({ files: 5000 }), ['5000 files are 400% more than last time (1000), more than 300%']);
  const off = { ...rules, shrinkOverPercent: undefined, growthOverPercent: undefined };
  assert.deepEqual(refusals({ files: 1, bytes: 1 }, before, off), []);
});

test('per cents of a handful of files say nothing', () => {
  const few: Measured = { ...before, files: 3, bytes: 900 };
  assert.deepEqual(refusals({ files: 1, bytes: 100 }, few), []);
});

test('fewer files than the least and missing paths are refused', () => {
  const few = decideGuards({ ...rules, filesMin: 5 }, { ...before, files: 3, bytes: 9 }, undefined);
  assert.deepEqual(few.refusals, ['only 3 files are there, and 5 are the least']);
  assert.deepEqual(refusals({ missing: ['/srv/gone'] }), ['/srv/gone is not there']);
});
