import { posix } from 'node:path';
import { isCoffreError } from '../../errors.ts';
import type { Clock } from '../../host/host.ts';
import { systemClock, systemRandom } from '../../host/system.ts';
import { inParallel } from '../../parallel.ts';
import { fileName } from '../backend.ts';
import type { Backend, FileHandle, LoadOptions } from '../backend.ts';
import { createOpenFiles } from '../local-open-files.ts';
import type { StorageOptions } from '../storage-options.ts';
import { createAbandon } from './abandon.ts';
import { canReplace, closeHandle, openToRead, removePath, statPath } from './sftp-calls.ts';
import { createSftpConnector } from './sftp-connect.ts';
import { isStatus, sftpError } from './sftp-errors.ts';
import { foldersToMake, listFiles, placeOf, sweepLeftovers } from './sftp-layout.ts';
import type { SftpLocation } from './sftp-location.ts';
import { flushFolder, makeFolders, makeIfAbsent, saveWhole } from './sftp-save.ts';
import type { SftpSession } from './sftp-session.ts';
import { createSftpSessions } from './sftp-sessions.ts';
import { readRange } from './sftp-transfer.ts';

const leftoverAgeMs = 24 * 3600_000;
const foldersAtOnce = 16;
const groupReadable = 0o040;

type Modes = { readonly folder: number; readonly file: number };
const privateModes: Modes = { folder: 0o700, file: 0o400 };
const groupModes: Modes = { folder: 0o770, file: 0o440 };

type OpenFile = { readonly session: SftpSession; readonly handle: Buffer; close(): Promise<void> };

/** A repository in a folder of an SSH server, laid out as the local one is. Connects when it is first used. */
export async function createSftpBackend(where: SftpLocation, options: StorageOptions): Promise<Backend> {
  const { random = systemRandom(), clock = systemClock(), throttle } = options;
  const { path } = where;
  const location = `sftp:${where.address}`;
  const connector = createSftpConnector(where, options);
  const openFiles = createOpenFiles({ openFile: (place) => sessions.run((session) => openFile(session, place)) });
  const sessions = createSftpSessions({
    ...connector,
    clock,
    // What was opened through it is gone; closing it there would wait for nobody.
    lost: () => void openFiles.close().catch(() => undefined),
  });
  const abandon = createAbandon(clock);
  let modes: Promise<Modes> | undefined;
  let replaces = true;
  let seen = false;

  const run = <T>(work: (session: SftpSession) => Promise<T>): Promise<T> =>
    sessions.run((session) => {
      replaces = canReplace(session);
      return work(session);
    });

  async function guarded<T>(what: string, work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    try {
      const result = await abandon.whenAborted(work, signal);
      seen = true;
      return result;
    } catch (error) {
      throw sftpError(error, what, location);
    }
  }

  /** A config that the group may read tells that the whole repository is shared with the group. */
  async function readModes(session: SftpSession): Promise<Modes> {
    try {
      const { mode = 0 } = await statPath(session, posix.join(path, 'config'));
      return (mode & groupReadable) === 0 ? privateModes : groupModes;
    } catch (error) {
      modes = undefined;
      if (isStatus(error, 'noSuchFile')) return privateModes;
      throw error;
    }
  }

  async function saveFile(file: FileHandle, parts: readonly Uint8Array[], signal?: AbortSignal): Promise<void> {
    const place = placeOf(path, file);
    const temporary = `${place}-tmp-${random.bytes(8).toString('hex')}`;
    try {
      await run(async (session) => {
        modes ??= readModes(session);
        const { folder: folderMode, file: fileMode } = await modes;
        const what = `saving ${fileName(file)}`;
        const names = { what, location, root: path, temporary, place };
        await saveWhole(session, parts, {
          ...names,
          folderMode,
          fileMode,
          gate: throttle?.up,
          ...(signal === undefined ? {} : { signal }),
        });
      });
    } finally {
      await openFiles.forget(place);
    }
  }

  async function loadFile(file: FileHandle, loadOptions: LoadOptions): Promise<Buffer> {
    const place = placeOf(path, file);
    // Trees and small files come as many little ranges of few packs; a whole file is wanted once.
    if (file.kind === 'data' && loadOptions.length !== undefined) {
      await using open = await openFiles.borrow(place);
      return await readRange(open.file.session, open.file.handle, file, loadOptions, throttle?.down);
    }
    return run(async (session) => {
      const open = await openFile(session, place);
      try {
        return await readRange(session, open.handle, file, loadOptions, throttle?.down);
      } finally {
        open.close().catch(() => undefined);
      }
    });
  }

  async function makeAllFolders(session: SftpSession): Promise<void> {
    const { folder } = await readModes(session);
    await makeFolders(session, path, folder);
    // The folder of a kind before the 256 in it; each is flushed once, not once for each folder made in it.
    const [kinds, shards] = splitBy(foldersToMake(path), (name) => posix.dirname(name) === path);
    for (const names of [kinds, shards]) {
      await inParallel(names, foldersAtOnce, async (name) => void (await makeIfAbsent(session, name, folder)));
    }
    for (const parent of [posix.join(path, 'data'), path]) await flushFolder(session, parent);
  }

  return {
    location,
    connectionsMax: connector.connectionsMax,
    isThrottled: true,
    get replacesAtomically() {
      return replaces;
    },

    create: () => guarded('making the folders of a repository', () => run(makeAllFolders)),

    save: async (file, parts, signal) =>
      guarded(`saving ${fileName(file)}`, () => saveFile(file, parts, signal), signal),

    load: async (file, loadOptions = {}) =>
      guarded(`reading ${fileName(file)}`, () => loadFile(file, loadOptions), loadOptions.signal),

    stat: async (file) =>
      guarded(`looking at ${fileName(file)}`, async () => {
        const { sizeBytes = 0 } = await run((session) => statPath(session, placeOf(path, file)));
        return { sizeBytes };
      }),

    async *list(kind) {
      try {
        yield* listFiles(run, path, kind);
        seen = true;
      } catch (error) {
        const failure = sftpError(error, `listing ${kind}`, location);
        if (!isCoffreError(failure, 'BACKEND_NOT_FOUND')) throw failure;
        if (seen) await assertStillThere(run, path, failure);
      }
    },

    remove: async (file) =>
      guarded(`removing ${fileName(file)}`, async () => {
        const place = placeOf(path, file);
        await run((session) => removePath(session, place));
        await openFiles.forget(place);
        await run((session) => flushFolder(session, posix.dirname(place)));
      }),

    removeLeftovers: (now: Clock) =>
      guarded('sweeping temporary files', () =>
        sweepLeftovers(run, path, Number(now.nowNs() / 1_000_000n) - leftoverAgeMs),
      ),

    async close() {
      await abandon.settled();
      await sessions.close();
    },
  };
}

async function openFile(session: SftpSession, place: string): Promise<OpenFile> {
  const handle = await openToRead(session, place);
  return { session, handle, close: () => closeHandle(session, handle) };
}

/** A disk unmounted on the way must not look like an empty repository: prune and forget decide by lists. */
async function assertStillThere(
  run: <T>(work: (session: SftpSession) => Promise<T>) => Promise<T>,
  path: string,
  failure: unknown,
): Promise<void> {
  try {
    await run((session) => statPath(session, posix.join(path, 'config')));
  } catch {
    throw failure;
  }
}

function splitBy(names: readonly string[], rule: (name: string) => boolean): [string[], string[]] {
  return [names.filter(rule), names.filter((name) => !rule(name))];
}
