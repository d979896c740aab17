/**
 * How data is cut into chunks. Any cut is legal in the format, so the profile is the choice of whoever writes;
 * `files` is what restic does, so that both tools find each other's chunks.
 */
export type RabinProfile = {
  readonly kind: 'rabin';
  readonly minBytes: number;
  /** A cut is found every 2 to the power of this many bytes, on average, after the smallest size. */
  readonly averageBits: number;
  readonly maxBytes: number;
};

export type FixedProfile = { readonly kind: 'fixed'; readonly sizeBytes: number };

export type ChunkProfile = RabinProfile | FixedProfile;

const KiB = 1024;
const MiB = 1024 * KiB;

/** Any file: restic's own cuts, 1 MiB on average beyond the smallest size. */
export const filesProfile: RabinProfile = {
  kind: 'rabin',
  minBytes: 512 * KiB,
  averageBits: 20,
  maxBytes: 8 * MiB,
};

/** Logical dumps: scattered changes of rows cost about a sixth of what they cost with large chunks. */
export const databaseProfile: RabinProfile = {
  kind: 'rabin',
  minBytes: 32 * KiB,
  averageBits: 16,
  maxBytes: 512 * KiB,
};

/** Files changed in place, page by page (SQLite, disk images): cuts never move. */
export const pagesProfile: FixedProfile = { kind: 'fixed', sizeBytes: 64 * KiB };
