import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { withCounts } from '../backend/counting.ts';
import { withMemory } from '../backend/layers.ts';
import type { Backend } from '../backend/backend.ts';
import { toByteString, type ByteString } from '../format/bytestring.ts';
import type { BlobId } from '../ids.ts';
import type { IndexedRepository } from '../index/indexed-repository.ts';
import { openRepository, type Repository } from '../repository.ts';
import { createSampleRepository, samplePassword, type SampleHost } from '../testing/sample-repository.ts';
import { backup } from './backup.ts';

const scratch = mkdtempSync(join(tmpdir(), 'coffre-near-'));
after(() => rmSync(scratch, { recursive: true, force: true }));

async function countEntries(indexed: IndexedRepository, tree: BlobId): Promise<number> {
  let entries = 0;
  for (const { subtree } of await indexed.loadTree(tree)) {
    entries += 1 + (subtree === undefined ? 0 : await countEntries(indexed, subtree));
  }
  return entries;
}

test('who comes back lists a snapshot and saves what did not change with few calls, and without a cache all the same', async () => {
  const source = join(scratch, 'source');
  for (let folder = 0; folder < 40; folder += 1) {
    mkdirSync(join(source, `folder-${folder}`), { recursive: true });
    writeFileSync(join(source, `folder-${folder}`, 'file'), `content ${folder}`);
  }
  const { host, backend: memory } = await createSampleRepository();
  const storage = withCounts(memory);
  const cache = join(scratch, 'cache');
  /** Opens anew, and tells how many loads of the storage the work took beside those of config and key. */
  async function visit<T>(
    work: (repository: Repository) => Promise<T>,
    cached = true,
  ): Promise<{ loads: number; result: T }> {
    await using repository = await openNear(storage, host, { folder: cache, cached });
    const before = storage.tally('load').calls;
    const result = await work(repository);
    return { loads: storage.tally('load').calls - before, result };
  }
  const options = { paths: [toByteString(source)], workingFolder: '/' as ByteString };
  const list = (tree: BlobId) => async (repository: Repository) => countEntries(await repository.loadIndex(), tree);

  const first = await visit(async (repository) => await backup(await repository.loadIndex(), options));
  const { tree } = first.result.snapshot;
  assert.equal((await visit(list(tree))).loads, 0, 'what this machine saved is near');
  const unchanged = await visit(async (repository) => await backup(await repository.loadIndex(), options));
  assert.equal(unchanged.loads, 0);

  rmSync(cache, { recursive: true });
  const bare = await visit(list(tree), false);
  const cold = await visit(list(tree));
  const warm = await visit(list(tree));
  assert.deepEqual([cold.result, warm.result], [bare.result, bare.result]);
  assert.ok(bare.loads > 40, `every folder is a call: ${bare.loads}`);
  assert.ok(cold.loads <= 6, `indexes, two pieces, the pack: ${cold.loads}`);
  assert.equal(warm.loads, 0);
});

test('a cache that is deleted in the middle costs calls and nothing else', async () => {
  const { host, backend, repository } = await createSampleRepository();
  const source = join(scratch, 'source');
  const options = { paths: [toByteString(source)], workingFolder: '/' as ByteString };
  const { snapshot } = await backup(await repository.loadIndex(), options);
  const folder = join(scratch, 'vanishing');
  await using near = await openNear(backend, host, { folder, cached: true });
  const indexed = await near.loadIndex();
  const before = await countEntries(indexed, snapshot.tree);
  rmSync(folder, { recursive: true });
  assert.equal(await countEntries(indexed, snapshot.tree), before);
});

async function openNear(
  backend: Backend,
  host: SampleHost,
  { folder, cached }: { folder: string; cached: boolean },
): Promise<Repository> {
  const { random, clock } = host;
  return await openRepository({
    backend,
    host,
    password: samplePassword,
    wrap: (storage) => withMemory(storage, { folder, random, clock, cached }),
  });
}
