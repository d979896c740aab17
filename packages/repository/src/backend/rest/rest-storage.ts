/** The REST protocol above one HTTP exchange: what is asked, and which answers are believed. */
import { setTimeout as sleep } from 'node:timers/promises';
import { CoffreError, isCoffreError } from '../../errors.ts';
import { inParallel } from '../../parallel.ts';
import { fileName } from '../backend.ts';
import type { Backend, FileHandle, FileKind, ListedFile, LoadOptions } from '../backend.ts';
import type { Throttle } from '../limits/throttle.ts';
import { mediaTypes, readList } from './list-reply.ts';
import { rangeHeader, readRange, shortRead } from './load-range.ts';
import { announcedBytes, contradiction, discard } from './reply-body.ts';
import type { BodyContext } from './reply-body.ts';
import type { HttpReply, HttpRequest, Sender } from './sender.ts';
import { createSavesInTurn } from './saves-in-turn.ts';
import { statusError } from './status-error.ts';

export type RestStorageOptions = {
  readonly sender: Sender;
  /** For people, without a password. */
  readonly location: string;
  /** Begins and ends with a slash. */
  readonly basePath: string;
  readonly connectionsMax: number;
  readonly throttle?: Throttle | undefined;
};

/** Who pressed Ctrl-C does not wait longer for a server that hangs. */
const partRemovalMaxMs = 3000;
const partLookMs = 100;

export function createRestStorage(options: RestStorageOptions): Backend {
  const { sender, location, basePath, connectionsMax, throttle } = options;
  const inTurn = createSavesInTurn();
  /** rclone overwrites, removes only what is there, and says 404 when a list failed. */
  let isRclone = false;

  async function ask(request: Omit<HttpRequest, 'path'>, name: string): Promise<HttpReply> {
    const headers = { accept: mediaTypes.v2, ...request.headers };
    const reply = await sender.send({ ...request, path: basePath + name, headers });
    isRclone = reply.header('server')?.startsWith('rclone/') === true;
    return reply;
  }

  const refusal = (reply: HttpReply, what: string): CoffreError => statusError(reply, { location, what });
  const bodyOf = (name: string, signal?: AbortSignal): BodyContext => ({
    sender,
    signal,
    down: throttle?.down,
    about: `${location}: ${name}`,
  });

  /** Undefined when it is not there. */
  async function sizeOf(file: FileHandle, signal?: AbortSignal): Promise<number | undefined> {
    const name = fileName(file);
    const reply = await ask({ method: 'HEAD', signal }, name);
    await discard(reply);
    if (reply.status === 404) return undefined;
    if (reply.status !== 200) throw refusal(reply, `HEAD ${name}`);
    const about = `${location}: ${name}`;
    const sizeBytes = announcedBytes(reply, about);
    if (sizeBytes === undefined) throw contradiction(about, 'it has no Content-Length');
    return sizeBytes;
  }

  async function knownSizeOf(file: FileHandle, signal?: AbortSignal): Promise<number> {
    const sizeBytes = await sizeOf(file, signal);
    if (sizeBytes === undefined) throw missing(file);
    return sizeBytes;
  }

  function missing(file: FileHandle): CoffreError {
    return new CoffreError('BACKEND_NOT_FOUND', `${fileName(file)} is not in ${location}`);
  }

  function existing(file: FileHandle): CoffreError {
    return new CoffreError('BACKEND_EXISTS', `${fileName(file)} is in ${location} already`, {
      hint: 'Another program writes to the same place; run the command again.',
    });
  }

  async function save(file: FileHandle, parts: readonly Uint8Array[], signal?: AbortSignal): Promise<void> {
    const name = fileName(file);
    if (isRclone && (await sizeOf(file, signal)) !== undefined) throw existing(file);
    const headers = { 'content-type': 'application/octet-stream' };
    const reply = await post(file, { method: 'POST', parts, signal, headers });
    await discard(reply);
    if (reply.status === 200 || reply.status === 201 || reply.status === 204) return;
    // rest-server says 403 to a name that exists, and a proxy to whom it does not like.
    if (reply.status === 403 && (await isThere(file, signal))) {
      // A request that was sent twice on the way: the first one saved it.
      if (areEqual(await load(file, signal === undefined ? {} : { signal }), parts)) return;
      throw existing(file);
    }
    throw refusal(reply, `POST ${name}`);
  }

  /** rclone writes in place where the storage behind it does, and takes a part away some time after we have gone. */
  async function post(file: FileHandle, request: Omit<HttpRequest, 'path'>): Promise<HttpReply> {
    try {
      return await ask(request, fileName(file));
    } catch (error) {
      if (request.signal?.aborted === true && isRclone && file.kind !== 'config') await removePart(file);
      throw error;
    }
  }

  /** It may only begin to write after it was told to delete: gone is what is not there twice. */
  async function removePart(file: FileHandle): Promise<void> {
    const signal = AbortSignal.timeout(partRemovalMaxMs);
    try {
      for (let gone = 0; gone < 2;) {
        const isHere = (await sizeOf(file, signal)) !== undefined;
        gone = isHere ? 0 : gone + 1;
        if (isHere) await discard(await ask({ method: 'DELETE', signal }, fileName(file)));
        await sleep(partLookMs, undefined, { signal });
      }
    } catch {
      // Who stops is not told about a server that hangs; nothing refers to the file.
    }
  }

  async function isThere(file: FileHandle, signal?: AbortSignal): Promise<boolean> {
    try {
      return (await sizeOf(file, signal)) !== undefined;
    } catch (error) {
      if (isCoffreError(error, 'BACKEND_DENIED')) return false;
      throw error;
    }
  }

  async function load(file: FileHandle, options: LoadOptions): Promise<Buffer> {
    const { offset = 0, length, signal } = options;
    const name = fileName(file);
    const context = bodyOf(name, signal);
    if (length === 0) {
      const size = await knownSizeOf(file, signal);
      if (offset > size) throw shortRead(context, size, options);
      return Buffer.allocUnsafeSlow(0);
    }
    const range = rangeHeader(options);
    const headers = range === undefined ? {} : { range };
    const reply = await ask({ method: 'GET', signal, headers }, name);
    const bytes = await readRange(reply, options, context);
    if (bytes !== undefined) return bytes;
    await discard(reply);
    throw reply.status === 404 ? missing(file) : refusal(reply, `GET ${name}`);
  }

  async function list(kind: FileKind): Promise<readonly ListedFile[]> {
    const name = `${kind}/`;
    const reply = await ask({ method: 'GET' }, name);
    if (reply.status !== 200) {
      await discard(reply);
      if (reply.status !== 404) throw refusal(reply, `GET ${name}`);
      await refuseMissingFolder(reply, kind);
      return [];
    }
    const found = await readList(reply, bodyOf(name));
    return found.version === 2 ? found.files : withSizes(kind, found.names);
  }

  /** Before `init` there are no folders. After it there are, and 404 is a fault: prune decides by lists. */
  async function refuseMissingFolder(reply: HttpReply, kind: FileKind): Promise<void> {
    const what = `GET ${kind}/`;
    if (isRclone) throw contradiction(`${location}: ${kind}/`, 'rclone could not list it');
    if ((await sizeOf({ kind: 'config' })) === undefined) return;
    throw new CoffreError('BACKEND_IO', `${refusal(reply, what).message}, although there is a repository`, {
      hint: `Look on the server whether the folder ${kind} is there; make it, empty, only if you know that nothing was in it.`,
    });
  }

  /** Files removed by somebody else since the list are left out. */
  async function withSizes(kind: FileKind, names: readonly string[]): Promise<readonly ListedFile[]> {
    const files: ListedFile[] = [];
    await inParallel(names, connectionsMax, async (name) => {
      const sizeBytes = await sizeOf({ kind, name });
      if (sizeBytes !== undefined) files.push({ name, sizeBytes });
    });
    return files;
  }

  async function remove(file: FileHandle): Promise<void> {
    const name = fileName(file);
    // rest-server answers 200 also when there was nothing.
    if (!isRclone) await knownSizeOf(file);
    const reply = await ask({ method: 'DELETE' }, name);
    await discard(reply);
    if (reply.status === 200 || reply.status === 204) return;
    if (reply.status === 404) throw missing(file);
    if (reply.status !== 403 && reply.status !== 405) throw refusal(reply, `DELETE ${name}`);
    throw new CoffreError('BACKEND_DENIED', `${location} lets nobody remove ${name}: it is append-only for us`, {
      hint: 'Remove snapshots on the server, or with an address that is not append-only.',
    });
  }

  return {
    location,
    connectionsMax,
    replacesAtomically: false,
    isThrottled: true,

    async create() {
      const reply = await ask({ method: 'POST', parts: [] }, '?create=true');
      await discard(reply);
      if (reply.status !== 200 && reply.status !== 201 && reply.status !== 204)
        throw refusal(reply, 'POST ?create=true');
    },
    save: async (file, parts, signal) => {
      fileName(file);
      await inTurn(file, () => save(file, parts, signal));
    },
    load: async (file, options = {}) => load(file, options),
    stat: async (file) => ({ sizeBytes: await knownSizeOf(file) }),
    async *list(kind) {
      yield* await list(kind);
    },
    remove,
    close: () => sender.close(),
  };
}

function areEqual(bytes: Buffer, parts: readonly Uint8Array[]): boolean {
  let at = 0;
  for (const part of parts) {
    if (bytes.compare(part, 0, part.byteLength, at, Math.min(at + part.byteLength, bytes.byteLength)) !== 0)
      return false;
    at += part.byteLength;
  }
  return at === bytes.byteLength;
}
