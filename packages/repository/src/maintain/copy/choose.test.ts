import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Snapshot } from '../../format/snapshot.ts';
import { parseId, type BlobId, type SnapshotId } from '../../ids.ts';
import type { StoredSnapshot } from '../../repository.ts';
import { chooseSnapshots, copiedSnapshot } from './choose.ts';

const id = (digit: string): SnapshotId => parseId(digit.repeat(64));

function stored(digit: string, members: Partial<Snapshot> = {}): StoredSnapshot {
  const tree = parseId<BlobId>('e'.repeat(64));
  return {
    id: id(digit),
    snapshot: { time: '2026-01-02T03:04:05Z', tree, paths: ['/a', '/b'], hostname: 'h', ...members },
  };
}

test('a snapshot is there when a copy of the same first id has equal fields, whatever their order and zone', () => {
  const original = stored('1', { tags: ['x', 'y'], parent: id('9') });
  const copy = stored('2', {
    original: id('1'),
    tags: ['y', 'x'],
    paths: ['/b', '/a'],
    time: '2026-01-02T04:04:05+01:00',
  });
  assert.deepEqual(chooseSnapshots([original], [copy]), {
    missing: [],
    present: [{ snapshot: original, copy: copy.id }],
  });
  assert.deepEqual(chooseSnapshots([copy], [original]).present, [{ snapshot: copy, copy: original.id }]);
  assert.deepEqual(chooseSnapshots([original], [original]).missing, [], 'the same file in both');
});

test('another tag, time, tree, owner or first id makes it another snapshot', () => {
  const original = stored('1', { tags: ['x'] });
  const tree = parseId<BlobId>('f'.repeat(64));
  for (const difference of [
    { tags: ['x', 'y'] },
    { time: '2026-01-02T03:04:06Z' },
    { tree },
    { username: 'ann' },
    { uid: 5 },
    { excludes: ['*.o'] },
    { hostname: 'other' },
    { original: id('7') },
  ]) {
    const other = stored('2', { tags: ['x'], original: id('1'), ...difference });
    assert.equal(chooseSnapshots([original], [other]).missing.length, 1, JSON.stringify(difference));
  }
});

test('the oldest comes first, by the instant and not by its text', () => {
  const snapshots = [
    stored('1', { time: '2026-01-02T03:00:00Z' }),
    stored('2', { time: '2026-01-02T03:30:00+02:00' }),
    stored('3', { time: '2025-01-02T03:00:00Z' }),
  ];
  const order = chooseSnapshots(snapshots, []).missing.map((snapshot) => snapshot.id);
  assert.deepEqual(order, [id('3'), id('2'), id('1')]);
});

test('a copy has no parents, keeps its first id, and what other programs wrote', () => {
  const { snapshot } = stored('1', { parent: id('4'), foreign: { label: 'l', parents: [id('4')] } });
  const copy = copiedSnapshot({ id: id('1'), snapshot });
  assert.deepEqual(copy, stored('1', { original: id('1'), foreign: { label: 'l' } }).snapshot);
  assert.equal(copiedSnapshot({ id: id('2'), snapshot: copy }).original, id('1'));
});
