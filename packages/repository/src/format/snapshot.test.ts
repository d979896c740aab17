import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import type { BlobId, SnapshotId } from '../ids.ts';
import { encodeSnapshot, parseSnapshot, type Snapshot } from './snapshot.ts';

const tree = 'ab'.repeat(32) as BlobId;
const other = 'cd'.repeat(32) as SnapshotId;
const count = fc.nat({ max: Number.MAX_SAFE_INTEGER });
const text = fc.string({ unit: 'binary', minLength: 1 }).map((t) => t.toWellFormed());
const time = fc.constantFrom('2024-07-15T12:00:00.5+02:00', '2024-01-01T00:00:00Z');
const u32 = fc.integer({ min: 1, max: 2 ** 32 - 1 });

const summary = fc
  .record({
    backup_start: time,
    backup_end: time,
    files_new: count,
    files_changed: count,
    files_unmodified: count,
    dirs_new: count,
    dirs_changed: count,
    dirs_unmodified: count,
    data_blobs: count,
    tree_blobs: count,
    data_added: count,
    data_added_packed: count,
    total_files_processed: count,
    total_bytes_processed: count,
  })
  .map((members) => ({ ...members }));

const snapshots: fc.Arbitrary<Snapshot> = fc
  .record(
    {
      time,
      tree: fc.constant(tree),
      parent: fc.constant(other),
      paths: fc.array(text),
      hostname: text,
      username: text,
      uid: u32,
      gid: u32,
      excludes: fc.array(text, { minLength: 1 }),
      tags: fc.array(text, { minLength: 1 }),
      original: fc.constant(other),
      program_version: text,
      summary,
      foreign: fc.constant({ label: 'x', delete: 'NotSet' }),
    },
    { requiredKeys: ['time', 'tree', 'paths'] },
  )
  .map((members) => ({ ...members }));

test('any snapshot survives being written', () => {
  fc.assert(fc.property(snapshots, (snapshot) => assert.deepEqual(parseSnapshot(encodeSnapshot(snapshot)), snapshot)));
});

test('members stand in the order of the format, empty ones are left out, and no line feed follows', () => {
  const snapshot: Snapshot = {
    summary: parseSnapshot(Buffer.from(`{"time":"2024-01-01T00:00:00Z","tree":"${tree}","summary":{}}`)).summary!,
    tags: ['<nightly>'],
    uid: 0,
    program_version: 'coffre 0.1.0',
    hostname: '',
    paths: ['/srv', '/etc'],
    excludes: [],
    parent: other,
    tree,
    time: '2024-07-15T12:00:00+02:00',
    foreign: { label: 'x' },
  };
  assert.equal(
    encodeSnapshot(snapshot).toString(),
    `{"time":"2024-07-15T12:00:00+02:00","parent":"${other}","tree":"${tree}","paths":["/srv","/etc"],"tags":["\\u003cnightly\\u003e"],` +
      '"program_version":"coffre 0.1.0","summary":{"backup_start":"0001-01-01T00:00:00Z","backup_end":"0001-01-01T00:00:00Z",' +
      '"files_new":0,"files_changed":0,"files_unmodified":0,"dirs_new":0,"dirs_changed":0,"dirs_unmodified":0,"data_blobs":0,' +
      '"tree_blobs":0,"data_added":0,"data_added_packed":0,"total_files_processed":0,"total_bytes_processed":0},"label":"x"}',
  );
});

test('what other programs add to a snapshot or its summary is kept', () => {
  const file = `{"time":"2024-01-01T00:00:00Z","tree":"${tree}","paths":null,"tags":null,"label":"l","summary":{"files_new":3,"command":"rustic"}}`;
  const snapshot = parseSnapshot(Buffer.from(file));
  assert.deepEqual(snapshot.paths, []);
  assert.equal('tags' in snapshot, false);
  const again = JSON.parse(encodeSnapshot(snapshot).toString()) as { label: string; summary: Record<string, unknown> };
  assert.equal(again.label, 'l');
  assert.equal(again.summary['command'], 'rustic');
  assert.equal(again.summary['files_new'], 3);
});

test('a snapshot without time or tree, or with nonsense in them, is damaged', () => {
  const good = { time: '2024-01-01T00:00:00Z', tree, paths: ['/'] };
  const wrong = [
    { time: 'yesterday' },
    { tree: 'ab' },
    { tree: undefined },
    { paths: 'x' },
    { uid: -1 },
    { tags: [1] },
    { parent: 'x' },
  ];
  for (const change of wrong) {
    const file = Buffer.from(JSON.stringify({ ...good, ...change }));
    assert.throws(() => parseSnapshot(file), { code: 'REPO_FILE_DAMAGED' }, JSON.stringify(change));
  }
  assert.throws(() => parseSnapshot(Buffer.from('{')), { code: 'REPO_FILE_DAMAGED' });
  assert.throws(() => parseSnapshot(Buffer.alloc(17 * 1024 * 1024, ' ')), { code: 'REPO_FILE_DAMAGED' });
});
