/** Lists of restic's REST protocol: version 2 has `[{"name":…,"size":…}]`, version 1 `["name",…]`. */
import { isId } from '../../ids.ts';
import type { ListedFile } from '../backend.ts';
import { contradiction, eachChunk } from './reply-body.ts';
import type { BodyContext } from './reply-body.ts';
import type { HttpReply } from './sender.ts';

export const mediaTypes = {
  v1: 'application/vnd.x.restic.rest.v1',
  v2: 'application/vnd.x.restic.rest.v2',
} as const;

/** Version 1 knows no sizes. */
export type ListReply =
  | { readonly version: 1; readonly names: readonly string[] }
  | { readonly version: 2; readonly files: readonly ListedFile[] };

/**
 * The whole list, or an error: what is cut short, is no list, or is a page of something else never counts as empty.
 * Each name once, names that are no ids left out.
 */
export async function readList(reply: HttpReply, context: BodyContext): Promise<ListReply> {
  const version = versionOf(reply, context);
  const sizes = new Map<string, number>();
  const scanner = createArrayScanner((text) => {
    const { name, sizeBytes } = entryOf(text, version, context);
    const known = sizes.get(name);
    if (known !== undefined && known !== sizeBytes) throw contradiction(context.about, `it names ${name} twice`);
    if (isId(name)) sizes.set(name, sizeBytes);
  }, saysItsVersion(reply));
  try {
    await eachChunk(reply, context, (chunk) => {
      scanner.push(chunk);
      return true;
    });
  } catch (error) {
    throw error instanceof SyntaxError ? contradiction(context.about, 'it is no list') : error;
  }
  if (!scanner.isWhole()) throw contradiction(context.about, 'the list breaks off');
  if (version === 1) return { version, names: [...sizes.keys()] };
  return { version, files: Array.from(sizes, ([name, sizeBytes]) => ({ name, sizeBytes })) };
}

function saysItsVersion(reply: HttpReply): boolean {
  const type = mediaTypeOf(reply);
  return type === mediaTypes.v1 || type === mediaTypes.v2;
}

function mediaTypeOf(reply: HttpReply): string {
  return (reply.header('content-type') ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
}

function versionOf(reply: HttpReply, { about }: BodyContext): 1 | 2 {
  const type = mediaTypeOf(reply);
  if (type === mediaTypes.v2) return 2;
  // Old servers and other programs say less exactly what they send; a page for people is none of it.
  if (type === mediaTypes.v1 || type === '' || type === 'application/json' || type === 'text/plain') return 1;
  reply.body.destroy();
  throw contradiction(about, `a list was asked for, and ${type} came`);
}

function entryOf(text: string, version: 1 | 2, { about }: BodyContext): { name: string; sizeBytes: number } {
  const value: unknown = JSON.parse(text);
  if (version === 1) {
    if (typeof value === 'string') return { name: value, sizeBytes: 0 };
  } else if (typeof value === 'object' && value !== null && 'name' in value && 'size' in value) {
    const { name, size } = value;
    if (typeof name === 'string' && typeof size === 'number' && Number.isSafeInteger(size) && size >= 0) {
      return { name, sizeBytes: size };
    }
  }
  throw contradiction(about, `an entry of the list is ${text.slice(0, 100)}`);
}

type ArrayScanner = {
  /** @throws {SyntaxError} when it is no JSON array */
  push(chunk: Buffer): void;
  /** The array was closed, and nothing came after it. */
  isWhole(): boolean;
};

const [quote, backslash, comma] = [0x22, 0x5c, 0x2c];
const [openArray, closeArray, openObject, closeObject] = [0x5b, 0x5d, 0x7b, 0x7d];
const spaces = new Set([0x20, 0x09, 0x0a, 0x0d]);
/** An entry is a file's name and a number. */
const entryBytesMax = 4096;

/**
 * Cuts a JSON array into its entries as it arrives: lists of millions of packs are longer than a string may be.
 * @param allowsNull rest-server before 0.12.1 writes `null` for an empty array
 */
export function createArrayScanner(take: (text: string) => void, allowsNull = false): ArrayScanner {
  let pending: Buffer = Buffer.alloc(0);
  let state: 'before' | 'entries' | 'after' = 'before';
  let entries = 0;

  function entry(bytes: Buffer, isLast: boolean): void {
    const text = bytes.toString().trim();
    if (text === '' && isLast && entries === 0) return;
    entries += 1;
    take(text);
  }

  /** Bytes used up. */
  function scanEntries(bytes: Buffer): number {
    let [start, depth, inString] = [0, 0, false];
    for (let at = 0; at < bytes.byteLength; at += 1) {
      const byte = bytes[at]!;
      if (inString) {
        if (byte === backslash) at += 1;
        else if (byte === quote) inString = false;
      } else if (byte === quote) inString = true;
      else if (byte === openObject || byte === openArray) depth += 1;
      else if ((byte === closeObject || byte === closeArray) && depth > 0) depth -= 1;
      else if (depth === 0 && (byte === comma || byte === closeArray)) {
        entry(bytes.subarray(start, at), byte !== comma);
        start = at + 1;
        if (byte === comma) continue;
        state = 'after';
        return start;
      }
    }
    return start;
  }

  return {
    push(chunk) {
      let bytes = pending.byteLength === 0 ? chunk : Buffer.concat([pending, chunk]);
      if (state === 'before') {
        const start = bytes.findIndex((byte) => !spaces.has(byte));
        if (start < 0) return;
        if (bytes[start] === openArray) [state, bytes] = ['entries', bytes.subarray(start + 1)];
        else if (!allowsNull) throw new SyntaxError('no array');
        else if ('null'.startsWith(bytes.toString('latin1', start).trim())) {
          if (bytes.byteLength - start >= 4) [state, bytes] = ['after', bytes.subarray(start + 4)];
        } else throw new SyntaxError('no array');
      }
      if (state === 'entries') bytes = bytes.subarray(scanEntries(bytes));
      if (state === 'after' && bytes.some((byte) => !spaces.has(byte))) throw new SyntaxError('more than an array');
      if (bytes.byteLength > entryBytesMax) throw new SyntaxError('an endless entry');
      pending = state === 'after' ? Buffer.alloc(0) : bytes;
    },
    isWhole: () => state === 'after',
  };
}
