import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isCoffreError, type CoffreError, type ErrorCode } from '../errors.ts';
import type { Snapshot } from '../format/snapshot.ts';
import { parseTimestamp, timestampNs } from '../format/time.ts';
import { parseId, type BlobId, type SnapshotId } from '../ids.ts';
import type { StoredSnapshot } from '../repository.ts';
import { parseGroupBy, groupSnapshots } from './group.ts';
import { latestOf, matchesFilter, parseSnapshotName, parseTagList, resolvePrefix } from './select.ts';

const nowNs = timestampNs(parseTimestamp('2026-03-15T12:00:00Z'));

function stored(idStart: string, members: Partial<Snapshot> = {}): StoredSnapshot {
  const tree = parseId<BlobId>('0'.repeat(64));
  const snapshot = { time: '2026-03-01T00:00:00Z', tree, paths: ['/srv'], hostname: 'web', ...members };
  return { id: parseId<SnapshotId>(idStart.padEnd(64, '0')), snapshot };
}

function thrown(code: ErrorCode, call: () => unknown): CoffreError {
  try {
    call();
  } catch (error) {
    assert.ok(isCoffreError(error, code), String(error));
    return error;
  }
  return assert.fail(`${code} was expected`);
}

test('one of the hosts, one of the tag lists and all of the paths must fit', () => {
  const { snapshot } = stored('a', { tags: ['x', 'y'], paths: ['/a', '/b'] });
  assert.ok(matchesFilter(snapshot, {}));
  assert.ok(matchesFilter(snapshot, { hosts: ['db', 'web'] }));
  assert.ok(!matchesFilter(snapshot, { hosts: ['db'] }));
  assert.ok(matchesFilter(snapshot, { tags: [['z'], ['x', 'y']] }));
  assert.ok(!matchesFilter(snapshot, { tags: [['x', 'z']] }));
  assert.ok(matchesFilter(snapshot, { paths: ['/b', '/a/'] }));
  assert.ok(!matchesFilter(snapshot, { paths: ['/a', '/c'] }));
});

test('the empty tag means snapshots without tags', () => {
  assert.ok(matchesFilter(stored('a').snapshot, { tags: [parseTagList('')] }));
  assert.ok(!matchesFilter(stored('a', { tags: ['x'] }).snapshot, { tags: [['']] }));
  assert.deepEqual(parseTagList('a, b ,c'), ['a', 'b', 'c']);
});

test('latest is the newest that fits the filter, latest~1 the one before, and never one dated far ahead', () => {
  const all = [
    stored('a', { time: '2026-03-01T00:00:00Z' }),
    stored('b', { time: '2026-03-01T01:00:00+02:00' }),
    stored('c', { time: '2026-03-02T00:00:00Z', hostname: 'db' }),
    stored('d', { time: '2030-01-01T00:00:00Z' }),
  ];
  assert.equal(latestOf(all, { nowNs }), all[2]);
  assert.equal(latestOf(all, { nowNs, filter: { hosts: ['web'] } }), all[0]);
  assert.equal(latestOf(all, { nowNs, filter: { hosts: ['web'] }, back: 1 }), all[1]);
  thrown('SNAPSHOT_NOT_FOUND', () => latestOf(all, { nowNs, filter: { hosts: ['web'] }, back: 2 }));
  thrown('SNAPSHOT_NOT_FOUND', () => latestOf([], { nowNs }));
  assert.match(thrown('SNAPSHOT_NOT_FOUND', () => latestOf([all[3]!], { nowNs })).message, /future/);
});

test('a snapshot is named by id, beginning, latest or latest~N, with a folder after a colon', () => {
  assert.deepEqual(parseSnapshotName('latest'), { wanted: { kind: 'latest', back: 0 } });
  assert.deepEqual(parseSnapshotName('latest~2:/srv/a:b'), { wanted: { kind: 'latest', back: 2 }, folder: '/srv/a:b' });
  assert.deepEqual(parseSnapshotName('ab12'), { wanted: { kind: 'id', prefix: 'ab12' } });
  assert.deepEqual(parseSnapshotName('ab:'), { wanted: { kind: 'id', prefix: 'ab' }, folder: '' });
  for (const bad of ['', 'Latest', 'xyz', 'latest~', 'latest~-1', ':a', 'a'.repeat(65)]) {
    thrown('USAGE', () => parseSnapshotName(bad));
  }
});

test('a beginning must fit one id; when it fits several, all are shown', () => {
  const ids = ['abc1', 'abd2', 'ff'].map((start) => stored(start).id);
  assert.equal(resolvePrefix(ids, 'abc', 'snapshot'), ids[0]);
  assert.equal(resolvePrefix(ids, ids[1]!, 'snapshot'), ids[1]);
  const ambiguous = thrown('ID_AMBIGUOUS', () => resolvePrefix(ids, 'ab', 'snapshot'));
  assert.match(ambiguous.hint ?? '', /abc10000.*abd20000/);
  thrown('SNAPSHOT_NOT_FOUND', () => resolvePrefix(ids, '0', 'snapshot'));
  thrown('SNAPSHOT_NOT_FOUND', () => resolvePrefix(ids, '', 'snapshot'));
  thrown('REPO_FILE_MISSING', () => resolvePrefix([], 'a', 'key'));
});

test('grouping takes host, paths and tags in any order, or nothing', () => {
  assert.deepEqual(parseGroupBy('paths,host'), { host: true, paths: true, tags: false });
  assert.deepEqual(parseGroupBy(''), { host: false, paths: false, tags: false });
  thrown('USAGE', () => parseGroupBy('user'));
  const groups = groupSnapshots(
    [stored('a', { tags: ['y', 'x'] }), stored('b', { tags: ['x', 'y'] }), stored('c')],
    parseGroupBy('tag'),
  );
  assert.deepEqual(
    groups.map(({ key, snapshots }) => [key, snapshots.length]),
    [
      [{ hostname: '', paths: null, tags: null }, 1],
      [{ hostname: '', paths: null, tags: ['x', 'y'] }, 2],
    ],
  );
});
