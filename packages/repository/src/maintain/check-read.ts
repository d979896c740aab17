/** Reading packs back, all or some, and proving every byte of them. */
import { availableParallelism } from 'node:os';
import { isCoffreError, messageOf } from '../errors.ts';
import type { Random } from '../host/host.ts';
import type { PackId } from '../ids.ts';
import { inParallel } from '../parallel.ts';
import type { Repository } from '../repository.ts';
import { CheckCrew, type PackToRead } from './check-crew.ts';
import type { ReadDataSubset } from './read-data-subset.ts';
import { longestUnread, type Readings } from './reading-plan.ts';

export type { PackToRead } from './check-crew.ts';

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
  /**
   * The bytes are wrong, twice, or the disk cannot read them; a pack that no server gave, or was right the second time, is
   * not.
   */
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
  await using crew = new CheckCrew(repository, threads);
  await inParallel(packs, crew.packsAtOnce, async (pack) => report(await checkTwice(crew, pack)));
}

/** Storage and memory sometimes lie once: a pack is damaged when it is wrong twice. */
async function checkTwice(crew: CheckCrew, pack: PackToRead): Promise<PackVerdict> {
  const { id, sizeBytes } = pack;
  try {
    const first = await crew.check(pack);
    if (first.length === 0) return { id, sizeBytes, problems: [], isDamaged: false };
    const second = await crew.check(pack);
    if (second.length > 0) return { id, sizeBytes, problems: second, isDamaged: true };
    const problems = [`check successful on second attempt, original error: ${first.join('; ')}`];
    return { id, sizeBytes, problems, isDamaged: false };
  } catch (error) {
    if (!isCoffreError(error) || error.code === 'INTERRUPTED') throw error;
    const isDamaged = isCoffreError(error, 'BACKEND_UNREADABLE');
    return { id, sizeBytes, problems: [`download error: ${messageOf(error)}`], isDamaged };
  }
}
