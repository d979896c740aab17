import assert from 'node:assert/strict';
import { test } from 'node:test';
import { storedAt, supersedes } from './s3-versions.ts';
import type { VersionEvent } from './s3-versions.ts';

const version = (atMs: number): VersionEvent => {
  return { key: 'k', atMs, version: { versionId: 'v', sizeBytes: 1, storedMs: atMs } };
};
const marker = (atMs: number): VersionEvent => ({ key: 'k', atMs, version: undefined });

test('the later one of two events counts', () => {
  assert.ok(supersedes(version(5000), marker(4000)) && supersedes(marker(5000), version(4000)));
  assert.ok(!supersedes(version(4000), marker(5000)) && !supersedes(marker(4000), version(5000)));
});

test('within one second the first one listed counts, and a version before a marker', () => {
  assert.ok(!supersedes(version(5000), version(5000)));
  assert.ok(supersedes(version(5000), marker(5700)));
  assert.ok(!supersedes(marker(5700), version(5000)));
});

test('the time in an id of versitygw counts, other ids tell no time', () => {
  assert.equal(storedAt('01ARZ3NDEKTSV4RRFFQ69G5FAV', 1_800_000_000_000), 1_469_922_850_259);
  for (const id of ['3Ow5SSt1s8nWmQbgrX5uH0p02t6EAXv', 'null', undefined]) assert.equal(storedAt(id, 1_000), 1_000);
});
