import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { createFiles, systemClock } from '@coffre/repository';
import { BSON } from 'mongodb';
import { createPrograms } from '../../platform/programs.ts';
import type { SavedSource, SourceContext } from '../source.ts';
import { ArchiveReader } from './archive.ts';
import { connectionOf } from './mongodb-address.ts';
import { isOplog, noteOplog } from './mongodb-dump.ts';
import type { MongodbTruth } from './mongodb-truth.ts';
import { planReplay, replayOplog } from './oplog-replay.ts';
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

test('it is applied where it fits: old names, a server that can, and something to apply', () => {
  const oplog = { entries: 3, changes: 2, first: null, last: null };
  assert.equal(planReplay({ oplog: null }, 'mongod', true), 'none');
  assert.equal(planReplay({ oplog: { ...oplog, changes: 0 } }, 'mongod', false), 'none');
  assert.equal(planReplay({ oplog }, 'mongod', true), 'replay');
  assert.equal(planReplay({ oplog }, 'mongod', false), 'cannot');
  assert.equal(planReplay({ oplog }, 'ferretdb', true), 'cannot');
});

test('mongorestore is given the oplog alone', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'coffre-oplog-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const tool = join(folder, 'mongorestore');
  writeFileSync(tool, `#!/bin/sh\nprintf '%s\\n' "$@" > '${folder}/words'\ncat > '${folder}/input'\n`, { mode: 0o755 });
  const context: SourceContext = {
    programs: createPrograms({ PATH: process.env['PATH'] }),
    searchPath: folder,
    files: createFiles(),
    clock: systemClock(),
    temporaryFolder: join(folder, 'tmp'),
    signal: new AbortController().signal,
    warn: () => undefined,
  };
  const truth = { archives: [{ path: '/a', database: null, sizeBytes: 1, sha256: '' }] };
  const saved = {
    name: 'db',
    truth: truth as unknown as MongodbTruth,
    streams: [],
    read: async function* () {
      yield archive;
    },
  } satisfies SavedSource<MongodbTruth>;
  await replayOplog(saved, connectionOf({ host: 'h', user: 'u', password: 'secret' }), context);
  const reader = new ArchiveReader();
  reader.push(readFileSync(join(folder, 'input')));
  assert.deepEqual(
    reader.end().collections.map(({ database, collection, documents }) => [database, collection, documents]),
    [['', 'oplog', 3]],
  );
  const words = readFileSync(join(folder, 'words'), 'utf8');
  assert.match(words, /--archive\n--stopOnError\n--bypassDocumentValidation\n--oplogReplay/);
  assert.ok(!words.includes('secret'));
});
