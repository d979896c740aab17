/**
 * What the last whole listings showed, kept over the end of the process.
 *
 *   {"listings": {"data": {"files": 812, "sizeBytes": 13119324, "seenMs": ms since 1970}, "index": …, "snapshots": …}}
 *
 * Text that cannot be read is no notes; several programs overwrite each other's, and each is as good as the other.
 */
import { judgedKinds } from './judge.ts';
import type { JudgedKind, KnownListing } from './judge.ts';

export type ListingNotes = {
  read(): Promise<string | undefined>;
  write(text: string): Promise<void>;
};

export type KnownListings = { readonly [Kind in JudgedKind]?: KnownListing };

export function parseListings(text: string | undefined): KnownListings {
  const found: Partial<Record<JudgedKind, KnownListing>> = {};
  const listings = fieldOf(parsed(text), 'listings');
  for (const kind of judgedKinds) {
    const listing = fieldOf(listings, kind);
    const [files, sizeBytes, seenMs] = ['files', 'sizeBytes', 'seenMs'].map((name) => fieldOf(listing, name));
    if (isAmount(files) && isAmount(sizeBytes) && isAmount(seenMs)) found[kind] = { files, sizeBytes, seenMs };
  }
  return found;
}

export function encodeListings(listings: KnownListings): string {
  return JSON.stringify({ listings });
}

function parsed(text: string | undefined): unknown {
  try {
    return text === undefined ? undefined : (JSON.parse(text) as unknown);
  } catch {
    return undefined;
  }
}

function fieldOf(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
  return (value as Readonly<Record<string, unknown>>)[name];
}

function isAmount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}
