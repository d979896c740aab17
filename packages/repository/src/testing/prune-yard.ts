/** A repository in memory that grows, forgets and prunes, and tells whether everything it should hold is there. */
import assert from 'node:assert/strict';
import { createMemoryBackend, type MemoryBackend } from '../backend/memory.ts';
import type { Backend } from '../backend/backend.ts';
import type { SnapshotId } from '../ids.ts';
import { parseId } from '../ids.ts';
import { check } from '../maintain/check.ts';
import type { CheckResult } from '../maintain/check-findings.ts';
import { graceMsDefault } from '../maintain/prune/marks.ts';
import { prune, type PruneEvent, type PruneOptions, type PruneResult } from '../maintain/prune/prune.ts';
import { openRepository, type Repository } from '../repository.ts';
import {
  addSnapshotFile,
  createSampleHost,
  createSampleRepository,
  samplePassword,
  saveSampleTree,
  type SampleHost,
  type SampleTree,
} from './sample-repository.ts';
import { createSeededRandom, type SeededRandom } from './seeded-random.ts';

export const hourMs = 60 * 60_000;

export type PruneYard = {
  readonly backend: MemoryBackend;
  readonly host: SampleHost;
  readonly random: SeededRandom;
  /** Of each snapshot that is there. */
  readonly trees: Map<SnapshotId, SampleTree>;
  /** Of snapshots that were forgotten: what a later backup may save again. */
  readonly forgotten: SampleTree[];
  /** As another program would: through its own view of the same storage. */
  open(storage?: Backend): Promise<Repository>;
};

export async function createPruneYard(options: { seed?: number; version?: 1 | 2 } = {}): Promise<PruneYard> {
  const { seed = 1, version = 2 } = options;
  const host = createSampleHost({ random: createSeededRandom(seed) });
  const { backend } = await createSampleRepository({ backend: createMemoryBackend(), host, version });
  return {
    backend,
    host,
    random: createSeededRandom(seed + 1000),
    trees: new Map(),
    forgotten: [],
    open: (storage = backend) => openRepository({ backend: storage, host, password: samplePassword }),
  };
}

/** The same files in storage of its own, so that several fates can be tried. */
export function copyYard(yard: PruneYard): PruneYard {
  const backend = createMemoryBackend({ files: yard.backend.files });
  const { host } = yard;
  return {
    ...yard,
    backend,
    trees: new Map(yard.trees),
    forgotten: [...yard.forgotten],
    open: (storage = backend) => openRepository({ backend: storage, host, password: samplePassword }),
  };
}

const packTargetBytes = 4000;

/** A tree that shares some of its files with the one before, and with one that was forgotten. */
export function growTree({ random, trees, forgotten }: PruneYard): SampleTree {
  const tree: Record<string, SampleTree[string]> = {};
  for (const before of [[...trees.values()].at(-1), forgotten.at(-1)]) {
    for (const [name, entry] of Object.entries(before ?? {})) if (random.chance(0.6)) tree[name] = entry;
  }
  for (let n = 0; n < 4; n++) {
    const chunks = Array.from({ length: 1 + random.integer(3) }, () => random.bytes(200 + random.integer(1500)));
    tree[`file-${random.integer(1e6)}`] = { type: 'file', chunks };
  }
  tree[`folder-${random.integer(3)}`] = { inner: `text ${random.integer(1e6)}`, deep: { leaf: 'the same everywhere' } };
  return tree;
}

/** What a backup does: index read, packs, index, snapshot. */
export async function addSnapshot(yard: PruneYard, repository?: Repository): Promise<SnapshotId> {
  const own = repository ?? (await yard.open());
  const indexed = await own.loadIndex();
  const tree = growTree(yard);
  const writer = indexed.openWriter({ packTargetBytes });
  const root = await saveSampleTree(writer, tree);
  await writer.flush();
  const id = await addSnapshotFile(own, { tree: root, time: new Date(yard.trees.size * 1000).toISOString() });
  yard.trees.set(id, tree);
  return id;
}

export async function forgetSnapshots(yard: PruneYard, count: number): Promise<void> {
  const repository = await yard.open();
  for (const id of [...yard.trees.keys()].slice(0, count)) {
    await repository.remove('snapshots', id);
    yard.forgotten.push(yard.trees.get(id) as SampleTree);
    yard.trees.delete(id);
  }
}

export const noLock: PruneOptions['lock'] = async () => ({
  signal: new AbortController().signal,
  [Symbol.asyncDispose]: async () => undefined,
});

export async function runPrune(
  repository: Repository,
  options: Partial<PruneOptions> = {},
  report: (event: PruneEvent) => void = () => undefined,
): Promise<PruneResult> {
  return await prune(
    repository,
    {
      graceMs: graceMsDefault,
      maxUnused: { kind: 'percent', percent: 5 },
      smallPackBytes: 1000,
      compression: 'auto',
      packTargetBytes,
      lock: noLock,
      signal: new AbortController().signal,
      ...options,
    },
    report,
  );
}

/** Every byte of every snapshot, by the ordinary index; and that no index names what is not there. */
export async function assertAllIsWell(yard: PruneYard, about = ''): Promise<CheckResult> {
  const repository = await yard.open();
  const findings: string[] = [];
  const result = await check(repository, { readData: { kind: 'all' }, threads: 0 }, (event) => {
    if (event.kind === 'finding') findings.push(event.finding.message);
  });
  assert.equal(result.errors, 0, `${about}: ${findings.join('\n')}`);
  const listed = (await repository.listIds('snapshots')).map(({ id }) => id).sort();
  assert.deepEqual(listed, [...yard.trees.keys()].sort(), about);
  return result;
}

export function packsIn({ backend }: PruneYard): string[] {
  return [...backend.files.keys()].filter((name) => name.startsWith('data/')).map((name) => parseId(name.slice(5)));
}
