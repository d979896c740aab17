/** Reading packs back, all or some, and proving every byte of them. */
import { availableParallelism } from 'node:os';
import { createLaneEngine } from '../crypto/sha256-lanes/engine.ts';
import { isCoffreError, messageOf } from '../errors.ts';
import type { Random } from '../host/host.ts';
import type { PackId } from '../ids.ts';
import { inParallel } from '../parallel.ts';
import type { Repository } from '../repository.ts';
import { WorkerPool } from '../workers/pool.ts';
import { handedOver, PackMemory } from '../pack/pack-memory.ts';
import { PackChecker } from './check-pack.ts';
import { packPayload, type ExpectedBlob } from './check-payload.ts';
import type { ReadDataSubset } from './read-data-subset.ts';
import { longestUnread, type Readings } from './reading-plan.ts';

export type PackToRead = {
  readonly id: PackId;
  readonly sizeBytes: number;
  /** What the index says, ordered by offset. */
  readonly blobs: readonly ExpectedBlob[];
};

/** A share of them is what was longest not read; chance alone where nobody knows. */
export function choosePacks<T extends { readonly id: PackId; readonly sizeBytes: number }>(
  packs: readonly T[],
  subset: ReadDataSubset,
  random: Random,
  readings: Readings = { reading: () => undefined },
): T[] {
  switch (subset.kind) {
    case 'all':
      return [...packs];
    case 'part':
      return packs.filter(({ id }) => Number.parseInt(id.slice(0, 2), 16) % subset.parts === subset.part - 1);
    case 'percent':
    case 'bytes':
      return longestUnread(packs, readings, random).slice(0, shareCount(packs, subset));
    default:
      return subset satisfies never;
  }
}

/** As restic counts: a share of the packs, also where a size was given. */
export function shareCount(
  packs: readonly { readonly sizeBytes: number }[],
  subset: Extract<ReadDataSubset, { kind: 'percent' | 'bytes' }>,
): number {
  const share = subset.kind === 'percent' ? subset.percent / 100 : shareOfBytes(packs, subset.bytes);
  return Math.min(packs.length, Math.max(1, Math.floor(packs.length * share)));
}

function shareOfBytes(packs: readonly { readonly sizeBytes: number }[], bytes: number): number {
  const totalBytes = packs.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  return totalBytes === 0 ? 1 : Math.min(1, bytes / totalBytes);
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
  await using seat = createSeat(repository, threads);
  // One pack per thread at work, and some on their way; a slow storage needs more of them to be kept busy.
  const onTheirWay = Math.min(threads, Math.ceil(repository.backend.connectionsMax / 4));
  const atOnce = Math.max(1, threads + onTheirWay);
  const reader = { repository, memory: new PackMemory(atOnce), seat };
  await inParallel(packs, atOnce, async (pack) => report(await checkTwice(reader, pack)));
}

type CheckSeat = AsyncDisposable & {
  check(id: PackId, bytes: Buffer, expected: readonly ExpectedBlob[]): Promise<string[]>;
};

function createSeat({ masterKey, host }: Repository, threads: number): CheckSeat {
  if (threads === 0) {
    const checker = new PackChecker(masterKey, undefined);
    return {
      check: (id, bytes, expected) => Promise.resolve(checker.check(packPayload(id, bytes, expected))),
      [Symbol.asyncDispose]: () => Promise.resolve(checker[Symbol.dispose]()),
    };
  }
  const lanes = createLaneEngine(() => host.clock.monotonicMs());
  const pool = new WorkerPool(threads, { work: 'check', key: masterKey, lanes });
  return {
    check(id, pack, expected) {
      const { bytes, transfer } = handedOver(pack);
      const payload = packPayload(id, bytes, expected);
      return pool.run<string[]>('check-pack', payload, transfer);
    },
    [Symbol.asyncDispose]: () => pool[Symbol.asyncDispose](),
  };
}

type PackReader = { readonly repository: Repository; readonly memory: PackMemory; readonly seat: CheckSeat };

/** Storage and memory sometimes lie once: a pack is damaged when it is wrong twice. */
async function checkTwice({ repository, memory, seat }: PackReader, pack: PackToRead): Promise<PackVerdict> {
  const { id, sizeBytes, blobs } = pack;
  const once = async (): Promise<string[]> => {
    const bytes = await memory.load(repository.backend, { kind: 'data', name: id }, sizeBytes);
    const problems = await seat.check(id, bytes, blobs);
    memory.give(bytes);
    return problems;
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
