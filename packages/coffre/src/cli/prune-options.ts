/** Options of `prune` and of `forget --prune`, with restic's names. */
import { graceMsDefault } from '@coffre/repository';
import type { MaxUnused } from '@coffre/repository';
import type { GlobalOptions } from './global-options.ts';
import { parseDurationMs, parseSize, usage } from './values.ts';

/** As commander gives them; all are text or flags. */
export type PruneFlags = {
  readonly maxUnused?: string | undefined;
  readonly maxRepackSize?: string | undefined;
  readonly repackCacheableOnly?: true | undefined;
  readonly repackUncompressed?: true | undefined;
  readonly repackSmall?: true | undefined;
  readonly repackSmallerThan?: string | undefined;
  readonly grace?: string | undefined;
  readonly instantDelete?: true | undefined;
};

export type PruneWish = {
  readonly maxUnused: MaxUnused;
  readonly maxRepackBytes?: number;
  readonly smallPackBytes?: number;
  readonly repackCacheableOnly: boolean;
  readonly repackUncompressed: boolean;
  readonly graceMs: number;
  /** Everybody else is kept out from the beginning to the end. */
  readonly isInstant: boolean;
};

const packSizeMibDefault = 16;

/** @throws {CoffreError} USAGE */
export function readPruneFlags(flags: PruneFlags, globals: GlobalOptions): PruneWish {
  const { maxUnused = '5%', maxRepackSize, repackSmallerThan, grace } = flags;
  const isInstant = flags.instantDelete === true;
  if (flags.repackUncompressed === true && globals.compression === 'off') {
    throw usage('disabled compression and `--repack-uncompressed` are mutually exclusive');
  }
  if (isInstant && grace !== undefined) throw usage('--instant-delete and --grace exclude each other');
  const smallPackBytes = repackSmallerThan === undefined ? undefined : smallPackOf(repackSmallerThan, globals);
  return {
    maxUnused: parseMaxUnused(maxUnused),
    ...(maxRepackSize === undefined || maxRepackSize === ''
      ? {}
      : { maxRepackBytes: parseSize(maxRepackSize, '--max-repack-size') }),
    ...(smallPackBytes === undefined ? {} : { smallPackBytes }),
    repackCacheableOnly: flags.repackCacheableOnly === true,
    repackUncompressed: flags.repackUncompressed === true,
    graceMs: isInstant ? 0 : grace === undefined ? graceMsDefault : parseDurationMs(grace, '--grace'),
    isInstant,
  };
}

function smallPackOf(text: string, { packSizeMib = packSizeMibDefault }: GlobalOptions): number {
  const bytes = parseSize(text, '--repack-smaller-than');
  if (bytes === 0) throw usage('--repack-smaller-than must be larger than zero');
  if (bytes > packSizeMib * 1024 * 1024) {
    throw usage(
      'repack-smaller-than exceeds repository packsize',
      `Packs are made ${packSizeMib} MiB large; see --pack-size.`,
    );
  }
  return bytes;
}

/** `5%`, `500M` or `unlimited`. @throws {CoffreError} USAGE */
export function parseMaxUnused(text: string): MaxUnused {
  const trimmed = text.trim();
  if (trimmed === 'unlimited') return { kind: 'unlimited' };
  if (/^[+-]?\d/.test(trimmed) && !trimmed.endsWith('%')) {
    return { kind: 'bytes', bytes: parseSize(trimmed, '--max-unused') };
  }
  const hint = 'Write it as 5%, 500M or unlimited.';
  if (!trimmed.endsWith('%')) throw usage(`--max-unused needs a limit, not ${JSON.stringify(text)}`, hint);
  const digits = trimmed.slice(0, -1);
  if (!/^\d+(\.\d+)?$|^\.\d+$/.test(digits)) {
    throw usage(`invalid percentage ${JSON.stringify(digits)} passed for --max-unused`, hint);
  }
  const percent = Number(digits);
  if (percent >= 100) throw usage('percentage for --max-unused must be below 100%');
  return { kind: 'percent', percent };
}
