import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { BSON } from 'mongodb';
import { ArchiveReader, isOplog } from './archive.ts';
import { noteOplog } from './mongodb-dump.ts';
import { planReplay } from './oplog-replay.ts';
import { OplogStore } from './oplog-store.ts';
import { document, sampleArchive, text } from './testing/sample-archive.ts';

const entry = (op: string, i: number): Buffer =>
  Buffer.from(BSON.serialize({ ts: new BSON.Timestamp({ t: 1000, i }), op, ns: 'shop.a', o: { _id: 1 } }));
const archive = sampleArchive([
  { database: 'shop', collection: 'a', documents: [document(text('_id', 'x'))] },
  { database: '', collection: 'oplog', documents: [entry('n', 1), entry('i', 2), entry('d', 3)] },
]);

test('the oplog of an archive is counted, and its two ends are noted', () => {
  const oplog = { entries: 0, changes: 0, first: null, last: null };
  const reader = new ArchiveReader({ document: noteOplog(oplog), wantsDocuments: isOplog });
  for (let at = 0; at < archive.length; at += 33) reader.push(archive.subarray(at, at + 33));
  reader.end();
  assert.deepEqual(oplog, { entries: 3, changes: 2, first: '1000:1', last: '1000:3' });
});

test('it is applied by a server that can, where there is something to apply', () => {
  const oplog = { entries: 3, changes: 2, first: null, last: null };
  assert.equal(planReplay({ oplog: null }, 'mongod'), 'none');
  assert.equal(planReplay({ oplog: { ...oplog, changes: 0 } }, 'mongod'), 'none');
  assert.equal(planReplay({ oplog }, 'mongod'), 'replay');
  assert.equal(planReplay({ oplog }, 'ferretdb'), 'cannot');
});

test('between two runs of mongorestore the oplog lies in an archive of its own, and nowhere afterwards', async (t) => {
  const temporaryFolder = mkdtempSync(join(tmpdir(), 'coffre-oplog-'));
  t.after(() => rmSync(temporaryFolder, { recursive: true }));
  {
    using store = new OplogStore({ temporaryFolder });
    const large = Buffer.from(BSON.serialize({ op: 'i', o: { text: 'x'.repeat(700_000) } }));
    for (const one of [entry('i', 1), large, large, entry('d', 2)]) store.add(one);
    const found: Buffer[] = [];
    const reader = new ArchiveReader({ document: (one) => void found.push(Buffer.from(one)) });
    for await (const piece of store.archive()) reader.push(piece);
    assert.deepEqual(
      reader.end().collections.map(({ database, collection, documents }) => [database, collection, documents]),
      [['', 'oplog', 4]],
    );
    assert.deepEqual(found, [entry('i', 1), large, large, entry('d', 2)]);
  }
  assert.deepEqual(readdirSync(temporaryFolder), []);
});
