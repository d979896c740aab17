/**
 * Where things lie in the memory of the kernel.
 *
 * | memory          | content                                                                           |
 * |-----------------|-----------------------------------------------------------------------------------|
 * | `hitCountAt`    | i32: how many steps have hits                                                      |
 * | `swapMasksAt`   | 3 vectors for the transposition                                                    |
 * | `halfwayAt`     | 8 bits × 16 groups of 8 lanes, a vector of 16 steps each: halfway to planes        |
 * | `hitsAt`        | one vector per step with hits: the lanes in which a chunk may end                  |
 * | `hitStepsAt`    | one i32 for each of these: the step, as a distance in bytes from the first plane   |
 * | `planesAt`      | the data, 8 planes a step, highest bit first; 64 steps of context come first       |
 * | `digestsAt`     | the digests, the same way; 7 steps before are zero                                 |
 * | `inputAt`       | 64 bytes of context, then the data as it came                                      |
 */
export const windowBytes = 64;
export const laneCount = 128;
export const planeBytes = laneCount / 8;
/** Eight planes: the bytes of all lanes at one step. */
export const stepBytes = 8 * planeBytes;
/** An odd multiple of a cache line, so that lanes do not fight for the same places in the cache. */
export const laneBytesMax = 17 * 64;

export const hitCountAt = 0;
export const swapMasksAt = 64;
export const halfwayAt = 1024;
export const hitsAt = halfwayAt + 8 * 16 * 16;
export const hitStepsAt = hitsAt + laneBytesMax * planeBytes;
export const planesAt = hitStepsAt + laneBytesMax * 4;
export const digestsAt = planesAt + (windowBytes + laneBytesMax + 7) * stepBytes;
export const inputAt = digestsAt + (windowBytes + laneBytesMax) * stepBytes;
export const memoryBytes = inputAt + windowBytes + laneCount * laneBytesMax;
