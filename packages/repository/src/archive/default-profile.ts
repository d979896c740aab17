import { filesProfile, type ChunkProfile } from '../chunker/profile.ts';
import type { RepositoryConfig } from '../format/config.ts';

const averageBitsMin = 10;
const averageBitsMax = 28;

/**
 * How ordinary files are cut in this repository: as restic does, unless its config names other sizes, which rustic can
 * write there. Both then find each other's chunks.
 */
export function defaultProfile({ foreign }: RepositoryConfig): ChunkProfile {
  const { chunker, chunk_size: size, chunk_min_size: min, chunk_max_size: max } = foreign;
  if (chunker === 'FixedSize') return { kind: 'fixed', sizeBytes: size ?? 2 ** filesProfile.averageBits };
  const bits = size === undefined ? filesProfile.averageBits : Math.floor(Math.log2(size));
  const averageBits = Math.min(Math.max(bits, averageBitsMin), averageBitsMax);
  const minBytes = min ?? filesProfile.minBytes;
  return { kind: 'rabin', averageBits, minBytes, maxBytes: Math.max(max ?? filesProfile.maxBytes, minBytes) };
}
