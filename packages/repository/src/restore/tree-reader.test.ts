import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withCounts } from '../backend/counting.ts';
import { createMemoryBackend } from '../backend/memory.ts';
import type { BlobId } from '../ids.ts';
import { createSampleRepository, saveSampleTree, type SampleTree } from '../testing/sample-repository.ts';
import { withFaults } from '../testing/faults.ts';
import { TreeReader } from './tree-reader.ts';

async function readAll(reader: TreeReader, tree: BlobId, path = ''): Promise<string[]> {
  const nodes = await reader.load(tree);
  reader.prefetch(nodes.flatMap(({ subtree }) => (subtree === undefined ? [] : [subtree])));
  const all: string[] = [];
  for (const { name, subtree } of nodes) {
    all.push(`${path}/${name}`);
    if (subtree !== undefined) all.push(...(await readAll(reader, subtree, `${path}/${name}`)));
  }
  return all;
}

function wideTree(folders: number): SampleTree {
  return Object.fromEntries(
    Array.from({ length: folders }, (_, i) => [`folder ${i}`, { inner: { [`file ${i}`]: `${i}` } }]),
  );
}

test('a family of folders that was saved together comes with few reads', async () => {
  const backend = withCounts(createMemoryBackend());
  const { repository } = await createSampleRepository({ backend });
  const writer = (await repository.loadIndex()).openWriter();
  const tree = await saveSampleTree(writer, wideTree(300));
  await writer.flush();
  const indexed = await repository.loadIndex();
  const before = backend.tally('load').calls;
  assert.equal((await readAll(new TreeReader(indexed), tree)).length, 900);
  assert.ok(backend.tally('load').calls - before < 10);
});

test('folders that lie scattered are read a few at a time, never all at once', async () => {
  let running = 0;
  let most = 0;
  const memory = createMemoryBackend();
  const backend = {
    ...memory,
    load: async (...args: Parameters<typeof memory.load>) => {
      most = Math.max(most, ++running);
      await new Promise((resolve) => setImmediate(resolve));
      running -= 1;
      return await memory.load(...args);
    },
  };
  const { repository } = await createSampleRepository({ backend });
  const subtrees: BlobId[] = [];
  for (let i = 0; i < 60; i++) {
    const writer = (await repository.loadIndex()).openWriter();
    subtrees.push(await saveSampleTree(writer, { [`file ${i}`]: `${i}` }));
    await writer.flush();
  }
  const writer = (await repository.loadIndex()).openWriter();
  const entries = Object.fromEntries(subtrees.map((subtree, i) => [`folder ${i}`, { type: 'dir', subtree } as const]));
  const tree = await saveSampleTree(writer, entries);
  await writer.flush();
  const indexed = await repository.loadIndex();
  most = 0;
  assert.equal((await readAll(new TreeReader(indexed), tree)).length, 120);
  assert.ok(most <= 8, `${most} reads at once`);
});

test('a range that cannot be read does not cost the trees that can', async () => {
  const broken = { kind: 'fail' } as const;
  let failures = 0;
  const backend = withFaults(createMemoryBackend(), ({ operation }) =>
    operation === 'load' && failures-- > 0 ? broken : undefined,
  );
  const { repository } = await createSampleRepository({ backend });
  const writer = (await repository.loadIndex()).openWriter();
  const tree = await saveSampleTree(writer, wideTree(20));
  await writer.flush();
  const indexed = await repository.loadIndex();
  failures = 1;
  assert.equal((await readAll(new TreeReader(indexed), tree)).length, 60);
});
