/** Extended attributes: ACLs, capabilities and labels are among them. Names and values have at most 64 KiB. */
import { toByteString, type ByteString } from '../format/bytestring.ts';
import type { ExtendedAttribute } from '../format/tree.ts';
import { attributeBytesMax, putPath, systemError, type Native } from './native.ts';

/** The kernel allocates as much as we offer, so the first try is small. */
const firstTry = 1024n;
const limit = BigInt(attributeBytesMax);
/** errno: the buffer is too small; no such attribute; the file system has none. */
const tooSmall = 34;
const absent = 61;
const unsupported = 95;
const noSystemCall = 38;

const none: readonly ExtendedAttribute[] = [];

/** Never follows a symbolic link. In the order in which the file system lists them. */
export function listXattrs(native: Native, path: ByteString): readonly ExtendedAttribute[] {
  const { calls, data } = native;
  const address = putPath(native.path, path);
  const size = calls.llistxattr(address, data.address, firstTry);
  if (size === 0n) return none;
  const names = namesOf(native, size, () => calls.llistxattr(address, data.address, limit), path);
  return valuesOf(native, names, (name, bytes) => calls.lgetxattr(address, name, data.address, bytes), path);
}

export function listXattrsOf(native: Native, fd: number): readonly ExtendedAttribute[] {
  const { calls, data } = native;
  const size = calls.flistxattr(fd, data.address, firstTry);
  if (size === 0n) return none;
  const names = namesOf(native, size, () => calls.flistxattr(fd, data.address, limit));
  return valuesOf(native, names, (name, bytes) => calls.fgetxattr(fd, name, data.address, bytes));
}

function namesOf(native: Native, firstSize: bigint, again: () => bigint, path?: ByteString): string[] {
  const size = firstSize < 0n && native.errno() === tooSmall ? again() : firstSize;
  if (size < 0n) {
    const errno = native.errno();
    if (errno === unsupported || errno === noSystemCall) return [];
    throw systemError(errno, 'listxattr', path);
  }
  if (size === 0n) return [];
  return native.data.buffer.toString('utf8', 0, Number(size) - 1).split('\0');
}

function valuesOf(
  native: Native,
  names: readonly string[],
  get: (name: bigint, sizeBytesMax: bigint) => bigint,
  path?: ByteString,
): readonly ExtendedAttribute[] {
  const attributes: ExtendedAttribute[] = [];
  for (const name of names) {
    const address = putPath(native.otherPath, toByteString(name));
    let size = get(address, firstTry);
    if (size < 0n && native.errno() === tooSmall) size = get(address, limit);
    if (size >= 0n) {
      attributes.push({ name, value: Buffer.from(native.data.buffer.subarray(0, Number(size))) });
      continue;
    }
    const errno = native.errno();
    if (errno !== absent) throw systemError(errno, `getxattr ${name}`, path);
  }
  return attributes;
}

/** The path must end in a handle that the caller holds (`/proc/self/fd/N/name`) when others can change the folder. */
export function setXattr(native: Native, path: ByteString, { name, value }: ExtendedAttribute): void {
  const bytes = value ?? Buffer.alloc(0);
  const address = putPath(native.path, path);
  const nameAddress = putPath(native.otherPath, toByteString(name));
  if (native.calls.lsetxattr(address, nameAddress, bytes, BigInt(bytes.length), 0) !== 0) {
    throw systemError(native.errno(), `lsetxattr ${name}`, path);
  }
}

export function removeXattr(native: Native, path: ByteString, name: string): void {
  const address = putPath(native.path, path);
  const nameAddress = putPath(native.otherPath, toByteString(name));
  if (native.calls.lremovexattr(address, nameAddress) !== 0) {
    throw systemError(native.errno(), `lremovexattr ${name}`, path);
  }
}

export function setXattrOf(native: Native, fd: number, { name, value }: ExtendedAttribute): void {
  const bytes = value ?? Buffer.alloc(0);
  const nameAddress = putPath(native.otherPath, toByteString(name));
  if (native.calls.fsetxattr(fd, nameAddress, bytes, BigInt(bytes.length), 0) !== 0) {
    throw systemError(native.errno(), `fsetxattr ${name}`);
  }
}

export function removeXattrOf(native: Native, fd: number, name: string): void {
  const nameAddress = putPath(native.otherPath, toByteString(name));
  if (native.calls.fremovexattr(fd, nameAddress) !== 0) throw systemError(native.errno(), `fremovexattr ${name}`);
}
