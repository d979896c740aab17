import { CoffreError } from '../../errors.ts';
import type { Clock } from '../../host/host.ts';
import type { Backend, FileHandle, FileKind } from '../backend.ts';
import { retentionWithin } from '../retention.ts';
import { hasShrunk, isJudged, lowered } from './judge.ts';
import type { JudgedKind, KnownListing, Listing } from './judge.ts';
import { encodeListings, parseListings } from './listing-notes.ts';
import type { KnownListings, ListingNotes } from './listing-notes.ts';

export type ListFloorOptions = {
  readonly notes: ListingNotes;
  readonly clock: Clock;
  /** What is listed counts, however little it is. */
  readonly accept?: boolean;
  /** Once for each kind, when work that only reads goes on. */
  readonly warn?: (error: CoffreError) => void;
};

/** Removals are noted ahead in steps of so many, or of a share of what there is, not one by one. */
const noteAheadMin = 64;
const noteAheadShare = 0.05;

/**
 * Remembers how much was listed, and grows suspicious when a whole listing suddenly shows far less: a folder half
 * mounted, a bucket half emptied, an answer cut short. Who goes on removing what no list names would then remove the
 * rest. While a listing is suspicious nothing of packs, indexes and snapshots is removed.
 */
export function withListFloor(backend: Backend, options: ListFloorOptions): Backend {
  const { notes, clock, accept = false, warn } = options;
  const memory = createMemory(notes);
  const shrunken = new Map<JudgedKind, CoffreError>();
  let refuses = false;

  async function judge(kind: JudgedKind, seen: Listing, largestBytes: number): Promise<void> {
    const known = await memory.expected(kind);
    if (!accept && hasShrunk(kind, known, seen)) {
      const error = shrankError(backend.location, kind, known, seen);
      if (refuses) throw error;
      if (!shrunken.has(kind)) warn?.(error);
      shrunken.set(kind, error);
      return;
    }
    shrunken.delete(kind);
    await memory.learn(kind, { ...seen, seenMs: Number(clock.nowNs() / 1_000_000n) }, largestBytes);
  }

  return {
    location: backend.location,
    connectionsMax: backend.connectionsMax,
    replacesAtomically: backend.replacesAtomically,

    create: () => backend.create(),
    save: (file, parts, signal) => backend.save(file, parts, signal),
    load: (file, loadOptions) => backend.load(file, loadOptions),
    stat: (file) => backend.stat(file),

    async *list(kind: FileKind) {
      const seen = { files: 0, sizeBytes: 0 };
      let largestBytes = 0;
      for await (const file of backend.list(kind)) {
        seen.files += 1;
        seen.sizeBytes += file.sizeBytes;
        largestBytes = Math.max(largestBytes, file.sizeBytes);
        yield file;
      }
      if (isJudged(kind)) await judge(kind, seen, largestBytes);
    },

    async remove(file: FileHandle) {
      if (!isJudged(file.kind)) return await backend.remove(file);
      for (const error of shrunken.values()) throw error;
      await memory.removing(file.kind);
      await backend.remove(file);
    },

    ...retentionWithin(backend, (_file, _signal, call) => call()),
    removeLeftovers: async (leftoverClock) => (await backend.removeLeftovers?.(leftoverClock)) ?? 0,
    retainPacks: async (known) => backend.retainPacks?.(known),
    refuseShrunkenLists() {
      refuses = true;
      for (const error of shrunken.values()) throw error;
    },
    bypassCaches: () => backend.bypassCaches?.(),
    async close() {
      await memory.settle();
      await backend.close();
    },
  };
}

type Memory = {
  /** What a listing should show, less what this process removed. */
  expected(kind: JudgedKind): Promise<KnownListing | undefined>;
  learn(kind: JudgedKind, seen: KnownListing, largestBytes: number): Promise<void>;
  /** Before a file is removed: whoever is killed after it must not leave a memory of more than there is. */
  removing(kind: JudgedKind): Promise<void>;
  /** Takes back what was noted ahead and not removed. */
  settle(): Promise<void>;
};

type Listings = Partial<Record<JudgedKind, KnownListing>>;
type Removals = { done: number; noted: number; largestBytes: number };

function createMemory(notes: ListingNotes): Memory {
  const removals = new Map<JudgedKind, Removals>();
  let reading: Promise<Listings> | undefined;
  let writing: Promise<void> = Promise.resolve();

  async function read(): Promise<Listings> {
    return { ...parseListings(await notes.read().catch(() => undefined)) };
  }

  const known = (): Promise<Listings> => (reading ??= read());

  function removalsOf(kind: JudgedKind): Removals {
    const found = removals.get(kind) ?? { done: 0, noted: 0, largestBytes: 0 };
    removals.set(kind, found);
    return found;
  }

  /** One after the other. Without notes the next listing is not judged, and nothing else is lost. */
  async function write(count: 'done' | 'noted'): Promise<void> {
    const listings = await known();
    const lower = Object.entries(listings).map(([kind, listing]) => {
      const { [count]: removed, largestBytes } = removalsOf(kind as JudgedKind);
      return [kind, lowered(listing, removed, largestBytes)];
    });
    const text = encodeListings(Object.fromEntries(lower) as KnownListings);
    writing = writing.then(() => notes.write(text)).catch(() => undefined);
    await writing;
  }

  return {
    async expected(kind) {
      const listing = (await known())[kind];
      const { done, largestBytes } = removalsOf(kind);
      return listing === undefined ? undefined : lowered(listing, done, largestBytes);
    },

    async learn(kind, seen, largestBytes) {
      const listings = await known();
      const before = listings[kind];
      const { noted } = removalsOf(kind);
      removals.set(kind, { done: 0, noted: 0, largestBytes });
      if (noted === 0 && before?.files === seen.files && before.sizeBytes === seen.sizeBytes) return;
      listings[kind] = seen;
      await write('noted');
    },

    async removing(kind) {
      const listing = (await known())[kind];
      if (listing === undefined) return;
      const removed = removalsOf(kind);
      removed.done += 1;
      if (removed.done <= removed.noted) return;
      removed.noted = removed.done + Math.max(noteAheadMin, Math.floor(listing.files * noteAheadShare));
      removed.largestBytes ||= listing.sizeBytes / Math.max(1, listing.files);
      await write('noted');
    },

    async settle() {
      if ([...removals.values()].some(({ done, noted }) => noted > done)) await write('done');
      await writing;
    },
  };
}

function shrankError(location: string, kind: JudgedKind, known: KnownListing | undefined, seen: Listing): CoffreError {
  const words = { data: 'packs', index: 'index files', snapshots: 'snapshots' } as const;
  const day = new Date(known?.seenMs ?? 0).toISOString().slice(0, 10);
  const sentence = `${location} lists ${amount(seen, words[kind])}, where ${amount(known ?? seen, words[kind])} should be since ${day}`;
  return new CoffreError('BACKEND_LIST_SHRANK', sentence, {
    hint: 'Nothing is removed while that is so. Look whether the right storage is there, and whole. If the rest was removed on purpose, or is really lost, add --force-list to this command; after a loss, go on with `coffre check`.',
  });
}

function amount({ files, sizeBytes }: Listing, word: string): string {
  return `${files} ${word} (${(sizeBytes / 2 ** 20).toFixed(1)} MiB)`;
}
