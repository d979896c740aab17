/** Extended attributes: ACLs, capabilities and labels are among them. Names and values have at most 64 KiB. */
import { toByteString, type ByteString } from '../format/bytestring.ts';
import type { ExtendedAttribute } from '../format/tree.ts';
import { attributeBytesMax, putPath, systemError, type Native } from './native.ts';

const limit = BigInt(attributeBytesMax);
/** errno: no such attribute; the file system has none; not supported here. */
const absent = 61;
const unsupported = 95;
const noSystemCall = 38;

const none: readonly ExtendedAttribute[] = [];

/** Never follows a symbolic link. In the order in which the file system lists them. */
export function listXattrs(native: Native, path: ByteString): readonly ExtendedAttribute[] {
  const { calls, data } = native;
  const address = putPath(native.path, path);
  const size = calls.llistxattr(address, data.address, limit);
  if (size === 0n) return none;
  const names = namesOf(native, size, 'llistxattr', path);
  return valuesOf(native, names, 'lgetxattr', path, (name) => calls.lgetxattr(address, name, data.address, limit));
}

export function listXattrsOf(native: Native, fd: number): readonly ExtendedAttribute[] {
  const { calls, data } = native;
  const size = calls.flistxattr(fd, data.address, limit);
  if (size === 0n) return none;
  const names = namesOf(native, size, 'flistxattr');
  return valuesOf(native, names, 'fgetxattr', undefined, (name) => calls.fgetxattr(fd, name, data.address, limit));
}

function namesOf(native: Native, size: bigint, call: string, path?: ByteString): string[] {
  if (size < 0n) {
    const errno = native.errno();
    if (errno === unsupported || errno === noSystemCall) return [];
    throw systemError(errno, call, path);
  }
  return native.data.buffer.toString('utf8', 0, Number(size) - 1).split('\0');
}

function valuesOf(
  native: Native,
  names: readonly string[],
  call: string,
  path: ByteString | undefined,
  get: (name: bigint) => bigint,
): readonly ExtendedAttribute[] {
  const attributes: ExtendedAttribute[] = [];
  for (const name of names) {
    const size = get(putPath(native.otherPath, toByteString(name)));
    if (size >= 0n) {
      attributes.push({ name, value: Buffer.from(native.data.buffer.subarray(0, Number(size))) });
      continue;
    }
    const errno = native.errno();
    if (errno !== absent) throw systemError(errno, `${call} ${name}`, path);
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
