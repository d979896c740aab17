import { constants, stat } from 'node:fs';
import { chmod, open, readdir, rename, unlink } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { makeFolders } from '../host/make-folders.ts';

/** An open file. Calls may move fewer bytes than asked, as the kernel's do. */
export type LocalFile = {
  /** Writes at the end of the file; resolves to the bytes written. */
  write(parts: readonly Uint8Array[]): Promise<number>;
  /** Resolves to the bytes read, 0 at the end of the file. */
  read(into: Uint8Array, offset: number, length: number, position: number): Promise<number>;
  sizeBytes(): Promise<number>;
  /** Data and size reach the disk; times and mode may not. */
  sync(): Promise<void>;
  close(): Promise<void>;
};

export type LocalStat = { isFile: boolean; sizeBytes: number; mode: number; modifiedMs: number };

/** The file system calls of the local backend, and nothing else: a test hands in one whose Nth call fails. */
export type LocalFiles = {
  /** Fails with EEXIST rather than touching a file that is there. */
  createFile(path: string, mode: number): Promise<LocalFile>;
  openFile(path: string): Promise<LocalFile>;
  stat(path: string): Promise<LocalStat>;
  /** With missing parents. An existing folder is no error. */
  makeFolder(path: string, mode: number): Promise<void>;
  readFolder(path: string): Promise<string[]>;
  /** Makes creations, renames and removals in the folder durable. */
  syncFolder(path: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  chmod(path: string, mode: number): Promise<void>;
  unlink(path: string): Promise<void>;
};

export const nodeLocalFiles: LocalFiles = {
  async createFile(path, mode) {
    return localFile(await open(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, mode));
  },
  async openFile(path) {
    return localFile(await open(path, constants.O_RDONLY));
  },
  stat: statQuickly,
  async makeFolder(path, mode) {
    makeFolders(path, mode);
  },
  readFolder: (path) => readdir(path),
  async syncFolder(path) {
    // Windows has no handle of a folder that could be flushed.
    if (process.platform === 'win32') return;
    const folder = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  },
  rename,
  chmod,
  unlink,
};

function localFile(handle: FileHandle): LocalFile {
  return {
    async write(parts) {
      return (await handle.writev(parts)).bytesWritten;
    },
    async read(into, offset, length, position) {
      return (await handle.read(into, offset, length, position)).bytesRead;
    },
    async sizeBytes() {
      return (await handle.stat()).size;
    },
    sync: () => handle.datasync(),
    close: () => handle.close(),
  };
}

/** The callback form takes half the time of the one with promises, and a list asks for every pack. */
function statQuickly(path: string): Promise<LocalStat> {
  return new Promise((resolve, reject) => {
    stat(path, (error, stats) => {
      if (error !== null) return reject(error);
      resolve({ isFile: stats.isFile(), sizeBytes: stats.size, mode: stats.mode, modifiedMs: stats.mtimeMs });
    });
  });
}
