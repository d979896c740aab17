/** Ids carry their kind in the type; the only casts are here, after the check. */
import { CoffreError } from './errors.ts';

declare const kind: unique symbol;
/** 64 lower-case hex digits: a SHA-256. */
export type Id<Kind extends string> = string & { readonly [kind]: Kind };

export type BlobId = Id<'BlobId'>;
export type PackId = Id<'PackId'>;
export type IndexId = Id<'IndexId'>;
export type SnapshotId = Id<'SnapshotId'>;
export type LockId = Id<'LockId'>;
export type KeyId = Id<'KeyId'>;
export type AnyId = BlobId | PackId | IndexId | SnapshotId | LockId | KeyId;

const hex64 = /^[0-9a-f]{64}$/;

/** Whether these are 64 lower-case hexadecimal digits. */
export function isId(text: string): boolean {
  return hex64.test(text);
}

/** @throws {CoffreError} ID_MALFORMED */
export function parseId<T extends AnyId>(text: string): T {
  if (!hex64.test(text)) {
    throw new CoffreError('ID_MALFORMED', `${JSON.stringify(text)} is not a 64-digit hexadecimal id`);
  }
  return text as T;
}

/** Of exactly 32 bytes, which are not kept. @throws {CoffreError} ID_MALFORMED */
export function idFromBytes<T extends AnyId>(bytes: Uint8Array): T {
  if (bytes.byteLength !== 32) throw new CoffreError('ID_MALFORMED', `an id has 32 bytes, not ${bytes.byteLength}`);
  return Buffer.from(bytes.buffer, bytes.byteOffset, 32).toString('hex') as T;
}

/** 32 bytes of your own. */
export function idToBytes(id: AnyId): Buffer {
  return Buffer.from(id, 'hex');
}

/** The first eight digits, as people read ids. */
export function shortId(id: AnyId): string {
  return id.slice(0, 8);
}
