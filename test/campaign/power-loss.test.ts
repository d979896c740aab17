/**
 * The power goes off at random moments of backups, and the disk keeps of what was not flushed whatever it likes. Bounded
 * here; more with COFFRE_CUTS=2000. The seed is printed and can be given back with COFFRE_SEED.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { backup, openRepository, restore, toByteString } from '@coffre/repository';
import type { LocalFiles, Repository, SnapshotId } from '@coffre/repository';
import { changeWorld, createSeededRandom, growWorld, readWorld, writeWorld } from '@coffre/repository/testing';
import type { SeededRandom, World } from '@coffre/repository/testing';
import { createLocalBackend } from '../../packages/repository/src/backend/local.ts';
import { createPowerLossDisk } from '../../packages/repository/src/testing/power-loss.ts';
import type { PowerLossDisk } from '../../packages/repository/src/testing/power-loss.ts';
import {
  createSampleHost,
  createSampleRepository,
  samplePassword,
} from '../../packages/repository/src/testing/sample-repository.ts';

const cuts = Number(process.env['COFFRE_CUTS'] ?? 24);
const seed = Number(process.env['COFFRE_SEED'] ?? Date.now() % 1_000_000);
/** Then a new repository is begun, so that the proof of all its snapshots stays short. */
const cutsPerRepository = 6;
const worldOptions = { entries: 20, fileBytesMax: 60_000 };

/** What a storage leaves out that must not be left out. */
type Careless = 'flushing files' | 'flushing folders';

type Scene = {
  readonly random: SeededRandom;
  readonly source: string;
  readonly target: string;
  readonly careless?: Careless;
};
type Saved = { readonly worlds: Map<string, World>; readonly published: Set<SnapshotId> };

function filesOf({ files }: PowerLossDisk, careless: Careless | undefined): LocalFiles {
  if (careless === undefined) return files;
  if (careless === 'flushing folders') return { ...files, syncFolder: async () => undefined };
  const createFile: LocalFiles['createFile'] = async (path, mode) => ({
    ...(await files.createFile(path, mode)),
    sync: async () => undefined,
  });
  return { ...files, createFile };
}

function openOn(disk: PowerLossDisk, { random, careless }: Scene): Promise<Repository> {
  const backend = createLocalBackend({ path: '/srv/repo', files: filesOf(disk, careless), random });
  return openRepository({ backend, host: createSampleHost({ random }), password: samplePassword });
}

async function save(disk: PowerLossDisk, scene: Scene, round: string): Promise<SnapshotId> {
  await using repository = await openOn(disk, scene);
  const { snapshotId } = await backup(await repository.loadIndex(), {
    paths: [toByteString(scene.source)],
    workingFolder: toByteString('/'),
    tags: [round],
    packTargetBytes: 100_000,
  });
  assert.ok(snapshotId !== undefined);
  return snapshotId;
}

/** Everything that is listed restores as it was; everything that was reported as saved is listed. */
async function assertAllRestore(disk: PowerLossDisk, scene: Scene, { worlds, published }: Saved): Promise<void> {
  await using repository = await openOn(disk, scene);
  const listed = await repository.listSnapshots();
  const ids = new Set(listed.map(({ id }) => id));
  for (const id of published) assert.ok(ids.has(id), `snapshot ${id} was reported as saved and is gone`);
  const indexed = await repository.loadIndex();
  for (const { snapshot } of listed) {
    rmSync(scene.target, { recursive: true, force: true });
    const [round = ''] = snapshot.tags ?? [];
    const target = toByteString(scene.target);
    await restore(indexed, { tree: snapshot.tree, subPath: toByteString(scene.source), target });
    assert.deepEqual(await readWorld(scene.target), worlds.get(round), round);
  }
}

async function cutAgainAndAgain(scene: Scene): Promise<number> {
  const { random, source } = scene;
  let disk = createPowerLossDisk(random);
  const host = createSampleHost({ random });
  const backend = createLocalBackend({ path: '/srv/repo', files: disk.files, random });
  await (await createSampleRepository({ backend, host })).repository[Symbol.asyncDispose]();
  let world = growWorld(random, worldOptions);
  await writeWorld(world, source);
  const saved: Saved = { worlds: new Map([['first', world]]), published: new Set() };
  const callsBefore = disk.calls;
  saved.published.add(await save(disk, scene, 'first'));
  const usualCalls = disk.calls - callsBefore;
  let interrupted = 0;

  for (let cut = 0; cut < cutsPerRepository; cut += 1) {
    world = changeWorld(world, random, worldOptions);
    await writeWorld(world, source);
    const round = `cut-${cut}`;
    saved.worlds.set(round, await readWorld(source));
    disk.cutAt(1 + random.integer(usualCalls));
    try {
      saved.published.add(await save(disk, scene, round));
    } catch {
      interrupted += 1;
    }
    disk = disk.restart();
    await assertAllRestore(disk, scene, saved);
    saved.published.add(await save(disk, scene, round));
    await assertAllRestore(disk, scene, saved);
  }
  return interrupted;
}

async function inScratchFolder<T>(work: (scene: Omit<Scene, 'random'>) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'coffre-power-'));
  try {
    return await work({ source: join(folder, 'source'), target: join(folder, 'target') });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

test(`${cuts} power cuts in the middle of backups lose no snapshot, and the next backup succeeds (seed ${seed})`, async () => {
  await inScratchFolder(async (places) => {
    let interrupted = 0;
    for (let begun = 0; begun * cutsPerRepository < cuts; begun += 1) {
      const random = createSeededRandom(seed + begun);
      interrupted += await cutAgainAndAgain({ ...places, random }).catch((cause: unknown) => {
        const again = `COFFRE_SEED=${seed + begun} COFFRE_CUTS=1 npm test -- --campaign power-loss`;
        throw new Error(`after a power cut: repeat it with ${again}`, { cause });
      });
    }
    assert.ok(interrupted > 0, 'some backups were interrupted');
  });
});

for (const careless of ['flushing files', 'flushing folders'] as const) {
  test(`a storage that leaves out ${careless} is found out`, async () => {
    await inScratchFolder(async (places) => {
      await assert.rejects(cutAgainAndAgain({ ...places, random: createSeededRandom(1), careless }));
    });
  });
}
