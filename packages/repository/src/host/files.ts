/**
 * Reading a file system, synchronously: in bulk these calls cost 1–3 µs each, promises ten times that. Paths are
 * bytes. Errors keep the `code` of the system (`ENOENT`, `EACCES`, …).
 */
import { closeSync, constants, fstatSync, lstatSync, openSync, readdirSync, readlinkSync, readSync } from 'node:fs';
import { bytesOf, type ByteString } from '../format/bytestring.ts';
import type { ExtendedAttribute } from '../format/tree.ts';
import { createAccounts, type Accounts } from './accounts.ts';
import { codeOf, openNative, putPath, systemError, type Native } from './native.ts';
import { statOfNode, statReader, type FileStat } from './stat.ts';
import { listXattrs } from './xattr.ts';

export type OpenOptions = {
  /** Do not touch the access time, where the kernel lets us (owner or root). */
  readonly noAtime?: boolean;
  /** ELOOP when the last component is a symbolic link. */
  readonly noFollow?: boolean;
};

export type Files = {
  lstat(path: ByteString): FileStat;
  fstat(fd: number): FileStat;
  /** In no order, without `.` and `..`. */
  listNames(path: ByteString): ByteString[];
  readLink(path: ByteString): ByteString;
  /** For reading. A fifo does not block. */
  open(path: ByteString, options?: OpenOptions): number;
  /** `position` null reads on from where the last read ended; 0 at the end of the file. */
  read(fd: number, buffer: Uint8Array, offset: number, length: number, position: number | null): number;
  close(fd: number): void;
  /** Empty where the system or the file system has none. */
  listXattrs(path: ByteString): readonly ExtendedAttribute[];
  /** Whether `listXattrs` can see anything at all on this machine. */
  readonly readsXattrs: boolean;
  userName(uid: number): string | undefined;
  groupName(gid: number): string | undefined;
};

/** Belongs to the thread that made it. `native` null takes the slower way through `node:fs` alone. */
export function createFiles(native: Native | null = openNative() ?? null): Files {
  return native === null ? nodeFiles(createAccounts(undefined)) : nativeFiles(native);
}

const readOnly = constants.O_RDONLY | constants.O_NONBLOCK | 0o2000000; // O_CLOEXEC, which node:fs does not name
const noFollowFlag = constants.O_NOFOLLOW ?? 0;
const noAtimeFlag = constants.O_NOATIME ?? 0;

function openFlags(options: OpenOptions): number {
  return readOnly | (options.noFollow ? noFollowFlag : 0) | (options.noAtime ? noAtimeFlag : 0);
}

/** O_NOATIME is for owners and root only; others get EPERM and read without it. */
function withoutAtimeWhenRefused(options: OpenOptions, open: (flags: number) => number): number {
  const flags = openFlags(options);
  try {
    return open(flags);
  } catch (error) {
    if (!options.noAtime || codeOf(error) !== 'EPERM') throw error;
    return open(flags & ~noAtimeFlag);
  }
}

function nodeFiles(accounts: Accounts): Files {
  return {
    lstat: (path) => statOfNode(lstatSync(bytesOf(path), { bigint: true })),
    fstat: (fd) => statOfNode(fstatSync(fd, { bigint: true })),
    listNames: (path) => readdirSync(bytesOf(path), { encoding: 'latin1' }) as ByteString[],
    readLink: (path) => readlinkSync(bytesOf(path), { encoding: 'latin1' }) as ByteString,
    open: (path, options = {}) => withoutAtimeWhenRefused(options, (flags) => openSync(bytesOf(path), flags)),
    read: (fd, buffer, offset, length, position) => readSync(fd, buffer, offset, length, position),
    close: (fd) => closeSync(fd),
    listXattrs: () => [],
    readsXattrs: false,
    userName: (uid) => accounts.userName(uid),
    groupName: (gid) => accounts.groupName(gid),
  };
}

function nativeFiles(native: Native): Files {
  const { calls } = native;
  const status = native.scratch(256);
  const readStatus = statReader(status.buffer, process.arch);
  return {
    ...nodeFiles(createAccounts(native)),
    lstat(path) {
      if (calls.lstat(putPath(native.path, path), status.address) !== 0)
        throw systemError(native.errno(), 'lstat', path);
      return readStatus();
    },
    fstat(fd) {
      if (calls.fstat(fd, status.address) !== 0) throw systemError(native.errno(), 'fstat');
      return readStatus();
    },
    open(path, options = {}) {
      return withoutAtimeWhenRefused(options, (flags) => {
        const fd = calls.open(putPath(native.path, path), flags, 0);
        if (fd < 0) throw systemError(native.errno(), 'open', path);
        return fd;
      });
    },
    // A worker complains when node:fs closes what it did not open.
    close(fd) {
      if (calls.close(fd) !== 0) throw systemError(native.errno(), 'close');
    },
    listXattrs: (path) => listXattrs(native, path),
    readsXattrs: true,
  };
}
