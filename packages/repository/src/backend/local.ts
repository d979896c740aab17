import { randomBytes } from 'node:crypto';
import { dirname, join, resolve } from 'node:path';
import { CoffreError, isCoffreError } from '../errors.ts';
import type { Clock, Random } from '../host/host.ts';
import { isId } from '../ids.ts';
import { fileKinds, fileName } from './backend.ts';
import type { Backend, FileHandle, FileKind, ListedFile } from './backend.ts';
import { isSyncUnsupported, localError, systemCode } from './local-errors.ts';
import { nodeLocalFiles } from './local-files.ts';
import type { LocalFile, LocalFiles } from './local-files.ts';

export type LocalBackendOptions = {
  /** Folder of the repository. */
  path: string;
  files?: LocalFiles;
  /** For the names of temporary files. */
  random?: Random;
  connectionsMax?: number;
};

export type LocalBackend = Backend & {
  /** Removes temporary files that a crash left behind more than a day ago; resolves to how many. */
  removeLeftovers(clock: Clock): Promise<number>;
};

/** restic names them alike, so its left-overs are swept too. */
const temporaryName = /^(?:[0-9a-f]{64}|config)-tmp-[0-9a-z]+$/;
const shardName = /^[0-9a-f]{2}$/;
const leftoverAgeMs = 24 * 3600_000;
const statsAtOnce = 64;
/** Linux takes 1024 parts in one call. */
const partsAtOnceMax = 1024;
const groupReadable = 0o040;

type Modes = { readonly folder: number; readonly file: number };
const privateModes: Modes = { folder: 0o700, file: 0o400 };
const groupModes: Modes = { folder: 0o770, file: 0o440 };

/**
 * A repository in a folder, laid out as restic does: `config`, `keys/ID`, `locks/ID`, `snapshots/ID`, `index/ID`,
 * `data/<first two digits>/ID`.
 *
 * A file is written under a temporary name beside its place, flushed, renamed, and its folder flushed: at every moment
 * the final name is absent, or has the old whole content, or the new.
 */
export function createLocalBackend(options: LocalBackendOptions): LocalBackend {
  const { path: location, files = nodeLocalFiles, random = { bytes: randomBytes }, connectionsMax = 4 } = options;
  const path = resolve(location);
  let modes: Promise<Modes> | undefined;
  let seen = false;

  async function guarded<T>(what: string, work: () => Promise<T>): Promise<T> {
    try {
      const result = await work();
      seen = true;
      return result;
    } catch (error) {
      throw localError(error, what, location);
    }
  }

  /** A config that the group may read tells that the whole repository is shared with the group. */
  async function readModes(): Promise<Modes> {
    try {
      const config = await files.stat(join(path, 'config'));
      return (config.mode & groupReadable) === 0 ? privateModes : groupModes;
    } catch (error) {
      modes = undefined;
      if (systemCode(error) === 'ENOENT') return privateModes;
      throw error;
    }
  }

  async function saveFile(file: FileHandle, parts: readonly Uint8Array[], signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    const place = placeOf(path, file);
    const temporary = `${place}-tmp-${random.bytes(8).toString('hex')}`;
    modes ??= readModes();
    const { folder, file: mode } = await modes;
    const open = await createInFolder(files, temporary, folder);
    try {
      try {
        await writeAll(open, parts, signal);
        await open.sync().catch(ignoreUnsupportedSync);
      } finally {
        await open.close();
      }
      // Some network file systems have no modes; the file is whole all the same.
      await files.chmod(temporary, mode).catch(() => undefined);
      signal?.throwIfAborted();
      await files.rename(temporary, place);
    } catch (error) {
      await files.unlink(temporary).catch(() => undefined);
      throw error;
    }
    await files.syncFolder(dirname(place)).catch(ignoreUnsupportedSync);
  }

  return {
    location,
    connectionsMax,
    replacesAtomically: true,

    create: () =>
      guarded('making the folders of a repository', async () => {
        const { folder } = await readModes();
        const shards = Array.from({ length: 256 }, (_, i) => join('data', i.toString(16).padStart(2, '0')));
        await files.makeFolder(path, folder);
        await Promise.all([...fileKinds, ...shards].map((name) => files.makeFolder(join(path, name), folder)));
        for (const parent of [join(path, 'data'), path, dirname(path)]) {
          await files.syncFolder(parent).catch(ignoreUnsupportedSync);
        }
      }),

    save: async (file, parts, signal) => guarded(`saving ${fileName(file)}`, () => saveFile(file, parts, signal)),

    load: async (file, { offset = 0, length, signal } = {}) =>
      guarded(`reading ${fileName(file)}`, async () => {
        signal?.throwIfAborted();
        const open = await files.openFile(placeOf(path, file));
        try {
          const wanted = length ?? (await open.sizeBytes()) - offset;
          if (wanted < 0) throw shortRead(file, 0, offset);
          return await readAll(open, file, offset, wanted, signal);
        } finally {
          await open.close();
        }
      }),

    stat: async (file) =>
      guarded(`looking at ${fileName(file)}`, async () => {
        const { sizeBytes } = await files.stat(placeOf(path, file));
        return { sizeBytes };
      }),

    async *list(kind) {
      try {
        yield* kind === 'data' ? listShards(files, path) : listFolder(files, join(path, kind));
      } catch (error) {
        const failure = localError(error, `listing ${kind}`, location);
        if (!isCoffreError(failure, 'BACKEND_NOT_FOUND')) throw failure;
        if (seen) await assertStillThere(files, path, failure);
      }
    },

    remove: async (file) =>
      guarded(`removing ${fileName(file)}`, async () => {
        const place = placeOf(path, file);
        await files.unlink(place);
        await files.syncFolder(dirname(place)).catch(ignoreUnsupportedSync);
      }),

    close: () => Promise.resolve(),

    removeLeftovers: (clock) =>
      guarded('sweeping temporary files', async () => {
        const olderThanMs = Number(clock.nowNs() / 1_000_000n) - leftoverAgeMs;
        let removed = 0;
        for await (const folder of allFolders(files, path)) removed += await sweep(files, folder, olderThanMs);
        return removed;
      }),
  };
}

function placeOf(path: string, file: FileHandle): string {
  if (file.kind !== 'data') return join(path, fileName(file));
  return join(path, 'data', file.name.slice(0, 2), file.name);
}

/** A missing folder is made once; that it exists is made durable too. */
async function createInFolder(files: LocalFiles, place: string, folderMode: number): Promise<LocalFile> {
  try {
    return await files.createFile(place, 0o600);
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error;
  }
  const folder = dirname(place);
  await files.makeFolder(folder, folderMode);
  await files.syncFolder(dirname(folder)).catch(ignoreUnsupportedSync);
  return files.createFile(place, 0o600);
}

async function writeAll(open: LocalFile, parts: readonly Uint8Array[], signal?: AbortSignal): Promise<void> {
  let rest = parts.filter((part) => part.byteLength > 0);
  while (rest.length > 0) {
    signal?.throwIfAborted();
    const written = await open.write(rest.slice(0, partsAtOnceMax));
    if (written === 0) throw new CoffreError('BACKEND_IO', 'the system wrote nothing', { retryable: true });
    rest = after(rest, written);
  }
}

/** What is left of the parts once their first bytes are written. */
function after(parts: readonly Uint8Array[], written: number): Uint8Array[] {
  let skipped = 0;
  let index = 0;
  for (; index < parts.length; index += 1) {
    const size = parts[index]?.byteLength ?? 0;
    if (skipped + size > written) break;
    skipped += size;
  }
  const [first, ...others] = parts.slice(index);
  return first === undefined ? [] : [first.subarray(written - skipped), ...others];
}

async function readAll(
  open: LocalFile,
  file: FileHandle,
  offset: number,
  length: number,
  signal?: AbortSignal,
): Promise<Buffer> {
  // Not from the shared pool: the buffer belongs to the caller, who may hand it to a worker.
  const bytes = Buffer.allocUnsafeSlow(length);
  let filled = 0;
  while (filled < length) {
    signal?.throwIfAborted();
    const count = await open.read(bytes, filled, length - filled, offset + filled);
    if (count === 0) throw shortRead(file, filled, length);
    filled += count;
  }
  return bytes;
}

function shortRead(file: FileHandle, got: number, wanted: number): CoffreError {
  return new CoffreError('BACKEND_SHORT_READ', `${fileName(file)} ended after ${got} of ${wanted} bytes`, {
    hint: 'Run `coffre check`: the file may be truncated.',
  });
}

async function* listShards(files: LocalFiles, path: string): AsyncGenerator<ListedFile> {
  const data = join(path, 'data');
  for await (const { name, isFolder } of files.readFolder(data)) {
    if (!isFolder || !shardName.test(name)) continue;
    try {
      for await (const file of listFolder(files, join(data, name))) if (file.name.startsWith(name)) yield file;
    } catch (error) {
      if (systemCode(error) !== 'ENOENT') throw error;
    }
  }
}

async function* listFolder(files: LocalFiles, folder: string): AsyncGenerator<ListedFile> {
  let names: string[] = [];
  for await (const { name } of files.readFolder(folder)) {
    if (!isId(name)) continue;
    names.push(name);
    if (names.length < statsAtOnce) continue;
    yield* await sizesOf(files, folder, names);
    names = [];
  }
  yield* await sizesOf(files, folder, names);
}

/** A file removed by somebody else between its name and its size is left out. */
async function sizesOf(files: LocalFiles, folder: string, names: readonly string[]): Promise<ListedFile[]> {
  const found = await Promise.all(
    names.map(async (name) => {
      try {
        const { isFile, sizeBytes } = await files.stat(join(folder, name));
        return isFile ? { name, sizeBytes } : undefined;
      } catch (error) {
        if (systemCode(error) === 'ENOENT') return undefined;
        throw error;
      }
    }),
  );
  return found.filter((file) => file !== undefined);
}

/** A disk unmounted on the way must not look like an empty repository: prune and forget decide by lists. */
async function assertStillThere(files: LocalFiles, path: string, failure: unknown): Promise<void> {
  try {
    await files.stat(join(path, 'config'));
  } catch {
    throw failure;
  }
}

async function* allFolders(files: LocalFiles, path: string): AsyncGenerator<string> {
  yield path;
  for (const kind of fileKinds satisfies readonly FileKind[]) yield join(path, kind);
  for await (const { name, isFolder } of files.readFolder(join(path, 'data'))) {
    if (isFolder && shardName.test(name)) yield join(path, 'data', name);
  }
}

async function sweep(files: LocalFiles, folder: string, olderThanMs: number): Promise<number> {
  let removed = 0;
  try {
    for await (const { name } of files.readFolder(folder)) {
      if (!temporaryName.test(name)) continue;
      const place = join(folder, name);
      const { modifiedMs } = await files.stat(place);
      if (modifiedMs >= olderThanMs) continue;
      await files.unlink(place);
      removed += 1;
    }
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error;
  }
  return removed;
}

function ignoreUnsupportedSync(error: unknown): void {
  if (!isSyncUnsupported(error)) throw error;
}
