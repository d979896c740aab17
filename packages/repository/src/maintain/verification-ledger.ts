/**
 * When which pack was read back and found right: one file in the local state of a repository. Losing it costs reading
 * again, never data; it only ever says less than is true.
 *
 *   offset  size  header                        offset  size  record, in order of writing
 *   0       16    "coffre ledger 1\n"           0       16    first half of the pack id; zeros for `checked`
 *   16      16    first half of the             16      4     seconds since 1970
 *                 repository id                 20      4     1 seen, 2 right, 3 wrong, 4 checked
 *                                               24      4     CRC-32 of the 24 bytes before
 *
 * Numbers are little-endian. Records are appended whole; what follows the first one that does not add up was torn by a
 * crash or is damaged, and is forgotten. Too long a file is written anew beside it and renamed.
 */
import {
  closeSync,
  constants,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  utimesSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { crc32 } from 'node:zlib';
import { asError } from '../errors.ts';
import { makeFolders } from '../host/make-folders.ts';
import type { PackId } from '../ids.ts';

export type PackReading = {
  /** When a check first met the pack. */
  readonly seenMs: number;
  /** When all of it was last read and right; absent when never, or when it was wrong since. */
  readonly readMs?: number;
};

export type LedgerOptions = {
  readonly folder: string;
  readonly repositoryId: string;
  readonly nowMs: number;
  readonly warn: (about: string, error: Error) => void;
};

const magic = Buffer.from('coffre ledger 1\n', 'latin1');
const headerBytes = 32;
const recordBytes = 28;
const keyDigits = 32;
const kinds = { seen: 1, right: 2, wrong: 3, checked: 4 } as const;
type Kind = keyof typeof kinds;
const kindOf: ReadonlyMap<number, Kind> = new Map(Object.entries(kinds).map(([name, code]) => [code, name as Kind]));
/** Written together; what a kill between two writes loses is read again. */
const pendingMax = 256;
/** A clock that was wrong once must not exempt a pack for years. */
const futureMaxMs = 24 * 3_600_000;

type Entry = { seenSec: number; readSec: number };

export class VerificationLedger {
  readonly #options: LedgerOptions;
  readonly #path: string;
  #entries = new Map<string, Entry>();
  #checkedSec: number | undefined;
  #records = 0;
  #mustRewrite = false;
  #pending: Buffer[] = [];
  #isBroken = false;

  constructor(options: LedgerOptions) {
    this.#options = options;
    this.#path = join(options.folder, 'verified-packs');
    this.#load();
  }

  /** When the check before this one ended, as far as is known. */
  get checkedMs(): number | undefined {
    return this.#checkedSec === undefined ? undefined : this.#checkedSec * 1000;
  }

  reading(id: PackId): PackReading | undefined {
    const entry = this.#entries.get(keyOf(id));
    if (entry === undefined) return undefined;
    const seenMs = entry.seenSec * 1000;
    return entry.readSec === 0 ? { seenMs } : { seenMs, readMs: entry.readSec * 1000 };
  }

  /** Packs in the storage: new ones are noted, entries of others dropped. */
  meet(ids: Iterable<PackId>, nowMs: number): void {
    const current = new Map<string, Entry>();
    const added: PackId[] = [];
    for (const id of ids) {
      const known = this.#entries.get(keyOf(id));
      current.set(keyOf(id), known ?? { seenSec: secondsOf(nowMs), readSec: 0 });
      if (known === undefined) added.push(id);
    }
    const isShrunk = current.size - added.length < this.#entries.size;
    this.#entries = current;
    const isLong = this.#records + added.length > 2 * current.size + pendingMax;
    if (isShrunk || isLong || this.#mustRewrite) this.#rewrite();
    else for (const id of added) this.#append('seen', keyOf(id), nowMs);
    this.flush();
  }

  noteRight(id: PackId, nowMs: number): void {
    const key = keyOf(id);
    const seenSec = this.#entries.get(key)?.seenSec ?? secondsOf(nowMs);
    this.#entries.set(key, { seenSec, readSec: secondsOf(nowMs) });
    this.#append('right', key, nowMs);
  }

  noteWrong(id: PackId, nowMs: number): void {
    const key = keyOf(id);
    const seenSec = this.#entries.get(key)?.seenSec ?? secondsOf(nowMs);
    this.#entries.set(key, { seenSec, readSec: 0 });
    this.#append('wrong', key, nowMs);
  }

  noteChecked(nowMs: number): void {
    this.#checkedSec = secondsOf(nowMs);
    this.#append('checked', '0'.repeat(keyDigits), nowMs);
    this.flush();
  }

  flush(): void {
    if (this.#pending.length === 0 || this.#isBroken) return;
    const bytes = Buffer.concat(this.#pending);
    this.#records += this.#pending.length;
    this.#pending = [];
    this.#survive(() => {
      let file: number;
      try {
        file = openSync(this.#path, constants.O_WRONLY | constants.O_APPEND);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
        return this.#write();
      }
      try {
        writeSync(file, bytes);
      } finally {
        closeSync(file);
      }
    });
  }

  #append(kind: Kind, key: string, nowMs: number): void {
    this.#pending.push(recordOf(kind, key, secondsOf(nowMs)));
    if (this.#pending.length >= pendingMax) this.flush();
  }

  #load(): void {
    let bytes: Buffer;
    try {
      bytes = readFileSync(this.#path);
    } catch (error) {
      this.#mustRewrite = true;
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') this.#warn('cannot be read', error);
      return;
    }
    const isOurs = bytes.byteLength >= headerBytes && bytes.subarray(0, headerBytes).equals(this.#header());
    const used = isOurs ? this.#replay(bytes) : 0;
    if (isOurs && used === bytes.byteLength) return;
    this.#mustRewrite = true;
    // Less than a record is what a crash leaves.
    if (bytes.byteLength - used < recordBytes && isOurs) return;
    this.#warn('is damaged', new Error('what it can no longer tell counts as not read'));
  }

  /** How many bytes were good. */
  #replay(bytes: Buffer): number {
    let at = headerBytes;
    const latestMs = this.#options.nowMs + futureMaxMs;
    for (; at + recordBytes <= bytes.byteLength; at += recordBytes) {
      const kind = kindOf.get(bytes.readUInt32LE(at + 20));
      if (kind === undefined || bytes.readUInt32LE(at + 24) !== crc32(bytes.subarray(at, at + 24))) break;
      this.#records += 1;
      const seconds = bytes.readUInt32LE(at + 16);
      if (seconds * 1000 <= latestMs) this.#apply(kind, bytes.toString('hex', at, at + 16), seconds);
    }
    return at;
  }

  #apply(kind: Kind, key: string, seconds: number): void {
    if (kind === 'checked') {
      this.#checkedSec = seconds;
      return;
    }
    const seenSec = this.#entries.get(key)?.seenSec ?? seconds;
    const readSec = kind === 'right' ? seconds : kind === 'wrong' ? 0 : (this.#entries.get(key)?.readSec ?? 0);
    this.#entries.set(key, { seenSec, readSec });
  }

  #rewrite(): void {
    this.#survive(() => this.#write());
  }

  /** At most two records a pack. */
  #write(): void {
    this.#pending = [];
    const parts = [this.#header()];
    for (const [key, { seenSec, readSec }] of this.#entries) {
      parts.push(recordOf('seen', key, seenSec));
      if (readSec > 0) parts.push(recordOf('right', key, readSec));
    }
    if (this.#checkedSec !== undefined) parts.push(recordOf('checked', '0'.repeat(keyDigits), this.#checkedSec));
    makeFolders(dirname(this.#path));
    const temporary = `${this.#path}.${process.pid}`;
    try {
      const file = openSync(temporary, 'w', 0o600);
      try {
        writeSync(file, Buffer.concat(parts));
        fsyncSync(file);
      } finally {
        closeSync(file);
      }
      renameSync(temporary, this.#path);
    } catch (error) {
      rmSync(temporary, { force: true });
      throw error;
    }
    this.#records = parts.length - 1;
    this.#mustRewrite = false;
    // A cache is cleaned by the age of its folder.
    utimesSync(dirname(this.#path), new Date(), new Date());
  }

  #header(): Buffer {
    return Buffer.concat([magic, Buffer.from(this.#options.repositoryId.slice(0, keyDigits), 'hex')]);
  }

  /** A full disk under a cache stops no check. */
  #survive(write: () => void): void {
    if (this.#isBroken) return;
    try {
      write();
    } catch (error) {
      this.#isBroken = true;
      this.#warn('cannot be written', error);
    }
  }

  #warn(what: string, error: unknown): void {
    this.#options.warn(`the note of what was read back (${this.#path}) ${what}`, asError(error));
  }
}

function keyOf(id: PackId): string {
  return id.slice(0, keyDigits);
}

function secondsOf(timeMs: number): number {
  return Math.max(1, Math.floor(timeMs / 1000));
}

function recordOf(kind: Kind, key: string, seconds: number): Buffer {
  const record = Buffer.allocUnsafe(recordBytes);
  record.write(key, 0, 'hex');
  record.writeUInt32LE(seconds, 16);
  record.writeUInt32LE(kinds[kind], 20);
  record.writeUInt32LE(crc32(record.subarray(0, 24)), 24);
  return record;
}
