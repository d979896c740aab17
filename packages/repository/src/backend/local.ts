import { randomBytes } from 'node:crypto';
import { dirname, join, resolve } from 'node:path';
import { isCoffreError } from '../errors.ts';
import type { Clock, Random } from '../host/host.ts';
import { fileName } from './backend.ts';
import type { Backend, FileHandle, LoadOptions } from './backend.ts';
import { readPastBadSectors } from './local-bad-sectors.ts';
import { localError, systemCode } from './local-errors.ts';
import { nodeLocalFiles } from './local-files.ts';
import type { LocalFiles } from './local-files.ts';
import { foldersToMake, listFiles, placeOf, sweepLeftovers } from './local-layout.ts';
import { createOpenFiles, openOnce } from './local-open-files.ts';
import { readRange } from './local-read.ts';
import { createLocalVolume } from './local-volume.ts';
import type { MountNote } from './local-volume.ts';
import { sizeOf } from './counting.ts';
import type { Throttle } from './limits/throttle.ts';
import { foldersAbove, syncFolder, writeWhole } from './local-write.ts';

export type LocalBackendOptions = {
  /** Folder of the repository. */
  path: string;
  files?: LocalFiles;
  /** For the names of temporary files. */
  random?: Random;
  connectionsMax?: number;
  clock?: Clock;
  throttle?: Throttle;
  /** Remembers on which mount the repository was seen; absent where that must not matter. */
  mountNote?: MountNote;
  anyMount?: boolean;
};

export type LocalBackend = Backend & {
  /** Removes temporary files that a crash left behind more than a day ago; resolves to how many. */
  removeLeftovers(clock: Clock): Promise<number>;
};

const leftoverAgeMs = 24 * 3600_000;
const groupReadable = 0o040;

type Modes = { readonly folder: number; readonly file: number };
const privateModes: Modes = { folder: 0o700, file: 0o400 };
const groupModes: Modes = { folder: 0o770, file: 0o440 };

/**
 * A repository in a folder, laid out as restic does: `config`, `keys/ID`, `locks/ID`, `snapshots/ID`, `index/ID`,
 * `data/<first two digits>/ID`.
 */
export function createLocalBackend(options: LocalBackendOptions): LocalBackend {
  const { path: location, files = nodeLocalFiles, random = { bytes: randomBytes }, connectionsMax = 4 } = options;
  const { clock, throttle, mountNote, anyMount = false } = options;
  const path = resolve(location);
  const volume = createLocalVolume({
    files,
    path,
    location,
    anyMount,
    ...(clock === undefined ? {} : { clock }),
    ...(mountNote === undefined ? {} : { note: mountNote }),
  });
  const openFiles = createOpenFiles(files);
  const bad = new Set<string>();
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
    modes ??= readModes();
    const { folder: folderMode, file: fileMode } = await modes;
    await volume.expectRoom(file, sizeOf(parts));
    const temporary = `${place}-tmp-${random.bytes(8).toString('hex')}`;
    try {
      const how = {
        temporary,
        place,
        folderMode,
        fileMode,
        mayMakeFolder: () => volume.expectSame(),
        gate: throttle?.up,
      };
      await writeWhole(files, how, parts, signal);
    } finally {
      await openFiles.forget(place);
    }
  }

  async function loadFile(file: FileHandle, place: string, options: LoadOptions): Promise<Buffer> {
    options.signal?.throwIfAborted();
    // Trees and small files come as many little ranges of few packs; a whole file is wanted once.
    await using open = await (file.kind === 'data' && options.length !== undefined
      ? openFiles.borrow(place)
      : openOnce(files, place));
    return await readRange(open.file, file, options, throttle?.down).catch(async (error: unknown) => {
      // What was opened before a server restarted stays stale for ever; the next try opens it anew.
      await openFiles.forget(place);
      throw error;
    });
  }

  return {
    location,
    connectionsMax,
    replacesAtomically: true,
    isThrottled: throttle !== undefined,

    create: () =>
      guarded('making the folders of a repository', async () => {
        await volume.expectMount();
        const { folder } = await readModes();
        const above = await foldersAbove(files, path);
        await files.makeFolder(path, folder);
        await Promise.all(foldersToMake(path).map((name) => files.makeFolder(name, folder)));
        for (const parent of [join(path, 'data'), path, ...above]) await syncFolder(files, parent);
      }),

    save: async (file, parts, signal) => guarded(`saving ${fileName(file)}`, () => saveFile(file, parts, signal)),

    load: async (file, loadOptions = {}) => {
      const what = `reading ${fileName(file)}`;
      const place = placeOf(path, file);
      const { signal } = loadOptions;
      const around = { files, path, place, bad, clock, signal, what: `${what} in ${location}` };
      return guarded(what, () => readPastBadSectors(() => loadFile(file, place, loadOptions), around));
    },

    stat: async (file) =>
      guarded(`looking at ${fileName(file)}`, async () => {
        if (file.kind === 'config') await volume.expectMount();
        const { sizeBytes } = await files.stat(placeOf(path, file));
        if (file.kind === 'config') await volume.learn();
        return { sizeBytes };
      }),

    async *list(kind) {
      try {
        yield* listFiles(files, path, kind);
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
        await openFiles.forget(place);
        await syncFolder(files, dirname(place));
      }),

    close: () => openFiles.close(),

    removeLeftovers: (clock) =>
      guarded('sweeping temporary files', () =>
        sweepLeftovers(files, path, Number(clock.nowNs() / 1_000_000n) - leftoverAgeMs),
      ),
  };
}

/** A disk unmounted on the way must not look like an empty repository: prune and forget decide by lists. */
async function assertStillThere(files: LocalFiles, path: string, failure: unknown): Promise<void> {
  try {
    await files.stat(join(path, 'config'));
  } catch {
    throw failure;
  }
}
