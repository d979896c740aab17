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

/** An open file, or a path that ends in a handle (`/proc/self/fd/N`) and is therefore followed. */
export type Attributed = number | ByteString;

export function xattrNames(native: Native, target: Attributed): string[] {
  const { calls, data } = native;
  if (typeof target === 'number') {
    const size = calls.flistxattr(target, data.address, firstTry);
    return size === 0n ? [] : namesOf(native, size, () => calls.flistxattr(target, data.address, limit));
  }
  const address = putPath(native.path, target);
  const size = calls.listxattr(address, data.address, firstTry);
  return size === 0n ? [] : namesOf(native, size, () => calls.listxattr(address, data.address, limit));
}

export function setXattr(native: Native, target: Attributed, { name, value }: ExtendedAttribute): void {
  const { calls } = native;
  const bytes = value ?? Buffer.alloc(0);
  const nameAddress = putPath(native.otherPath, toByteString(name));
  const size = BigInt(bytes.length);
  const result =
    typeof target === 'number'
      ? calls.fsetxattr(target, nameAddress, bytes, size, 0)
      : calls.setxattr(putPath(native.path, target), nameAddress, bytes, size, 0);
  if (result !== 0) throw systemError(native.errno(), `setxattr ${name}`);
}

export function removeXattr(native: Native, target: Attributed, name: string): void {
  const { calls } = native;
  const nameAddress = putPath(native.otherPath, toByteString(name));
  const result =
    typeof target === 'number'
      ? calls.fremovexattr(target, nameAddress)
      : calls.removexattr(putPath(native.path, target), nameAddress);
  if (result !== 0) throw systemError(native.errno(), `removexattr ${name}`);
}
