/** A small repository made without the archiver: trees written by hand, snapshots with any date, and a key that opens at once. */
import type { Backend } from '../backend/backend.ts';
import { createMemoryBackend, type MemoryBackend } from '../backend/memory.ts';
import { randomPolynomial } from '../chunker/polynomial.ts';
import { createSealer, randomMasterKey } from '../crypto/seal.ts';
import { toByteString, type ByteString } from '../format/bytestring.ts';
import { encodeConfig } from '../format/config.ts';
import { encodeSnapshot, type Snapshot } from '../format/snapshot.ts';
import { encodeTree, type NodeType, type TreeNode } from '../format/tree.ts';
import type { Host, Warning } from '../host/context.ts';
import { createFiles } from '../host/files.ts';
import type { Random } from '../host/host.ts';
import { idFromBytes, type BlobId, type SnapshotId } from '../ids.ts';
import type { BlobWriter } from '../index/blob-writer.ts';
import type { IndexedRepository } from '../index/indexed-repository.ts';
import { openRepository, type Repository } from '../repository.ts';
import { createFakeClock, type FakeClock } from './fake-clock.ts';
import { addQuickKey } from './quick-key.ts';
import { createSeededRandom } from './seeded-random.ts';

export const samplePassword = 'correct horse';

export type SampleHost = Host & { readonly clock: FakeClock; readonly warnings: Warning[] };

export type SampleHostOptions = {
  readonly start?: Date;
  readonly random?: Random;
  /** Time flies for whoever measures it, so that new keys get the least costs there are. */
  readonly isHasty?: boolean;
};

export function createSampleHost(options: SampleHostOptions = {}): SampleHost {
  const warnings: Warning[] = [];
  const clock = createFakeClock(options.start === undefined ? {} : { start: options.start });
  let nowMs = 0;
  return {
    clock: options.isHasty === true ? { ...clock, monotonicMs: () => (nowMs += 10_000) } : clock,
    random: options.random ?? createSeededRandom(1),
    identity: { hostname: 'sample', username: 'ann', uid: 1000, gid: 1000, pid: 4242 },
    files: createFiles(),
    warn: (warning) => void warnings.push(warning),
    warnings,
  };
}

export type SampleOptions<B extends Backend> = {
  readonly backend?: B;
  readonly host?: SampleHost;
  readonly version?: 1 | 2;
  readonly password?: string;
};

export async function createSampleRepository(
  options?: SampleOptions<MemoryBackend>,
): Promise<{ repository: Repository; backend: MemoryBackend; host: SampleHost }>;
export async function createSampleRepository<B extends Backend>(
  options: SampleOptions<B> & { backend: B },
): Promise<{ repository: Repository; backend: B; host: SampleHost }>;
export async function createSampleRepository(
  options: SampleOptions<Backend> = {},
): Promise<{ repository: Repository; backend: Backend; host: SampleHost }> {
  const {
    backend = createMemoryBackend(),
    host = createSampleHost(),
    version = 2,
    password = samplePassword,
  } = options;
  await backend.create();
  const masterKey = randomMasterKey(host.random);
  const config = {
    version,
    id: idFromBytes(host.random.bytes(32)),
    chunkerPolynomial: randomPolynomial(host.random),
    foreign: {},
  };
  await addQuickKey(backend, host, { masterKey, password });
  await backend.save({ kind: 'config' }, [createSealer(masterKey).seal(encodeConfig(config), host.random)]);
  return { repository: await openRepository({ backend, host, password }), backend, host };
}

/** A text is a file; an object without `type` is a folder; anything else gives its own node. */
export type SampleTree = { readonly [name: string]: string | SampleNode | SampleTree };
export type SampleNode = Partial<Omit<TreeNode, 'name' | 'type'>> & {
  readonly type: NodeType;
  /** Blobs of a file, in order. */
  readonly chunks?: readonly (string | Buffer)[];
  readonly entries?: SampleTree;
};

const epoch = { sec: 1_700_000_000, nsec: 0 };
const typeBits: { readonly [type: string]: number } = {
  dir: 2 ** 31 + 0o755,
  symlink: 2 ** 27 + 0o777,
  fifo: 2 ** 25 + 0o644,
};

export async function saveSampleTree(writer: BlobWriter, tree: SampleTree): Promise<BlobId> {
  const nodes: TreeNode[] = [];
  for (const [name, entry] of Object.entries(tree)) nodes.push(await sampleNode(writer, toByteString(name), entry));
  nodes.sort((a, b) => (a.name < b.name ? -1 : 1));
  return (await writer.saveBlob('tree', encodeTree(nodes))).id;
}

async function sampleNode(writer: BlobWriter, name: ByteString, entry: SampleTree[string]): Promise<TreeNode> {
  const given: SampleNode =
    typeof entry === 'string'
      ? { type: 'file', chunks: entry === '' ? [] : [entry] }
      : isNode(entry)
        ? entry
        : { type: 'dir', entries: entry };
  const { chunks = [], entries, ...members } = given;
  const content: BlobId[] = [];
  let size = 0;
  for (const chunk of chunks) {
    const bytes = Buffer.from(chunk as string);
    size += bytes.byteLength;
    content.push((await writer.saveBlob('data', bytes)).id);
  }
  return {
    name,
    mode: typeBits[given.type] ?? 0o644,
    mtime: epoch,
    atime: epoch,
    ctime: epoch,
    uid: 1000,
    gid: 1000,
    user: 'ann',
    group: 'ann',
    content: given.type === 'file' ? content : null,
    ...(given.type === 'file' && { size, links: 1 }),
    ...(given.type === 'dir' && { subtree: await saveSampleTree(writer, entries ?? {}) }),
    ...members,
  };
}

const nodeTypes: ReadonlySet<unknown> = new Set<NodeType>([
  'file',
  'dir',
  'symlink',
  'dev',
  'chardev',
  'fifo',
  'socket',
  'irregular',
]);

function isNode(entry: SampleNode | SampleTree): entry is SampleNode {
  return nodeTypes.has(entry['type']);
}

/** Saves the tree and a snapshot of it. */
export async function addSampleSnapshot(
  indexed: IndexedRepository,
  tree: SampleTree,
  members: Partial<Snapshot> = {},
): Promise<SnapshotId> {
  const writer = indexed.openWriter();
  const root = await saveSampleTree(writer, tree);
  await writer.flush();
  return addSnapshotFile(indexed.repository, { tree: root, ...members });
}

export async function addSnapshotFile(
  repository: Repository,
  members: Partial<Snapshot> & Pick<Snapshot, 'tree'>,
): Promise<SnapshotId> {
  const snapshot: Snapshot = { time: '2026-01-02T03:04:05Z', paths: ['/data'], hostname: 'sample', ...members };
  return repository.saveUnpacked('snapshots', encodeSnapshot(snapshot));
}
