/**
 * Reads an RDB file as it passes by: how many keys each database holds, and whether the file is whole.
 *
 *   "REDIS" and four digits      the version of the format; Valkey 9 and later write "VALKEY" and three
 *   then records, by their first byte:
 *     243 string, length, pairs  slots that a cluster moves, of Valkey
 *     244 three lengths          a slot of a cluster
 *     245 string                 a library of functions; 246 is an older form of it
 *     247 module data            belongs to no key
 *     248 length, 249 byte       when the next key was used
 *     250 two strings            a note, such as redis-ver
 *     251 two lengths            how many keys come, how many of them expire
 *     252 8 bytes, 253 4 bytes   when the next key expires, in ms or s, little-endian
 *     254 length                 the number of the database that follows
 *     255                        the end
 *     anything else              a type, a key, a value
 *   8 bytes                      CRC-64 of all before; zeros where the server was told not to compute it
 *
 * A type that is not known ends the counting, never the proof that the file is whole. Pure.
 */
import { CoffreError } from '@coffre/repository';
import { Crc64 } from './rdb-crc64.ts';
import { hasExpiringFields, isKnownType, skipModuleParts, skipValue } from './rdb-values.ts';
import { RdbWindow, type Step } from './rdb-window.ts';
import type { RedisEngine } from './redis-engine.ts';

export type KeyCounts = {
  readonly keys: number;
  /** Keys that time removes: their own, or that of each field of a hash. */
  readonly expires: number;
};

export type RdbContent = {
  readonly version: number;
  readonly engine: RedisEngine;
  /** As the server named itself. */
  readonly serverVersion: string | undefined;
  /** By number; undefined when the file holds types that this version cannot follow. */
  readonly databases: Readonly<Record<string, KeyCounts>> | undefined;
  /** Of functions. */
  readonly libraries: number | undefined;
  readonly hasChecksum: boolean;
};

/** A key as RESTORE takes it, or a library as FUNCTION RESTORE does. */
export type RdbEntry =
  | {
      readonly kind: 'key';
      readonly database: number;
      readonly key: Buffer;
      readonly expiresAtMs: bigint | undefined;
      /** Type and value, without version and checksum. */
      readonly value: Buffer;
    }
  | { readonly kind: 'library'; readonly value: Buffer };

const headBytes = 9;
/** What is higher says something of the keys. */
const lastType = 239;
const checksumBytes = 8;
/** Of Redis 2.6; before it there was no checksum. */
const oldestVersion = 5;

export class RdbScan {
  readonly #window = new RdbWindow();
  readonly #crc = new Crc64();
  readonly #collect: ((entry: RdbEntry) => void) | undefined;
  readonly #steps: Step<void>;
  readonly #databases = new Map<number, { keys: number; expires: number }>();
  #database = 0;
  #version = 0;
  #engine: RedisEngine = 'redis';
  #libraries = 0;
  #serverVersion: string | undefined;
  #state: 'reading' | 'ended' | 'lost' = 'reading';
  #bytesAfterEnd = 0;
  #sizeBytes = 0;
  /** Not in the checksum as long as they may be the checksum; before them the mark of the end. */
  #tail = Buffer.alloc(0);
  #lastSummed = 0;

  /** @param collect gets every key and library, which then must fit into memory one by one */
  constructor(collect?: (entry: RdbEntry) => void) {
    this.#collect = collect;
    this.#steps = this.#scan();
  }

  /** @throws {CoffreError} SOURCE_INVALID as soon as the bytes cannot be of an RDB file */
  push(bytes: Uint8Array): void {
    this.#sizeBytes += bytes.length;
    this.#sum(bytes);
    if (this.#state === 'ended') this.#bytesAfterEnd += bytes.length;
    if (this.#state !== 'reading') return;
    this.#window.push(bytes);
    this.#steps.next();
  }

  /** @throws {CoffreError} SOURCE_INVALID when the file is not whole */
  end(): RdbContent {
    if (this.#sizeBytes < headBytes + checksumBytes) throw invalid('ends too early');
    if (this.#state === 'reading') throw invalid('ends in the middle');
    if (this.#state === 'ended' && this.#bytesAfterEnd !== checksumBytes) {
      throw invalid(this.#bytesAfterEnd < checksumBytes ? 'ends before its checksum' : 'goes on after its end');
    }
    if (this.#lastSummed !== 0xff) throw invalid('has no end');
    const hasChecksum = this.#tail.some((byte) => byte !== 0);
    if (hasChecksum && !this.#crc.digest().equals(this.#tail)) throw invalid('does not have the checksum it should');
    const isCounted = this.#state === 'ended';
    return {
      version: this.#version,
      engine: this.#engine,
      serverVersion: this.#serverVersion,
      databases: isCounted
        ? Object.fromEntries([...this.#databases].map(([number, counts]) => [String(number), counts]))
        : undefined,
      libraries: isCounted ? this.#libraries : undefined,
      hasChecksum,
    };
  }

  #sum(bytes: Uint8Array): void {
    const summed = this.#tail.length + bytes.length - checksumBytes;
    if (summed <= 0) {
      this.#tail = Buffer.concat([this.#tail, bytes]);
      return;
    }
    const fromTail = Math.min(summed, this.#tail.length);
    const fromBytes = summed - fromTail;
    this.#crc.update(this.#tail.subarray(0, fromTail));
    this.#crc.update(bytes.subarray(0, fromBytes));
    this.#lastSummed = fromBytes > 0 ? bytes[fromBytes - 1]! : this.#tail[fromTail - 1]!;
    this.#tail = Buffer.concat([this.#tail.subarray(fromTail), bytes.subarray(fromBytes)]);
  }

  *#scan(): Step<void> {
    const head = (yield* this.#window.bytes(headBytes)).toString('latin1');
    const [, name, digits] = /^(REDIS(?=\d{4}$)|VALKEY(?=\d{3}$))(\d+)$/.exec(head) ?? [];
    if (name === undefined) throw invalid('does not begin as one');
    if (name === 'VALKEY') this.#engine = 'valkey';
    this.#version = Number(digits);
    if (this.#version < oldestVersion) throw invalid('is of a server before Redis 2.6');
    let expiresAtMs: bigint | undefined;
    for (;;) {
      const now = this.#window.byteNow();
      const code = now < 0 ? yield* this.#window.byte() : now;
      if (code === 255) break;
      if (code === 252) expiresAtMs = (yield* this.#window.bytes(8)).readBigInt64LE(0);
      else if (code === 253) expiresAtMs = BigInt((yield* this.#window.bytes(4)).readInt32LE(0)) * 1000n;
      else {
        const isKnown = code > lastType ? yield* this.#note(code) : yield* this.#key(code, expiresAtMs);
        if (!isKnown) {
          this.#lose(code);
          return;
        }
        if (code <= lastType) expiresAtMs = undefined;
      }
    }
    this.#state = 'ended';
    // What already arrived behind the end.
    this.#bytesAfterEnd = this.#window.left;
  }

  *#key(type: number, expiresAtMs: bigint | undefined): Step<boolean> {
    // Not a byte further: what follows may be no key.
    if (!isKnownType(type, this.#engine)) return false;
    const collects = this.#collect !== undefined;
    let key: Buffer | undefined;
    if (collects) key = yield* this.#window.string();
    else if (!this.#window.skipStringNow()) yield* this.#window.skipString();
    if (collects) this.#window.mark();
    const isSkipped = type === 0 && this.#window.skipStringNow();
    if (!isSkipped) yield* skipValue(this.#window, type);
    let counts = this.#databases.get(this.#database);
    if (counts === undefined) this.#databases.set(this.#database, (counts = { keys: 0, expires: 0 }));
    counts.keys += 1;
    if (expiresAtMs !== undefined || hasExpiringFields(type)) counts.expires += 1;
    if (key !== undefined) {
      const value = Buffer.concat([Buffer.of(type), this.#window.taken()]);
      this.#collect?.({ kind: 'key', database: this.#database, key, expiresAtMs, value });
    }
    return true;
  }

  /** As RESTORE is told; known once the head has been read. */
  get version(): number {
    return this.#version;
  }

  #lose(code: number): void {
    if (this.#collect !== undefined) {
      throw new CoffreError('SOURCE_INVALID', `the RDB file holds something of kind ${code}, which is not known here`, {
        hint: 'Load it into the folder of a stopped server of the version that saved it.',
      });
    }
    this.#state = 'lost';
  }

  *#note(code: number): Step<boolean> {
    const window = this.#window;
    switch (code) {
      case 243:
        if (this.#engine !== 'valkey') return false;
        yield* window.skipString();
        for (let left = 2 * (yield* window.length()); left > 0; left -= 1) yield* window.length();
        return true;
      case 244:
        for (let at = 0; at < 3; at += 1) yield* window.length();
        return true;
      case 245:
        this.#libraries += 1;
        window.mark();
        yield* window.skipString();
        this.#collect?.({ kind: 'library', value: Buffer.concat([Buffer.of(code), window.taken()]) });
        return true;
      case 247:
        for (let at = 0; at < 3; at += 1) yield* window.length();
        yield* skipModuleParts(window);
        return true;
      case 248:
        yield* window.length();
        return true;
      case 249:
        yield* window.skip(1);
        return true;
      case 250: {
        const name = (yield* window.string()).toString('latin1');
        const value = (yield* window.string()).toString('latin1');
        if (name === 'redis-ver' || name === 'valkey-ver') this.#serverVersion = value;
        if (name === 'valkey-ver') this.#engine = 'valkey';
        return true;
      }
      case 251:
        yield* window.length();
        yield* window.length();
        return true;
      case 254:
        this.#database = yield* window.length();
        return true;
      default:
        return false;
    }
  }
}

function invalid(what: string): CoffreError {
  return new CoffreError('SOURCE_INVALID', `the RDB file ${what}`);
}
