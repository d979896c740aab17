/** Reading packs back, all or some, and proving every byte of them. */
import { availableParallelism } from 'node:os';
import { createLaneEngine } from '../crypto/sha256-lanes/engine.ts';
import { isCoffreError, messageOf } from '../errors.ts';
import type { Random } from '../host/host.ts';
import type { PackId } from '../ids.ts';
import { inParallel } from '../parallel.ts';
import type { Repository } from '../repository.ts';
import { WorkerPool } from '../workers/pool.ts';
import { checkPackBytes, type ExpectedBlob } from './check-pack.ts';
import { packPayload, packTools } from './check-tasks.ts';
import type { ReadDataSubset } from './read-data-subset.ts';

export type PackToRead = {
  readonly id: PackId;
  readonly sizeBytes: number;
  /** What the index says, ordered by offset. */
  readonly blobs: readonly ExpectedBlob[];
};

export function choosePacks<T extends { readonly id: PackId; readonly sizeBytes: number }>(
  packs: readonly T[],
  subset: ReadDataSubset,
  random: Random,
): T[] {
  switch (subset.kind) {
    case 'all':
      return [...packs];
    case 'part':
      return packs.filter(({ id }) => Number.parseInt(id.slice(0, 2), 16) % subset.parts === subset.part - 1);
    case 'percent':
      return randomShare(packs, subset.percent / 100, random);
    case 'bytes': {
      const totalBytes = packs.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
      return randomShare(packs, totalBytes === 0 ? 1 : Math.min(1, subset.bytes / totalBytes), random);
    }
    default:
      return subset satisfies never;
  }
}

function randomShare<T>(packs: readonly T[], share: number, random: Random): T[] {
  const count = Math.max(1, Math.floor(packs.length * share));
  const drawn = random.bytes(packs.length * 4);
  return packs
    .map((pack, index) => ({ pack, order: drawn.readUInt32LE(index * 4) }))
    .sort((a, b) => a.order - b.order)
    .slice(0, count)
    .map(({ pack }) => pack);
}

export type PackVerdict = {
  readonly id: PackId;
  readonly sizeBytes: number;
  readonly problems: readonly string[];
  /** The bytes are wrong, twice; a pack that could not be read, or was right the second time, is not. */
  readonly isDamaged: boolean;
};

/** Below this threads cost more than they bring. */
const inlineBytesMax = 16 * 1024 * 1024;

/** Packs are taken from `packs` when their turn comes; verdicts come as they are ready. */
export async function readPacks(
  repository: Repository,
  packs: Iterable<PackToRead>,
  options: { readonly totalBytes: number; readonly threads?: number },
  report: (verdict: PackVerdict) => void,
): Promise<void> {
  const isSmall = options.totalBytes <= inlineBytesMax;
  const threads = options.threads ?? (isSmall ? 0 : Math.min(8, availableParallelism()));
  await using checker = createChecker(repository, threads);
  // One pack per thread at work, and some on their way; a slow storage needs more of them to be kept busy.
  const onTheirWay = Math.min(threads, Math.ceil(repository.backend.connectionsMax / 4));
  const atOnce = Math.max(1, threads + onTheirWay);
  await inParallel(packs, atOnce, async (pack) => report(await checkTwice(repository, checker, pack)));
}

type PackChecker = AsyncDisposable & {
  /** Takes the bytes over. */
  check(id: PackId, bytes: Buffer, expected: readonly ExpectedBlob[]): Promise<string[]>;
};

function createChecker({ masterKey, host }: Repository, threads: number): PackChecker {
  const setup = { work: 'check', key: masterKey } as const;
  if (threads === 0) {
    const tools = packTools({ ...setup, lanes: undefined });
    return {
      check: (id, bytes, expected) => Promise.resolve(checkPackBytes(tools, { id, bytes }, expected)),
      [Symbol.asyncDispose]: () => Promise.resolve(),
    };
  }
  const lanes = createLaneEngine(() => host.clock.monotonicMs());
  const pool = new WorkerPool(threads, { ...setup, lanes });
  return {
    check(id, bytes, expected) {
      const buffer = wholeBuffer(bytes);
      const payload = packPayload(id, buffer, expected);
      return pool.run<string[]>('check-pack', payload, [buffer, payload.ids, payload.numbers.buffer]);
    },
    [Symbol.asyncDispose]: () => pool[Symbol.asyncDispose](),
  };
}

/** A small buffer may share its memory with others, and memory moves as a whole. */
function wholeBuffer(bytes: Buffer): ArrayBuffer {
  const { buffer, byteLength } = bytes;
  if (buffer instanceof ArrayBuffer && buffer.byteLength === byteLength) return buffer;
  return new Uint8Array(bytes).buffer;
}

/** Storage and memory sometimes lie once: a pack is damaged when it is wrong twice. */
async function checkTwice(repository: Repository, checker: PackChecker, pack: PackToRead): Promise<PackVerdict> {
  const { id, sizeBytes, blobs } = pack;
  const once = async (): Promise<string[]> => {
    const bytes = await repository.backend.load({ kind: 'data', name: id });
    return checker.check(id, bytes, blobs);
  };
  try {
    const first = await once();
    if (first.length === 0) return { id, sizeBytes, problems: [], isDamaged: false };
    const second = await once();
    if (second.length > 0) return { id, sizeBytes, problems: second, isDamaged: true };
    const problems = [`check successful on second attempt, original error: ${first.join('; ')}`];
    return { id, sizeBytes, problems, isDamaged: false };
  } catch (error) {
    if (!isCoffreError(error) || error.code === 'INTERRUPTED') throw error;
    return { id, sizeBytes, problems: [`download error: ${messageOf(error)}`], isDamaged: false };
  }
}
