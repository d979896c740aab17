import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { walkTree } from '../browse/walk.ts';
import { toByteString, type ByteString } from '../format/bytestring.ts';
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
  const options = { workingFolder: '/' as ByteString, paths: [toByteString(state)], judge: json };
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
