import { assert } from '../errors.ts';
import type { BlobId, IndexId, PackId } from '../ids.ts';

/**
 * Blob id -> places, in memory that worker threads share: no message per chunk is needed to ask "is it stored already?".
 *
 * Two parts: `entries` is dense, in order of arrival, 48 bytes each; `slots` is an open-addressing hash table of entry
 * numbers (+1), about 7 bytes a blob at our load. So memory grows with what is used, not with what is reserved.
 *
 *   entry word 0..7   blob id, big-endian bytes as they are
 *   word 8            pack number (31 bits) | tree flag in the top bit; `unplaced` while a worker holds the claim only
 *   word 9, 10, 11    offset, sealed length, plaintext length (0: stored raw)
 *
 * One blob may have several entries (duplicates are legal): all are kept, a probe goes on until an empty slot.
 * The tree is: `base` (filled while the index is loaded, single-threaded, grows) then `added` segments (fixed capacity,
 * compare-and-set insert from any thread, doubled by the owner when half full).
 */
export type BlobType = 'data' | 'tree';

export type BlobPlace = {
  readonly packNumber: number;
  readonly offset: number;
  readonly length: number;
  /** 0 when stored raw. */
  readonly uncompressedLength: number;
};

export const entryWords = 12;
const treeFlag = 0x8000_0000;
const unplaced = 0x7fff_ffff;

/** What crosses to a worker: plain shared memory. */
export type SegmentMemory = {
  readonly slots: SharedArrayBuffer;
  readonly entries: SharedArrayBuffer;
  /** One word: entries used. */
  readonly used: SharedArrayBuffer;
};

export class BlobSegment {
  readonly memory: SegmentMemory;
  readonly slots: Uint32Array<SharedArrayBuffer>;
  readonly words: Uint32Array<SharedArrayBuffer>;
  readonly bytes: Buffer;
  readonly used: Uint32Array<SharedArrayBuffer>;
  readonly capacity: number;
  readonly #mask: number;

  constructor(memory: SegmentMemory) {
    this.memory = memory;
    this.slots = new Uint32Array(memory.slots);
    this.words = new Uint32Array(memory.entries);
    this.bytes = Buffer.from(memory.entries);
    this.used = new Uint32Array(memory.used);
    this.capacity = Math.floor(this.words.length / entryWords);
    this.#mask = this.slots.length - 1;
  }

  /** `entriesMax` entries, in a table at most 60 % full. */
  static allocate(entriesMax: number): BlobSegment {
    let slotCount = 1024;
    while (slotCount * 0.6 < entriesMax) slotCount *= 2;
    return new BlobSegment({
      slots: new SharedArrayBuffer(slotCount * 4),
      entries: new SharedArrayBuffer(entriesMax * entryWords * 4),
      used: new SharedArrayBuffer(4),
    });
  }

  get count(): number {
    return Atomics.load(this.used, 0);
  }

  /** An entry that holds this key; -1 when there is none. */
  find(type: BlobType, id: Uint8Array): number {
    const w = wordsOf(id);
    const tree = type === 'tree';
    let slot = (w[0] as number) & this.#mask;
    for (;;) {
      const found = Atomics.load(this.slots, slot);
      if (found === 0) return -1;
      if (this.#is(found - 1, w, tree)) return found - 1;
      slot = (slot + 1) & this.#mask;
    }
  }

  /** Every entry of this key. */
  findAll(type: BlobType, id: Uint8Array): number[] {
    const w = wordsOf(id);
    const tree = type === 'tree';
    const all: number[] = [];
    let slot = (w[0] as number) & this.#mask;
    for (;;) {
      const found = Atomics.load(this.slots, slot);
      if (found === 0) return all;
      if (this.#is(found - 1, w, tree)) all.push(found - 1);
      slot = (slot + 1) & this.#mask;
    }
  }

  /**
   * Claims a key for the calling thread.
   * @returns the new entry number; -1 when somebody has the key already; -2 when the segment is full.
   */
  claim(type: BlobType, id: Uint8Array): number {
    const w = wordsOf(id);
    const tree = type === 'tree';
    let entry = -1;
    let slot = (w[0] as number) & this.#mask;
    for (;;) {
      let found = Atomics.load(this.slots, slot);
      if (found === 0) {
        if (entry < 0) {
          entry = Atomics.add(this.used, 0, 1);
          if (entry >= this.capacity) {
            Atomics.sub(this.used, 0, 1);
            return -2;
          }
          this.#write(entry, w, tree, unplaced, 0, 0, 0);
        }
        found = Atomics.compareExchange(this.slots, slot, 0, entry + 1);
        if (found === 0) return entry;
      }
      if (this.#is(found - 1, w, tree)) {
        // Another thread was faster: our prepared entry stays unused and unlinked, 48 bytes lost.
        return -1;
      }
      slot = (slot + 1) & this.#mask;
    }
  }

  /** Adds an entry even when the key is there (a further place). The caller is the only writer. */
  add(
    type: BlobType,
    id: Uint8Array,
    packNumber: number,
    offset: number,
    length: number,
    uncompressed: number,
  ): number {
    const entry = this.used[0] as number;
    assert(entry < this.capacity, 'blob segment overflow');
    this.used[0] = entry + 1;
    const w = wordsOf(id);
    this.#write(entry, w, type === 'tree', packNumber, offset, length, uncompressed);
    this.link(entry);
    return entry;
  }

  /** Puts an entry whose words are written into the hash table. */
  link(entry: number): void {
    let slot = (this.words[entry * entryWords] as number) & this.#mask;
    while (this.slots[slot] !== 0) slot = (slot + 1) & this.#mask;
    this.slots[slot] = entry + 1;
  }

  place(entry: number, packNumber: number, offset: number, length: number, uncompressed: number): void {
    const at = entry * entryWords;
    this.words[at + 9] = offset;
    this.words[at + 10] = length;
    this.words[at + 11] = uncompressed;
    const flag = (this.words[at + 8] as number) & treeFlag;
    Atomics.store(this.words, at + 8, (flag | packNumber) >>> 0);
  }

  placeOf(entry: number): BlobPlace | undefined {
    const at = entry * entryWords;
    const packNumber = Atomics.load(this.words, at + 8) & unplaced;
    if (packNumber === unplaced) return undefined;
    return {
      packNumber,
      offset: this.words[at + 9] as number,
      length: this.words[at + 10] as number,
      uncompressedLength: this.words[at + 11] as number,
    };
  }

  typeOf(entry: number): BlobType {
    return ((this.words[entry * entryWords + 8] as number) & treeFlag) !== 0 ? 'tree' : 'data';
  }

  idOf(entry: number): BlobId {
    const at = entry * entryWords * 4;
    return this.bytes.toString('hex', at, at + 32) as BlobId;
  }

  #is(entry: number, w: Uint32Array, tree: boolean): boolean {
    const at = entry * entryWords;
    const words = this.words;
    return (
      words[at] === w[0] &&
      words[at + 1] === w[1] &&
      words[at + 2] === w[2] &&
      words[at + 3] === w[3] &&
      words[at + 4] === w[4] &&
      words[at + 5] === w[5] &&
      words[at + 6] === w[6] &&
      words[at + 7] === w[7] &&
      tree === (((words[at + 8] as number) & treeFlag) !== 0)
    );
  }

  #write(
    entry: number,
    w: Uint32Array,
    tree: boolean,
    packNumber: number,
    offset: number,
    length: number,
    uncompressed: number,
  ): void {
    const at = entry * entryWords;
    for (let i = 0; i < 8; i++) this.words[at + i] = w[i] as number;
    this.words[at + 9] = offset;
    this.words[at + 10] = length;
    this.words[at + 11] = uncompressed;
    this.words[at + 8] = ((tree ? treeFlag : 0) | packNumber) >>> 0;
  }
}

function wordsOf(id: Uint8Array): Uint32Array {
  if ((id.byteOffset & 3) === 0) return new Uint32Array(id.buffer, id.byteOffset, 8);
  const copy = new Uint8Array(32);
  copy.set(id);
  return new Uint32Array(copy.buffer);
}

/** The whole table as its owner (the main thread) sees it. */
export class BlobTable {
  #base: BlobSegment;
  readonly #added: BlobSegment[] = [];
  readonly packIds: PackId[] = [];
  /** Index files that were read into it. */
  readonly loadedFrom: IndexId[] = [];
  readonly #packNumbers = new Map<PackId, number>();

  constructor(expectedBlobs = 16_384) {
    this.#base = BlobSegment.allocate(Math.max(1024, expectedBlobs));
  }

  get segments(): readonly BlobSegment[] {
    return [this.#base, ...this.#added];
  }

  get blobCount(): number {
    return this.segments.reduce((sum, segment) => sum + segment.count, 0);
  }

  packNumber(id: PackId): number {
    const known = this.#packNumbers.get(id);
    if (known !== undefined) return known;
    const number = this.packIds.push(id) - 1;
    this.#packNumbers.set(id, number);
    return number;
  }

  knownPackNumber(id: PackId): number | undefined {
    return this.#packNumbers.get(id);
  }

  /** While loading: keeps every place, drops exact repetitions (the same index file seen twice). */
  addLoaded(type: BlobType, id: Uint8Array, packNumber: number, offset: number, length: number, plain: number): void {
    if (this.#base.count >= this.#base.capacity) this.#grow();
    const first = this.#base.find(type, id);
    if (first >= 0) {
      for (const entry of this.#base.findAll(type, id)) {
        const place = this.#base.placeOf(entry);
        if (place !== undefined && place.packNumber === packNumber && place.offset === offset) return;
      }
    }
    this.#base.add(type, id, packNumber, offset, length, plain);
  }

  #grow(): void {
    const old = this.#base;
    const next = BlobSegment.allocate(old.capacity * 2);
    next.words.set(old.words.subarray(0, old.count * entryWords));
    next.used[0] = old.count;
    for (let entry = 0; entry < old.count; entry++) next.link(entry);
    this.#base = next;
  }

  /** Room for blobs of this session; workers get its memory. Called again when the newest is half full. */
  addSegment(entriesMax = 65_536): BlobSegment {
    const segment = BlobSegment.allocate(entriesMax);
    this.#added.push(segment);
    return segment;
  }

  has(type: BlobType, id: Uint8Array): boolean {
    return hasInSegments(this.segments, type, id);
  }

  firstPlace(type: BlobType, id: Uint8Array): BlobPlace | undefined {
    for (const segment of this.segments) {
      const entry = segment.find(type, id);
      // A key that a worker claims and has not placed yet may have other entries.
      const place = entry < 0 ? undefined : (segment.placeOf(entry) ?? this.places(type, id)[0]);
      if (place !== undefined) return place;
    }
    return undefined;
  }

  places(type: BlobType, id: Uint8Array): BlobPlace[] {
    const all: BlobPlace[] = [];
    for (const segment of this.segments) {
      for (const entry of segment.findAll(type, id)) {
        const place = segment.placeOf(entry);
        if (place !== undefined) all.push(place);
      }
    }
    return all;
  }

  /** Every blob once per place, in no order. */
  eachPlace(visit: (packNumber: number, length: number, uncompressedLength: number) => void): void {
    for (const { words, count } of this.segments) {
      for (let at = 0; at < count * entryWords; at += entryWords) {
        const packNumber = (words[at + 8] as number) & unplaced;
        if (packNumber !== unplaced) visit(packNumber, words[at + 10] as number, words[at + 11] as number);
      }
    }
  }

  /** Entries grouped by pack, in order of offset: for whole-repository work such as check. */
  entriesByPack(): { segment: BlobSegment; entries: Uint32Array; starts: Uint32Array }[] {
    return this.segments.map((segment) => groupByPack(segment, this.packIds.length));
  }
}

export function hasInSegments(segments: readonly BlobSegment[], type: BlobType, id: Uint8Array): boolean {
  for (const segment of segments) if (segment.find(type, id) >= 0) return true;
  return false;
}

/** Counting sort by pack number. `entries[starts[p] .. starts[p + 1])` belong to pack p. */
function groupByPack(segment: BlobSegment, packCount: number) {
  const starts = new Uint32Array(packCount + 1);
  const count = segment.count;
  for (let entry = 0; entry < count; entry++) {
    const place = (segment.words[entry * entryWords + 8] as number) & unplaced;
    if (place !== unplaced) starts[place + 1] = (starts[place + 1] as number) + 1;
  }
  for (let p = 0; p < packCount; p++) starts[p + 1] = (starts[p + 1] as number) + (starts[p] as number);
  const next = starts.slice();
  const entries = new Uint32Array(starts[packCount] as number);
  for (let entry = 0; entry < count; entry++) {
    const place = (segment.words[entry * entryWords + 8] as number) & unplaced;
    if (place === unplaced) continue;
    entries[next[place] as number] = entry;
    next[place] = (next[place] as number) + 1;
  }
  for (let p = 0; p < packCount; p++) {
    entries
      .subarray(starts[p], starts[p + 1])
      .sort((a, b) => (segment.words[a * entryWords + 9] as number) - (segment.words[b * entryWords + 9] as number));
  }
  return { segment, entries, starts };
}
