import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { createSeededRandom } from './seeded-random.ts';
import { changeWorld, growWorld, readWorld, writeWorld } from './seeded-world.ts';

let top = '';
before(async () => (top = await mkdtemp(join(tmpdir(), 'coffre-world-'))));
after(() => rm(top, { recursive: true }));

test('a world is read back as it was written, whatever the seed', async () => {
  for (let seed = 1; seed <= 10; seed += 1) {
    const random = createSeededRandom(seed);
    const world = growWorld(random, { fileBytesMax: 5000 });
    await writeWorld(world, join(top, 'w'));
    assert.deepEqual(await readWorld(join(top, 'w')), world, `seed ${seed}`);
    const changed = changeWorld(world, random, { fileBytesMax: 5000 });
    await writeWorld(changed, join(top, 'w'));
    assert.deepEqual(await readWorld(join(top, 'w')), changed, `seed ${seed}`);
    assert.notDeepEqual(changed, world);
  }
});

test('the same seed grows the same world, and worlds have everything in them', () => {
  assert.deepEqual(growWorld(createSeededRandom(5)), growWorld(createSeededRandom(5)));
  const world = growWorld(createSeededRandom(5), { entries: 500 });
  const kinds = new Set([...world.values()].map(({ kind }) => kind));
  assert.deepEqual([...kinds].toSorted(), ['file', 'folder', 'symlink']);
  assert.ok([...world.values()].some((entry) => entry.kind === 'file' && entry.names !== undefined));
  assert.ok([...world.keys()].some((path) => path.includes('\xff')));
});
