import { dirname, join } from 'node:path';
import { CoffreError } from '../errors.ts';
import type { Clock } from '../host/host.ts';
import { fileName } from './backend.ts';
import type { FileHandle } from './backend.ts';
import { systemCode } from './local-errors.ts';
import type { LocalFiles, LocalSpace } from './local-files.ts';

/** A note on one repository that outlives the process. What cannot be read is no note. */
export type MountNote = {
  read(): Promise<string | undefined>;
  write(text: string): Promise<void>;
};

export type LocalVolume = {
  /** @throws {CoffreError} BACKEND_NOT_MOUNTED when the repository was last seen on a mount that is gone */
  expectMount(): Promise<void>;
  /** Called once the repository was found where it should be. */
  learn(): Promise<void>;
  /** @throws {CoffreError} BACKEND_NOT_MOUNTED when another file system lies there than the one that was learned */
  expectSame(): Promise<void>;
  /** Before a save. @throws {CoffreError} BACKEND_NOT_MOUNTED, BACKEND_FULL */
  expectRoom(file: FileHandle, sizeBytes: number): Promise<void>;
};

export type LocalVolumeOptions = {
  readonly files: LocalFiles;
  readonly path: string;
  readonly location: string;
  /** Asking the system before every pack would be waste; without a clock it is asked each time. */
  readonly clock?: Clock;
  readonly note?: MountNote;
  /** Wherever it was last seen, here it is now. */
  readonly anyMount?: boolean;
};

const lookEveryMs = 1000;
/** Packs leave so much free, so that the index and the snapshot of what is stored can still be written, and locks too. */
const reserveBytesMax = 64 * 1024 * 1024;
const reserveShare = 0.01;

type Look = LocalSpace & { readonly lookedMs: number };

/** Is the right file system there, and is there room? For repositories on disks and shares that come and go. */
export function createLocalVolume(options: LocalVolumeOptions): LocalVolume {
  const { files, path, location, clock, note, anyMount = false } = options;
  let device: number | undefined;
  let space: Look | undefined;

  async function deviceOf(folder: string): Promise<number | undefined> {
    try {
      return (await files.stat(folder)).device;
    } catch (error) {
      const code = systemCode(error);
      if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
      throw error;
    }
  }

  function gone(why: string): CoffreError {
    return new CoffreError('BACKEND_NOT_MOUNTED', `the repository at ${location} is not there: ${why}`, {
      hint: 'Mount its disk or share and run the command again; if it was moved on purpose, add `-o local.mount=any` once.',
    });
  }

  async function expectSame(): Promise<void> {
    if (device === undefined || (await deviceOf(path)) === device) return;
    throw gone('its file system was unmounted or replaced while it was in use');
  }

  /** Looked up at most once a second; what was written since counts as used. */
  async function spaceFor(file: FileHandle): Promise<Look | undefined> {
    const nowMs = clock?.monotonicMs() ?? Infinity;
    if (file.kind === 'data' && space !== undefined && nowMs - space.lookedMs < lookEveryMs) return space;
    await expectSame();
    // A folder of packs may lie on a disk of its own. Where nobody tells, the write itself will.
    const found = await files.space(file.kind === 'config' ? path : join(path, file.kind)).catch(() => undefined);
    if (found === undefined) return undefined;
    const look = { ...found, lookedMs: nowMs };
    if (file.kind === 'data') space = look;
    return look;
  }

  return {
    expectSame,

    async expectMount() {
      const point = anyMount ? undefined : await note?.read().catch(() => undefined);
      if (!point) return;
      const [inside, outside] = [await deviceOf(point), await deviceOf(dirname(point))];
      if (inside === undefined || inside === outside)
        throw gone(`nothing is mounted at ${point}, where it was last seen`);
    },

    async learn() {
      if (device !== undefined) return;
      device = await deviceOf(path);
      if (note === undefined) return;
      const point = (await mountPointOf(path, deviceOf)) ?? '';
      if (point === ((await note.read().catch(() => undefined)) ?? '')) return;
      // Without a note the check is missing next time, and nothing else.
      await note.write(point).catch(() => undefined);
    },

    async expectRoom(file, sizeBytes) {
      if (file.kind === 'locks') return;
      const found = await spaceFor(file);
      if (found === undefined || found.totalBytes === 0) return;
      const reserve = file.kind === 'data' ? Math.min(reserveBytesMax, found.totalBytes * reserveShare) : 0;
      if (found.freeBytes - sizeBytes < reserve) throw tooFull(file, location, found, sizeBytes + reserve);
      if (space === found) space = { ...space, freeBytes: space.freeBytes - sizeBytes };
    },
  };
}

function tooFull(file: FileHandle, location: string, { freeBytes }: LocalSpace, wantedBytes: number): CoffreError {
  const mib = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
  const sentence = `${location} has ${mib(freeBytes)} free, too little to save ${fileName(file)} (${mib(wantedBytes)} with the reserve)`;
  return new CoffreError('BACKEND_FULL', sentence, {
    hint: 'Free some space, or point to a larger place; nothing of this file was written, and what was saved before stays valid.',
  });
}

/** The folder at which another file system begins; undefined when the path lies on the root's. */
async function mountPointOf(
  path: string,
  deviceOf: (folder: string) => Promise<number | undefined>,
): Promise<string | undefined> {
  for (let folder = path; dirname(folder) !== folder; folder = dirname(folder)) {
    if ((await deviceOf(folder)) !== (await deviceOf(dirname(folder)))) return folder;
  }
  return undefined;
}
