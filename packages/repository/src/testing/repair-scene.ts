/** A repository to be damaged and repaired: what can be read of it before and after. */
import { createMemoryBackend, type MemoryBackend } from '../backend/memory.ts';
import { sha256Hex } from '../crypto/hash.ts';
import { toText } from '../format/bytestring.ts';
import { encodeIndexFile } from '../format/index-file.ts';
import { parseId, type BlobId, type PackId } from '../ids.ts';
import type { IndexedRepository } from '../index/indexed-repository.ts';
import { check } from '../maintain/check.ts';
import { openRepository, type Repository } from '../repository.ts';
import { withFaults, type FaultPlan, type FaultyBackend } from './faults.ts';
import { addSampleSnapshot, createSampleHost, createSampleRepository, samplePassword } from './sample-repository.ts';
import { createSeededRandom } from './seeded-random.ts';

export type RepositoryFiles = Map<string, Buffer>;

/** Two snapshots that share files; several blobs in each pack, several packs and index files. */
export async function makeRepairFiles(): Promise<RepositoryFiles> {
  const { repository, backend } = await createSampleRepository();
  const random = createSeededRandom(11);
  const large = { type: 'file', chunks: [random.bytes(3000), random.bytes(4000), random.bytes(5000)] } as const;
  const common = { large, text: 'some text', deep: { shared: 'shared by both', inner: { low: 'far below' } } };
  await addSampleSnapshot(await repository.loadIndex(), { ...common, first: 'only in the first' });
  await addSampleSnapshot(
    await repository.loadIndex(),
    { ...common, second: 'only in the second', other: { file: 'of the second' } },
    { time: '2026-01-03T00:00:00Z', hostname: 'other' },
  );
  return backend.files;
}

export function copyFiles(files: RepositoryFiles): RepositoryFiles {
  return new Map([...files].map(([name, bytes]) => [name, Buffer.from(bytes)]));
}

/** Opened as by a process that knows nothing of others; what it changes is in the files that are returned. */
export async function openFiles(
  files: RepositoryFiles,
  plan?: FaultPlan,
): Promise<{ repository: Repository; files: RepositoryFiles; backend: MemoryBackend | FaultyBackend }> {
  const memory = createMemoryBackend({ files });
  const backend = plan === undefined ? memory : withFaults(memory, plan);
  const repository = await openRepository({ backend, host: createSampleHost(), password: samplePassword });
  return { repository, files: memory.files, backend };
}

/** By snapshot (the first one it was made from) and path: the hash of what can be read in full. */
export async function readableFiles(files: RepositoryFiles): Promise<Map<string, string>> {
  const { repository } = await openFiles(files);
  const indexed = await repository.loadIndex();
  const readable = new Map<string, string>();
  for (const { id, snapshot } of await repository.listSnapshots()) {
    await readFolder(indexed, snapshot.tree, `${snapshot.original ?? id}:`, readable);
  }
  return readable;
}

async function readFolder(
  indexed: IndexedRepository,
  treeId: BlobId,
  path: string,
  readable: Map<string, string>,
): Promise<void> {
  const nodes = await indexed.loadTree(treeId).catch(() => []);
  for (const node of nodes) {
    const name = `${path}/${toText(node.name)}`;
    if (node.type === 'dir') await readFolder(indexed, node.subtree as BlobId, name, readable);
    const parts = (node.content ?? []).map((id) => indexed.loadBlob('data', id).catch(() => undefined));
    const content = await Promise.all(parts);
    if (node.type !== 'file' || content.includes(undefined)) continue;
    const bytes = Buffer.concat(content as Buffer[]);
    if (!readable.has(name)) readable.set(name, sha256Hex(bytes));
  }
}

/** Errors only: what a crash leaves beside the repository is a hint, and a matter for prune. */
export async function errorKinds(files: RepositoryFiles): Promise<string[]> {
  const { repository } = await openFiles(files);
  const kinds: string[] = [];
  await check(repository, { readData: { kind: 'all' } }, (event) => {
    if (event.kind === 'finding' && event.finding.severity === 'error') kinds.push(event.finding.kind);
  });
  return [...new Set(kinds)].sort();
}

/** The largest pack of data, or of trees. */
export async function packOf(files: RepositoryFiles, type: 'data' | 'tree'): Promise<PackId> {
  const { repository } = await openFiles(files);
  const packs = [...(await repository.loadIndex()).packs()].filter(({ blobs }) => blobs[0]?.type === type);
  const [largest] = packs.sort((a, b) => b.blobs.length - a.blobs.length);
  return parseId<PackId>(largest?.id ?? '');
}

export type Damage = { readonly name: string; do(files: RepositoryFiles): Promise<void> };

function file(files: RepositoryFiles, pack: PackId): Buffer {
  return files.get(`data/${pack}`) as Buffer;
}

function onPack(name: string, type: 'data' | 'tree', change: (bytes: Buffer) => Buffer | undefined): Damage {
  return {
    name,
    async do(files) {
      const pack = await packOf(files, type);
      const changed = change(file(files, pack));
      if (changed === undefined) files.delete(`data/${pack}`);
      else files.set(`data/${pack}`, changed);
    },
  };
}

function flipped(bytes: Buffer, at: number): Buffer {
  const copy = Buffer.from(bytes);
  copy[at] = (copy[at] ?? 0) ^ 1;
  return copy;
}

function onIndexes(name: string, change: (files: RepositoryFiles, names: readonly string[]) => void): Damage {
  return {
    name,
    do(files) {
      change(files, [...files.keys()].filter((key) => key.startsWith('index/')).sort());
      return Promise.resolve();
    },
  };
}

/** What disks, networks and people do to a repository. */
export const damages: readonly Damage[] = [
  onPack('a flipped bit in a data blob', 'data', (bytes) => flipped(bytes, 500)),
  onPack('a flipped bit in a tree blob', 'tree', (bytes) => flipped(bytes, 100)),
  onPack('a flipped bit in a header', 'data', (bytes) => flipped(bytes, bytes.byteLength - 20)),
  onPack('a flipped bit in a header length', 'tree', (bytes) => flipped(bytes, bytes.byteLength - 3)),
  onPack('a truncated pack', 'data', (bytes) => bytes.subarray(0, Math.floor(bytes.byteLength / 2))),
  onPack('a truncated pack of trees', 'tree', (bytes) => bytes.subarray(0, Math.floor(bytes.byteLength / 2))),
  onPack('a missing pack', 'data', () => undefined),
  onPack('a missing pack of trees', 'tree', () => undefined),
  onPack('garbage at the end of a pack', 'data', (bytes) => Buffer.concat([bytes, Buffer.alloc(77, 7)])),
  onPack('an empty pack', 'data', () => Buffer.alloc(0)),
  onIndexes('a missing index', (files, [first = '']) => files.delete(first)),
  onIndexes('no index at all', (files, names) => names.forEach((name) => files.delete(name))),
  onIndexes('a garbage index', (files, [first = '']) => files.set(first, Buffer.from('{"packs":[]}'))),
  onIndexes('garbage under its right name', (files) => {
    const garbage = Buffer.alloc(100, 3);
    files.set(`index/${sha256Hex(garbage)}`, garbage);
  }),
  {
    name: 'two index files that do not agree',
    async do(files) {
      const pack = await packOf(files, 'data');
      const { repository, files: changed } = await openFiles(files);
      const { blobs = [] } = [...(await repository.loadIndex()).packs()].find(({ id }) => id === pack) ?? {};
      const lie = blobs.map((blob) => ({ ...blob, offset: blob.offset + 1 }));
      await repository.saveUnpacked('index', encodeIndexFile({ packs: [{ id: pack, blobs: lie }] }));
      for (const [name, bytes] of changed) files.set(name, bytes);
    },
  },
];
