/** Backups and prunes at the same storage, in many orders of their calls. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Backend } from '../../backend/backend.ts';
import { isCoffreError } from '../../errors.ts';
import {
  addSnapshot,
  assertAllIsWell,
  createPruneYard,
  forgetSnapshots,
  hourMs,
  runPrune,
  type PruneYard,
} from '../../testing/prune-yard.ts';
import { addSampleSnapshot, type SampleTree } from '../../testing/sample-repository.ts';
import { createSeededRandom, type SeededRandom } from '../../testing/seeded-random.ts';
import type { PruneLock, PruneOptions } from './prune.ts';

/** Every call waits for a random number of turns, so that parties overtake each other. */
function withTurns(backend: Backend, random: SeededRandom): Backend {
  const turns = async (): Promise<void> => {
    for (let n = random.integer(6); n > 0; n--) await new Promise((resolve) => setImmediate(resolve));
  };
  return {
    ...backend,
    save: async (file, parts, signal) => {
      await turns();
      await backend.save(file, parts, signal);
      await turns();
    },
    load: async (file, options) => {
      await turns();
      return backend.load(file, options);
    },
    async *list(kind) {
      await turns();
      yield* await Array.fromAsync(backend.list(kind));
    },
    remove: async (file) => {
      await turns();
      await backend.remove(file);
    },
  };
}

/** As the locks of a repository: many shared ones, or one that is exclusive. Who waits keeps nobody out. */
class LockBook {
  #shared = 0;
  #exclusive = false;

  async take(kind: 'shared' | 'exclusive'): Promise<PruneLock> {
    const isFree = (): boolean => !this.#exclusive && (kind === 'shared' || this.#shared === 0);
    while (!isFree()) await new Promise((resolve) => setImmediate(resolve));
    if (kind === 'shared') this.#shared += 1;
    else this.#exclusive = true;
    return {
      signal: new AbortController().signal,
      [Symbol.asyncDispose]: async () => {
        if (kind === 'shared') this.#shared -= 1;
        else this.#exclusive = false;
      },
    };
  }
}

type Crowd = { readonly yard: PruneYard; readonly locks: LockBook; readonly random: SeededRandom };

async function backUp({ yard, locks, random }: Crowd, takesLocks: boolean): Promise<void> {
  await using _lock = takesLocks ? await locks.take('shared') : undefined;
  await addSnapshot(yard, await yard.open(withTurns(yard.backend, random)));
}

async function pruneOnce({ yard, locks, random }: Crowd, options: Partial<PruneOptions>): Promise<void> {
  const repository = await yard.open(withTurns(yard.backend, random));
  try {
    await runPrune(repository, { ...options, lock: (kind) => locks.take(kind) });
  } catch (error) {
    // Two prunes at once: the second sees that the index is another, and nothing is removed.
    if (!isCoffreError(error, 'REPO_CHANGED') && !isCoffreError(error, 'BACKEND_NOT_FOUND')) throw error;
  }
}

async function crowdOf(seed: number): Promise<Crowd> {
  const yard = await createPruneYard({ seed });
  for (let n = 0; n < 3; n++) await addSnapshot(yard);
  await forgetSnapshots(yard, 2);
  return { yard, locks: new LockBook(), random: createSeededRandom(seed) };
}

/** More with COFFRE_SEEDS=1000. */
const seeds = Array.from({ length: Number(process.env['COFFRE_SEEDS'] ?? 10) }, (_, seed) => seed);

test('backups that take locks lose nothing beside prunes that delete at once, in any order of calls', async () => {
  for (const seed of seeds) {
    const crowd = await crowdOf(seed);
    const options = { graceMs: 0, maxUnused: { kind: 'bytes', bytes: 0 } } as const;
    await Promise.all([
      backUp(crowd, true),
      pruneOnce(crowd, options),
      backUp(crowd, true),
      pruneOnce(crowd, options),
      backUp(crowd, true),
    ]);
    await assertAllIsWell(crowd.yard, `seed ${seed}`);
  }
});

test('backups that take no locks lose nothing beside prunes with a grace period', async () => {
  for (const seed of seeds) {
    const crowd = await crowdOf(seed);
    const { yard } = crowd;
    await Promise.all([backUp(crowd, false), pruneOnce(crowd, {}), backUp(crowd, true), backUp(crowd, false)]);
    await yard.host.clock.advance(24 * hourMs);
    await runPrune(await yard.open());
    await assertAllIsWell(yard, `seed ${seed}`);
    await yard.host.clock.advance(24 * hourMs);
    await runPrune(await yard.open());
    await assertAllIsWell(yard, `seed ${seed}, a day later`);
  }
});

test('a backup without a lock that read the index before packs were marked gets them back', async () => {
  const yard = await createPruneYard({ seed: 3 });
  for (let n = 0; n < 3; n++) await addSnapshot(yard);
  const [tree] = yard.trees.values();
  await forgetSnapshots(yard, 2);
  const repository = await yard.open();
  const indexed = await repository.loadIndex();
  assert.ok((await runPrune(await yard.open(), { maxUnused: { kind: 'unlimited' } })).marked.packs > 0);

  yard.trees.set(await addSampleSnapshot(indexed, tree as SampleTree), tree as SampleTree);
  await yard.host.clock.advance(24 * hourMs);
  assert.ok((await runPrune(await yard.open())).recovered > 0);
  await assertAllIsWell(yard);
});
