import { close, constants, fdatasync, fstat, fsync, open, read, stat, writev } from 'node:fs';
import { chmod, readdir, rename, statfs, unlink } from 'node:fs/promises';
import { promisify } from 'node:util';
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

export type LocalStat = { isFile: boolean; sizeBytes: number; mode: number; modifiedMs: number; device: number };

/** Both 0 where the file system does not tell. */
export type LocalSpace = { freeBytes: number; totalBytes: number };

/** The file system calls of the local backend, and nothing else: a test hands in one whose Nth call fails. */
export type LocalFiles = {
  /** Fails with EEXIST rather than touching a file that is there. */
  createFile(path: string, mode: number): Promise<LocalFile>;
  openFile(path: string): Promise<LocalFile>;
  stat(path: string): Promise<LocalStat>;
  /** Of the file system that holds the path; what everybody may use of it. */
  space(path: string): Promise<LocalSpace>;
  /** With missing parents. An existing folder is no error. */
  makeFolder(path: string, mode: number): Promise<void>;
  readFolder(path: string): Promise<string[]>;
  /** Makes creations, renames and removals in the folder durable. */
  syncFolder(path: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  chmod(path: string, mode: number): Promise<void>;
  unlink(path: string): Promise<void>;
};

/** The file system of this machine. Calls reject with system errors (`code` as ENOENT), which the backend translates. */
export const nodeLocalFiles: LocalFiles = {
  async createFile(path, mode) {
    return localFile(await calls.open(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, mode));
  },
  async openFile(path) {
    return localFile(await calls.open(path, constants.O_RDONLY));
  },
  stat: statQuickly,
  async space(path) {
    const { bavail, blocks, bsize } = await statfs(path);
    return { freeBytes: bavail * bsize, totalBytes: blocks * bsize };
  },
  async makeFolder(path, mode) {
    makeFolders(path, mode);
  },
  readFolder: (path) => readdir(path),
  async syncFolder(path) {
    // Windows has no handle of a folder that could be flushed.
    if (process.platform === 'win32') return;
    const folder = await calls.open(path, constants.O_RDONLY | constants.O_DIRECTORY);
    try {
      await calls.fsync(folder);
    } finally {
      await calls.close(folder);
    }
  },
  rename,
  chmod,
  unlink,
};

const calls = {
  open: promisify(open),
  close: promisify(close),
  fsync: promisify(fsync),
  fdatasync: promisify(fdatasync),
  fstat: promisify(fstat),
  read: promisify(read),
  writev: promisify(writev),
};

/** Plain descriptors: Node closes a forgotten FileHandle when it finds it, and ends the process with an error. */
function localFile(descriptor: number): LocalFile {
  return {
    async write(parts) {
      return (await calls.writev(descriptor, parts)).bytesWritten;
    },
    async read(into, offset, length, position) {
      return (await calls.read(descriptor, into, offset, length, position)).bytesRead;
    },
    async sizeBytes() {
      return (await calls.fstat(descriptor)).size;
    },
    sync: () => calls.fdatasync(descriptor),
    close: () => calls.close(descriptor),
  };
}

/** The callback form takes half the time of the one with promises, and a list asks for every pack. */
function statQuickly(path: string): Promise<LocalStat> {
  return new Promise((resolve, reject) => {
    stat(path, (error, stats) => {
      if (error !== null) return reject(error);
      resolve({
        isFile: stats.isFile(),
        sizeBytes: stats.size,
        mode: stats.mode,
        modifiedMs: stats.mtimeMs,
        device: stats.dev,
      });
    });
  });
}
