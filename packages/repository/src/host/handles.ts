/**
 * Writing below one folder and nowhere else. Every call names a single entry of a folder that is held open, and the
 * last component is never followed, so no symbolic link and no folder swapped by another process leads outside.
 */
import { constants } from 'node:fs';
import type { ByteString } from '../format/bytestring.ts';
import type { ExtendedAttribute, Timestamp, U64 } from '../format/tree.ts';
import type { FileStat } from './stat.ts';

export type FolderHandle = number & { readonly folder: true };
/** An open regular file. */
export type FileHandle = number & { readonly file: true };
/** An entry of any kind, held without being opened: a link, a device, a folder. */
export type EntryHandle = number & { readonly entry: true };
export type AnyHandle = FolderHandle | FileHandle | EntryHandle;

export type Handles = {
  /** The folder where everything happens; the path itself is the user's and may go through links. */
  openRoot(path: ByteString): FolderHandle;
  openFolder(parent: FolderHandle, name: ByteString): FolderHandle;
  /** ENOENT, or an entry that is not followed. */
  openEntry(parent: FolderHandle, name: ByteString): EntryHandle;
  /** EEXIST when the name is taken. For writing, readable by nobody else. */
  createFile(parent: FolderHandle, name: ByteString): FileHandle;
  openFile(parent: FolderHandle, name: ByteString, access: 'read' | 'write'): FileHandle;
  close(handle: AnyHandle): void;

  stat(parent: FolderHandle, name: ByteString): FileStat;
  statOf(handle: AnyHandle): FileStat;
  listNames(folder: FolderHandle): ByteString[];
  readLink(parent: FolderHandle, name: ByteString): ByteString;
  /** Fewer bytes than asked only at the end of the file. */
  read(file: FileHandle, into: Uint8Array, length: number, position: number): number;

  /** All of it, or an error. */
  write(file: FileHandle, bytes: Uint8Array, position: number): void;
  resize(file: FileHandle, sizeBytes: number): void;
  sync(file: FileHandle): void;
  /** Everything written to the file system that holds this folder. */
  syncAll(folder: FolderHandle): void;

  makeFolder(parent: FolderHandle, name: ByteString): void;
  makeSymlink(parent: FolderHandle, name: ByteString, target: ByteString): void;
  /** A fifo or a device; `stMode` holds the type. */
  makeNode(parent: FolderHandle, name: ByteString, stMode: number, device: U64): void;
  makeLink(from: FolderHandle, fromName: ByteString, parent: FolderHandle, name: ByteString): void;
  unlink(parent: FolderHandle, name: ByteString): void;
  removeFolder(parent: FolderHandle, name: ByteString): void;

  setOwner(handle: AnyHandle, uid: number, gid: number): void;
  setMode(handle: AnyHandle, permissions: number): void;
  setTimes(handle: AnyHandle, atime: Timestamp, mtime: Timestamp): void;
  readonly keepsXattrs: boolean;
  xattrNames(handle: AnyHandle): string[];
  setXattr(handle: AnyHandle, attribute: ExtendedAttribute): void;
  removeXattr(handle: AnyHandle, name: string): void;
};

/** O_PATH and O_CLOEXEC have no name in `node:fs`; both are the same on x64 and arm64. */
const closeOnExec = 0o2000000;
export const folderFlags = 0o10000000 | constants.O_DIRECTORY | constants.O_NOFOLLOW | closeOnExec;
export const rootFlags = 0o10000000 | constants.O_DIRECTORY | closeOnExec;
export const entryFlags = 0o10000000 | constants.O_NOFOLLOW | closeOnExec;
export const createFlags =
  constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW | closeOnExec;
/** Without O_NONBLOCK a fifo put in place of a file would hang us. */
export const writeFlags = constants.O_WRONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK | closeOnExec;
export const readFlags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK | closeOnExec;
/** Reading must not change the access time that was just restored. */
export const quietReadFlags = readFlags | (constants.O_NOATIME ?? 0);

/** The path of an open handle, which the kernel follows to exactly that inode. */
export function handlePath(handle: AnyHandle): ByteString {
  return `/proc/self/fd/${handle}` as ByteString;
}

/** The path of an entry of an open folder. */
export function entryPath(parent: FolderHandle, name: ByteString): ByteString {
  return `/proc/self/fd/${parent}/${name}` as ByteString;
}
