import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { walkTree } from '../browse/walk.ts';
import { toByteString, type ByteString } from '../format/bytestring.ts';
import { timestampOfNs } from '../format/time.ts';
import type { BlobId } from '../ids.ts';
import type { Repository } from '../repository.ts';
import { createSampleRepository } from '../testing/sample-repository.ts';
import { backup, type BackupResult } from './backup.ts';
import type { ContentJudge } from './content-judge.ts';

const scratch = mkdtempSync(join(tmpdir(), 'coffre-judge-'));
after(() => rmSync(scratch, { recursive: true, force: true }));
const state = join(scratch, 'state');
mkdirSync(state);

const json: ContentJudge = {
  judges: (path) => path.endsWith('.json'),
  faultOf: async (_path, bytes) => {
    try {
      JSON.parse(bytes.toString());
      return undefined;
    } catch {
      return 'it is no JSON';
    }
  },
};

async function save(repository: Repository): Promise<BackupResult & { files: Map<string, string> }> {
  const indexed = await repository.loadIndex();
  const before = (await repository.listSnapshots()).length;
  // Each a second later, so that each has the one before it as its parent.
  const time = timestampOfNs(BigInt(1_800_000_000 + before) * 1_000_000_000n);
  const options = { workingFolder: '/' as ByteString, paths: [toByteString(state)], judge: json, time };
  const result = await backup(indexed, options);
  const wanted: [string, readonly BlobId[]][] = [];
  await walkTree(indexed, result.snapshot.tree, {
    entry: (path, node) => void (node.type === 'file' && wanted.push([path.replace(state, ''), node.content ?? []])),
  });
  const files = new Map<string, string>();
  for (const [path, ids] of wanted) {
    files.set(path, Buffer.concat(await Promise.all(ids.map((id) => indexed.loadBlob('data', id)))).toString());
  }
  return { ...result, files };
}

test('a torn state file never replaces the last good one, however often it is saved', async () => {
  const { repository } = await createSampleRepository();
  writeFileSync(join(state, 'a.json'), '{"a":1}');
  writeFileSync(join(state, 'note.txt'), '{{{');
  const first = await save(repository);
  assert.deepEqual(first.rejected, []);
  assert.equal(first.files.get('/note.txt'), '{{{');

  writeFileSync(join(state, 'a.json'), '{"a":');
  for (let round = 0; round < 2; round += 1) {
    const torn = await save(repository);
    assert.equal(torn.files.get('/a.json'), '{"a":1}');
    assert.equal(torn.files.get('/.coffre/invalid/a.json'), '{"a":');
    assert.deepEqual(
      torn.rejected.map(({ path, why, keptLastGood }) => [path, why, keptLastGood]),
      [[`${state}/a.json`, 'it is no JSON', true]],
    );
  }

  writeFileSync(join(state, 'a.json'), '{"a":2}');
  const mended = await save(repository);
  assert.equal(mended.files.get('/a.json'), '{"a":2}');
  assert.equal(mended.files.has('/.coffre/invalid/a.json'), false);
});

test('a file that was never good is only among the invalid ones', async () => {
  const { repository } = await createSampleRepository();
  writeFileSync(join(state, 'new.json'), 'oops');
  const { files, rejected } = await save(repository);
  assert.equal(files.has('/new.json'), false);
  assert.equal(files.get('/.coffre/invalid/new.json'), 'oops');
  assert.equal(rejected[0]?.keptLastGood, false);
});

test('what is deleted is gone; a folder that was a file, and a file that was a folder, are taken as they are', async () => {
  const { repository } = await createSampleRepository();
  const path = join(state, 'turns.json');
  writeFileSync(path, '{"good":1}');
  assert.equal((await save(repository)).files.get('/turns.json'), '{"good":1}');
  rmSync(path);
  assert.equal((await save(repository)).files.has('/turns.json'), false);
  writeFileSync(path, '{"good":2}');
  await save(repository);
  rmSync(path);
  mkdirSync(path);
  writeFileSync(join(path, 'inner.json'), 'torn');
  const folder = await save(repository);
  assert.equal(folder.files.has('/turns.json'), false);
  assert.equal(folder.files.get('/.coffre/invalid/turns.json/inner.json'), 'torn');
  rmSync(path, { recursive: true });
  writeFileSync(path, 'torn too');
  const file = await save(repository);
  assert.equal(file.files.has('/turns.json'), false);
  assert.equal(file.files.get('/.coffre/invalid/turns.json'), 'torn too');
  assert.equal(file.rejected.find((one) => one.path.endsWith('turns.json'))?.keptLastGood, false);
  rmSync(path);
});

test('the last good content is kept through any number of torn ones, each of which is kept too', async () => {
  const { repository } = await createSampleRepository();
  const path = join(state, 'often.json');
  writeFileSync(path, '{"good":1}');
  await save(repository);
  for (let round = 0; round < 5; round += 1) {
    writeFileSync(path, `{"torn":${round}`);
    const { files } = await save(repository);
    assert.equal(files.get('/often.json'), '{"good":1}');
    assert.equal(files.get('/.coffre/invalid/often.json'), `{"torn":${round}`);
  }
  rmSync(path);
});
