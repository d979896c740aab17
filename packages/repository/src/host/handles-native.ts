import { readSync, readdirSync, readlinkSync } from 'node:fs';
import { bytesOf, type ByteString } from '../format/bytestring.ts';
import {
  createFlags,
  entryFlags,
  entryPath,
  folderFlags,
  handlePath,
  quietReadFlags,
  readFlags,
  rootFlags,
  writeFlags,
  type AnyHandle,
  type EntryHandle,
  type FileHandle,
  type FolderHandle,
  type Handles,
} from './handles.ts';
import { codeOf, putPath, systemError, type Native } from './native.ts';
import { statReader } from './stat.ts';
import { removeXattr, setXattr, xattrNames, type Attributed } from './xattr.ts';

const currentFolder = -100; // AT_FDCWD
const noFollow = 0x100; // AT_SYMLINK_NOFOLLOW
const removeDirectory = 0x200; // AT_REMOVEDIR

/** libc's `…at` calls. Folders and entries are held with O_PATH, so what needs more goes through `/proc/self/fd`. */
export function nativeHandles(native: Native): Handles {
  const { calls, path, otherPath } = native;
  const status = native.scratch(256);
  const readStatus = statReader(status.buffer, process.arch);
  const times = native.scratch(128);
  const timeWords = new Int32Array(times.buffer.buffer, 0, 8);
  /** Open regular files take calls by number; everything else by its path in /proc. */
  const files = new Set<number>();

  const check = (result: number, call: string, name?: ByteString): void => {
    if (result !== 0) throw systemError(native.errno(), call, name);
  };
  const open = (parent: number, name: ByteString, flags: number): number => {
    const fd = calls.openat(parent, putPath(path, name), flags, 0o600);
    if (fd < 0) throw systemError(native.errno(), 'open', name);
    return fd;
  };
  const openAsFile = (parent: FolderHandle, name: ByteString, flags: number): FileHandle => {
    const fd = open(parent, name, flags) as FileHandle;
    files.add(fd);
    return fd;
  };
  const attributed = (handle: AnyHandle): Attributed => (files.has(handle) ? handle : handlePath(handle));
  const putTimes = (words: Int32Array, at: number, { sec, nsec }: { sec: number; nsec: number }): void => {
    words[at] = sec | 0;
    words[at + 1] = Math.floor(sec / 0x1_0000_0000);
    words[at + 2] = nsec;
    words[at + 3] = 0;
  };

  return {
    openRoot: (root) => open(currentFolder, root, rootFlags) as FolderHandle,
    openFolder: (parent, name) => open(parent, name, folderFlags) as FolderHandle,
    openEntry: (parent, name) => open(parent, name, entryFlags) as EntryHandle,
    createFile: (parent, name) => openAsFile(parent, name, createFlags),
    openFile(parent, name, access) {
      if (access === 'write') return openAsFile(parent, name, writeFlags);
      try {
        return openAsFile(parent, name, quietReadFlags);
      } catch (error) {
        if (codeOf(error) !== 'EPERM') throw error;
        return openAsFile(parent, name, readFlags);
      }
    },
    close(handle) {
      files.delete(handle);
      check(calls.close(handle), 'close');
    },

    stat(parent, name) {
      check(calls.fstatat(parent, putPath(path, name), status.address, noFollow), 'stat', name);
      return readStatus();
    },
    statOf(handle) {
      check(calls.fstat(handle, status.address), 'stat');
      return readStatus();
    },
    listNames: (folder) => readdirSync(handlePath(folder), { encoding: 'latin1' }) as ByteString[],
    readLink: (parent, name) => readlinkSync(bytesOf(entryPath(parent, name)), { encoding: 'latin1' }) as ByteString,
    read: (file, into, length, position) => readFully(file, into, length, position),

    write(file, bytes, position) {
      for (let done = 0; done < bytes.length;) {
        const rest = done === 0 ? bytes : bytes.subarray(done);
        const written = calls.pwrite(file, rest, position + done);
        if (written < 0) throw systemError(native.errno(), 'write');
        done += written;
      }
    },
    resize: (file, sizeBytes) => check(calls.ftruncate(file, sizeBytes), 'ftruncate'),
    sync: (file) => check(calls.fsync(file), 'fsync'),
    syncAll(folder) {
      const readable = open(folder, '.' as ByteString, readFlags);
      const result = calls.syncfs(readable);
      const errno = native.errno();
      calls.close(readable);
      if (result !== 0) throw systemError(errno, 'syncfs');
    },

    makeFolder: (parent, name) => check(calls.mkdirat(parent, putPath(path, name), 0o700), 'mkdir', name),
    makeSymlink: (parent, name, target) =>
      check(calls.symlinkat(putPath(otherPath, target), parent, putPath(path, name)), 'symlink', name),
    makeNode: (parent, name, stMode, device) =>
      check(calls.mknodat(parent, putPath(path, name), stMode, BigInt(device)), 'mknod', name),
    makeLink: (from, fromName, parent, name) =>
      check(calls.linkat(from, putPath(otherPath, fromName), parent, putPath(path, name), 0), 'link', name),
    unlink: (parent, name) => check(calls.unlinkat(parent, putPath(path, name), 0), 'unlink', name),
    removeFolder: (parent, name) => check(calls.unlinkat(parent, putPath(path, name), removeDirectory), 'rmdir', name),

    setOwner(handle, uid, gid) {
      if (files.has(handle)) check(calls.fchown(handle, uid, gid), 'chown');
      else check(calls.fchownat(currentFolder, putPath(path, handlePath(handle)), uid, gid, 0), 'chown');
    },
    setMode(handle, permissions) {
      if (files.has(handle)) check(calls.fchmod(handle, permissions), 'chmod');
      else check(calls.chmod(putPath(path, handlePath(handle)), permissions), 'chmod');
    },
    setTimes(handle, atime, mtime) {
      putTimes(timeWords, 0, atime);
      putTimes(timeWords, 4, mtime);
      if (files.has(handle)) check(calls.futimens(handle, times.address), 'utimens');
      else check(calls.utimensat(currentFolder, putPath(path, handlePath(handle)), times.address, 0), 'utimens');
    },
    keepsXattrs: true,
    xattrNames: (handle) => xattrNames(native, attributed(handle)),
    setXattr: (handle, attribute) => setXattr(native, attributed(handle), attribute),
    removeXattr: (handle, name) => removeXattr(native, attributed(handle), name),
  };
}

export function readFully(file: number, into: Uint8Array, length: number, position: number): number {
  let done = 0;
  while (done < length) {
    const got = readSync(file, into, done, length - done, position + done);
    if (got === 0) break;
    done += got;
  }
  return done;
}
