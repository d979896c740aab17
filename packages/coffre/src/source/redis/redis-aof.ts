/**
 * The append-only files of a running server at one moment.
 *
 * They are held by open handles, which stay whole whatever the server renames or deletes: when a rewrite starts it appends
 * to another file and says so in its list first, so a list that reads the same before and after the files were opened is
 * one set. Nothing of the server is switched off for that, and a backup that dies leaves nothing behind.
 */
import { constants } from 'node:fs';
import { open, readFile, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { CoffreError, messageOf } from '@coffre/repository';
import { parseAofManifest, type AofManifest } from './aof-manifest.ts';
import { AofScan } from './aof-scan.ts';
import { scanned } from '../scanned.ts';
import { RdbScan } from './rdb-scan.ts';
import type { RedisConnection } from './redis-connection.ts';
import { parseFacts, type RedisFacts } from './redis-facts.ts';
import type { Databases } from './redis-truth.ts';

type Sleep = (ms: number) => Promise<void>;

export type HeldAof = AsyncDisposable & {
  readonly folder: string;
  readonly manifestName: string;
  readonly manifestText: string;
  readonly files: readonly {
    readonly name: string;
    readonly sizeBytes: number;
    readonly bytes: () => AsyncGenerator<Uint8Array>;
  }[];
  /** In the files as they are held: since the base. */
  readonly commands: number;
  /** At exactly the last byte; undefined when the server wrote too fast to tell. */
  readonly databases: Databases | undefined;
};

const triesMax = 20;
const pauseMs = 50;
/** A rewrite of much data takes its time. */
const rewriteWaitsMax = 12_000;
const readBytes = 1024 * 1024;

/** @throws {CoffreError} SOURCE_REFUSED when the files are not on this machine, SOURCE_BUSY */
export async function holdAof(connection: RedisConnection, sleep: Sleep): Promise<HeldAof> {
  const place = await aofPlace(connection);
  for (let tries = 1; ; tries += 1) {
    await waitForRewrite(connection, sleep);
    const held = await tryToHold(place, connection, sleep);
    if (typeof held !== 'string') return held;
    if (tries === triesMax) {
      if (held === 'elsewhere') throw elsewhere(place);
      throw new CoffreError('SOURCE_BUSY', 'the server rewrites its AOF all the time', {
        hint: 'Raise auto-aof-rewrite-min-size, or use `method: rdb`. Nothing was saved.',
        retryable: true,
      });
    }
    await sleep(pauseMs);
  }
}

type AofPlace = { readonly path: string; readonly folder: string; readonly manifestName: string };

async function aofPlace(connection: RedisConnection): Promise<AofPlace> {
  const dir = await setting(connection, 'dir');
  const folder = await setting(connection, 'appenddirname');
  const filename = await setting(connection, 'appendfilename');
  if (dir === undefined || folder === undefined || filename === undefined) {
    throw new CoffreError('SOURCE_REFUSED', 'the server does not say where its AOF is', {
      hint: 'The user needs +config|get. Nothing was saved.',
    });
  }
  return { path: join(dir, folder), folder, manifestName: `${filename}.manifest` };
}

async function setting(connection: RedisConnection, name: string): Promise<string | undefined> {
  const reply = await connection.ask(['CONFIG', 'GET', name]);
  const value = Array.isArray(reply) ? (reply as readonly unknown[])[1] : undefined;
  return Buffer.isBuffer(value) ? value.toString('utf8') : undefined;
}

async function waitForRewrite(connection: RedisConnection, sleep: Sleep): Promise<void> {
  for (let waits = 0; waits < rewriteWaitsMax; waits += 1) {
    if (!(await factsOf(connection)).aof.isRewriting) return;
    await sleep(pauseMs);
  }
}

export async function factsOf(connection: RedisConnection): Promise<RedisFacts> {
  return parseFacts(await connection.askText(['INFO']));
}

async function tryToHold(
  place: AofPlace,
  connection: RedisConnection,
  sleep: Sleep,
): Promise<HeldAof | 'changed' | 'elsewhere'> {
  await using opened = new AsyncDisposableStack();
  const manifest = await readManifest(place);
  const handles: { name: string; kind: string; handle: FileHandle; sizeBytes: number }[] = [];
  for (const { name, kind } of manifest.files) {
    const handle = await openIfThere(join(place.path, name));
    if (handle === undefined) return 'changed';
    opened.defer(async () => await handle.close());
    handles.push({ name, kind, handle, sizeBytes: (await handle.stat()).size });
  }
  const last = handles.at(-1);
  const base = handles.find(({ kind }) => kind === 'base');
  if (last === undefined || last === base) return 'changed';
  const before = handles.slice(0, -1).reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const moment = await momentIn(connection, sleep, last.handle, [before, before - (base?.sizeBytes ?? 0)]);
  // Whatever was renamed meanwhile would make two sets one.
  if ((await readManifest(place)).text !== manifest.text) return 'changed';
  if (moment === 'elsewhere') return 'elsewhere';
  last.sizeBytes = moment.bytes;
  const { commands, wholeBytes } = await scanEnd(handles, last);
  const isExact = wholeBytes === last.sizeBytes;
  last.sizeBytes = wholeBytes;
  const closing = opened.move();
  return {
    folder: place.folder,
    manifestName: place.manifestName,
    manifestText: manifest.text,
    files: handles.map(({ name, handle, sizeBytes }) => ({
      name,
      sizeBytes,
      bytes: () => wholeAof(contentOf(handle, sizeBytes)),
    })),
    commands,
    databases: isExact ? moment.databases : undefined,
    [Symbol.asyncDispose]: async () => await closing.disposeAsync(),
  };
}

async function readManifest(place: AofPlace): Promise<AofManifest> {
  try {
    return parseAofManifest(await readFile(join(place.path, place.manifestName), 'utf8'));
  } catch (error) {
    if (error instanceof CoffreError) throw error;
    throw elsewhere(place, error);
  }
}

function elsewhere({ path }: AofPlace, cause?: unknown): CoffreError {
  const why = cause === undefined ? 'are not those that it writes' : `cannot be read: ${messageOf(cause)}`;
  return new CoffreError('SOURCE_REFUSED', `the AOF files that the server keeps in ${path} ${why}`, {
    hint: 'An AOF is saved on the machine of its server only, as a user who may read it. Use `method: rdb` from elsewhere.',
    cause,
  });
}

async function openIfThere(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw new CoffreError('SOURCE_DENIED', `${path} cannot be read: ${messageOf(error)}`, {
      hint: 'Run it as root or as the user of the server. Nothing was saved.',
      cause: error,
    });
  }
}

type Moment = { readonly bytes: number; readonly databases: Databases | undefined };

/**
 * One answer of INFO says how many bytes were or will be written, and how many keys there are right then. The base counts
 * among those bytes or does not, by how it came to be: the sizes of the file before and after the answer show which.
 * @param offsets bytes of the other files, with and without the base
 */
async function momentIn(
  connection: RedisConnection,
  sleep: Sleep,
  file: FileHandle,
  offsets: readonly number[],
): Promise<Moment | 'elsewhere'> {
  let possible = [...new Set(offsets)];
  for (let tries = 0; tries < triesMax; tries += 1) {
    const { size: before } = await file.stat();
    const facts = await factsOf(connection);
    const said = facts.aof.sizeBytes + facts.aof.waitingBytes;
    // What waits is written at the end of the turn that answered us.
    let after = before;
    for (let waits = 0; waits < triesMax; waits += 1) {
      after = (await file.stat()).size;
      if (possible.every((offset) => said - offset <= after)) break;
      await sleep(1);
    }
    possible = possible.filter((offset) => said - offset >= before && said - offset <= after);
    const [only, other] = possible;
    if (only === undefined) return 'elsewhere';
    if (other === undefined) return { bytes: said - only, databases: facts.databases };
    await sleep(pauseMs);
  }
  return { bytes: (await file.stat()).size, databases: undefined };
}

async function scanEnd(
  handles: readonly { readonly kind: string; readonly handle: FileHandle; readonly sizeBytes: number }[],
  last: { readonly sizeBytes: number },
): Promise<{ commands: number; wholeBytes: number }> {
  let commands = 0;
  let wholeBytes = 0;
  for (const one of handles) {
    if (one.kind === 'base') continue;
    const scan = new AofScan();
    for await (const part of contentOf(one.handle, one.sizeBytes)) scan.push(part);
    commands += scan.commands;
    wholeBytes = scan.wholeBytes;
    if (one !== last && wholeBytes !== one.sizeBytes) {
      throw new CoffreError('SOURCE_INVALID', 'an AOF file ends in the middle of a command', {
        hint: '`redis-check-aof` tells more, and mends it. Nothing was saved.',
      });
    }
  }
  return { commands, wholeBytes };
}

async function* contentOf(handle: FileHandle, sizeBytes: number): AsyncGenerator<Uint8Array> {
  let at = 0;
  while (at < sizeBytes) {
    const { bytesRead, buffer } = await handle.read(
      Buffer.allocUnsafe(Math.min(readBytes, sizeBytes - at)),
      0,
      Math.min(readBytes, sizeBytes - at),
      at,
    );
    if (bytesRead === 0) throw new CoffreError('SOURCE_INVALID', 'an AOF file became shorter while it was read');
    at += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}

/** An RDB file or commands, whichever it is, proved as it passes; the last byte is given only when it is whole. */
export async function* wholeAof(parts: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const iterator = parts[Symbol.asyncIterator]();
  const first = await iterator.next();
  if (first.done === true) return;
  async function* all(): AsyncGenerator<Uint8Array> {
    yield first.value as Uint8Array;
    yield* { [Symbol.asyncIterator]: () => iterator };
  }
  if (/^(REDIS|VALKEY)/.test(Buffer.from(first.value).toString('latin1', 0, 6))) yield* scanned(new RdbScan(), all());
  else yield* wholeCommands(all());
}

async function* wholeCommands(parts: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const scan = new AofScan();
  let sizeBytes = 0;
  let held: Uint8Array | undefined;
  for await (const part of parts) {
    scan.push(part);
    sizeBytes += part.length;
    if (held !== undefined) yield held;
    held = part;
  }
  if (scan.wholeBytes !== sizeBytes) {
    throw new CoffreError('SOURCE_INVALID', 'an AOF file ends in the middle of a command');
  }
  if (held !== undefined) yield held;
}
