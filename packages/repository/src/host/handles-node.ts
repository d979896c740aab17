import {
  chmodSync,
  chownSync,
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readlinkSync,
  rmdirSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeSync,
} from 'node:fs';
import { CoffreError } from '../errors.ts';
import { bytesOf, type ByteString } from '../format/bytestring.ts';
import type { Timestamp } from '../format/tree.ts';
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
  type EntryHandle,
  type FileHandle,
  type FolderHandle,
  type Handles,
} from './handles.ts';
import { readFully } from './handles-native.ts';
import { codeOf } from './native.ts';
import { statOfNode } from './stat.ts';

/**
 * Without libc: `/proc/self/fd/N/name` gives the same safety. Times are rounded to the microsecond, extended attributes
 * are left out, and fifos and devices cannot be made.
 */
export function nodeHandles(): Handles {
  const at = (parent: FolderHandle, name: ByteString): Buffer => bytesOf(entryPath(parent, name));
  const open = (path: Buffer, flags: number): number => openSync(path, flags, 0o600);
  return {
    openRoot(path) {
      if (process.platform !== 'linux') {
        throw new CoffreError('HOST_UNSUPPORTED', 'restoring needs Linux', {
          hint: 'Use `coffre dump` to get the data as an archive.',
        });
      }
      return open(bytesOf(path), rootFlags) as FolderHandle;
    },
    openFolder: (parent, name) => open(at(parent, name), folderFlags) as FolderHandle,
    openEntry: (parent, name) => open(at(parent, name), entryFlags) as EntryHandle,
    createFile: (parent, name) => open(at(parent, name), createFlags) as FileHandle,
    openFile(parent, name, access) {
      if (access === 'write') return open(at(parent, name), writeFlags) as FileHandle;
      try {
        return open(at(parent, name), quietReadFlags) as FileHandle;
      } catch (error) {
        if (codeOf(error) !== 'EPERM') throw error;
        return open(at(parent, name), readFlags) as FileHandle;
      }
    },
    close: (handle) => closeSync(handle),

    stat: (parent, name) => statOfNode(lstatSync(at(parent, name), { bigint: true })),
    statOf: (handle) => statOfNode(fstatSync(handle, { bigint: true })),
    listNames: (folder) => readdirSync(handlePath(folder), { encoding: 'latin1' }) as ByteString[],
    readLink: (parent, name) => readlinkSync(at(parent, name), { encoding: 'latin1' }) as ByteString,
    read: readFully,

    write(file, bytes, position) {
      for (let done = 0; done < bytes.length;) {
        done += writeSync(file, bytes, done, bytes.length - done, position + done);
      }
    },
    resize: (file, sizeBytes) => ftruncateSync(file, sizeBytes),
    sync: (file) => fsyncSync(file),
    syncAll(folder) {
      const readable = openSync(handlePath(folder), constants.O_RDONLY | constants.O_DIRECTORY);
      try {
        fsyncSync(readable);
      } finally {
        closeSync(readable);
      }
    },

    makeFolder: (parent, name) => mkdirSync(at(parent, name), 0o700),
    makeSymlink: (parent, name, target) => symlinkSync(bytesOf(target), at(parent, name)),
    makeNode: (_parent, _name) => {
      throw new CoffreError('HOST_UNSUPPORTED', 'a fifo or device cannot be made on this machine', {
        hint: 'Node was built without node:ffi; use the one this project brings.',
      });
    },
    makeLink: (from, fromName, parent, name) => linkSync(at(from, fromName), at(parent, name)),
    unlink: (parent, name) => unlinkSync(at(parent, name)),
    removeFolder: (parent, name) => rmdirSync(at(parent, name)),

    setOwner: (handle, uid, gid) => chownSync(handlePath(handle), uid, gid),
    setMode: (handle, permissions) => chmodSync(handlePath(handle), permissions),
    setTimes: (handle, atime, mtime) => utimesSync(handlePath(handle), secondsOf(atime), secondsOf(mtime)),
    keepsXattrs: false,
    xattrNames: () => [],
    setXattr: () => undefined,
    removeXattr: () => undefined,
  };
}

function secondsOf({ sec, nsec }: Timestamp): number {
  return sec + nsec / 1e9;
}
