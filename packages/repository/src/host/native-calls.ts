/**
 * The functions of libc that we call. Pointers everywhere: the engine checks one kind of argument fast, while a mixture
 * costs about a microsecond a call, as much as many a system call. Integers travel in the same registers, and C looks at
 * the half that it wants. What is called rarely, or takes a buffer, is declared as C has it.
 */
import type * as FfiModule from 'node:ffi';
import { assert } from '../errors.ts';

const signatures = {
  open: { arguments: ['pointer', 'pointer', 'pointer'], return: 'i32' },
  openat: { arguments: ['pointer', 'pointer', 'pointer', 'pointer'], return: 'i32' },
  close: { arguments: ['pointer'], return: 'i32' },
  pwrite: { arguments: ['pointer', 'pointer', 'pointer', 'pointer'], return: 'i64' },
  ftruncate: { arguments: ['pointer', 'pointer'], return: 'i32' },
  fsync: { arguments: ['i32'], return: 'i32' },
  mkdirat: { arguments: ['pointer', 'pointer', 'pointer'], return: 'i32' },
  mknodat: { arguments: ['pointer', 'pointer', 'pointer', 'pointer'], return: 'i32' },
  symlinkat: { arguments: ['pointer', 'pointer', 'pointer'], return: 'i32' },
  linkat: { arguments: ['pointer', 'pointer', 'pointer', 'pointer', 'pointer'], return: 'i32' },
  unlinkat: { arguments: ['pointer', 'pointer', 'pointer'], return: 'i32' },
  fchmod: { arguments: ['pointer', 'pointer'], return: 'i32' },
  chmod: { arguments: ['pointer', 'pointer'], return: 'i32' },
  fchown: { arguments: ['pointer', 'pointer', 'pointer'], return: 'i32' },
  fchownat: { arguments: ['pointer', 'pointer', 'pointer', 'pointer', 'pointer'], return: 'i32' },
  futimens: { arguments: ['pointer', 'pointer'], return: 'i32' },
  utimensat: { arguments: ['pointer', 'pointer', 'pointer', 'pointer'], return: 'i32' },
  llistxattr: { arguments: ['pointer', 'pointer', 'pointer'], return: 'i64' },
  lgetxattr: { arguments: ['pointer', 'pointer', 'pointer', 'pointer'], return: 'i64' },
  listxattr: { arguments: ['pointer', 'pointer', 'pointer'], return: 'i64' },
  setxattr: { arguments: ['pointer', 'pointer', 'buffer', 'u64', 'i32'], return: 'i32' },
  removexattr: { arguments: ['pointer', 'pointer'], return: 'i32' },
  flistxattr: { arguments: ['pointer', 'pointer', 'pointer'], return: 'i64' },
  fsetxattr: { arguments: ['i32', 'pointer', 'buffer', 'u64', 'i32'], return: 'i32' },
  fremovexattr: { arguments: ['i32', 'pointer'], return: 'i32' },
  syncfs: { arguments: ['i32'], return: 'i32' },
  getpwuid_r: { arguments: ['u32', 'pointer', 'pointer', 'u64', 'pointer'], return: 'i32' },
  getgrgid_r: { arguments: ['u32', 'pointer', 'pointer', 'u64', 'pointer'], return: 'i32' },
  getpwnam_r: { arguments: ['pointer', 'pointer', 'pointer', 'u64', 'pointer'], return: 'i32' },
  getgrnam_r: { arguments: ['pointer', 'pointer', 'pointer', 'u64', 'pointer'], return: 'i32' },
  __errno_location: { arguments: [], return: 'pointer' },
} as const satisfies FfiModule.FunctionDefinitions;

/** glibc 2.33 and later, musl. */
const statusSignatures = {
  lstat: { arguments: ['pointer', 'pointer'], return: 'i32' },
  fstat: { arguments: ['pointer', 'pointer'], return: 'i32' },
  fstatat: { arguments: ['pointer', 'pointer', 'pointer', 'pointer'], return: 'i32' },
} as const satisfies FfiModule.FunctionDefinitions;

/** Before that the same calls had a version number in front. */
const oldStatusSignatures = {
  __lxstat: { arguments: ['i32', 'pointer', 'pointer'], return: 'i32' },
  __fxstat: { arguments: ['i32', 'i32', 'pointer'], return: 'i32' },
  __fxstatat: { arguments: ['i32', 'i32', 'pointer', 'pointer', 'i32'], return: 'i32' },
} as const satisfies FfiModule.FunctionDefinitions;

export type StatusCalls = {
  lstat(path: bigint, status: bigint): number;
  fstat(fd: number, status: bigint): number;
  fstatat(folder: number, name: bigint, status: bigint, flags: number): number;
};

type BoundCalls = FfiModule.WrappedFunctionsFromDefinitions<typeof signatures>;

/** With the arguments as C has them. */
type NumberCalls = StatusCalls & {
  open(path: bigint, flags: number, mode: number): number;
  openat(folder: number, name: bigint, flags: number, mode: number): number;
  close(fd: number): number;
  /** The number of bytes written, or -1. */
  pwrite(fd: number, bytes: Uint8Array, position: number): number;
  ftruncate(fd: number, sizeBytes: number): number;
  mkdirat(folder: number, name: bigint, mode: number): number;
  mknodat(folder: number, name: bigint, mode: number, device: bigint): number;
  symlinkat(target: bigint, folder: number, name: bigint): number;
  linkat(from: number, fromName: bigint, folder: number, name: bigint, flags: number): number;
  unlinkat(folder: number, name: bigint, flags: number): number;
  fchmod(fd: number, mode: number): number;
  chmod(path: bigint, mode: number): number;
  fchown(fd: number, uid: number, gid: number): number;
  fchownat(folder: number, name: bigint, uid: number, gid: number, flags: number): number;
  futimens(fd: number, times: bigint): number;
  utimensat(folder: number, name: bigint, times: bigint, flags: number): number;
  flistxattr(fd: number, list: bigint, sizeBytes: bigint): bigint;
};

export type NativeCalls = Omit<BoundCalls, keyof NumberCalls> & NumberCalls;

/** @throws where libc lacks one of them, or the permission model forbids it */
export function bindCalls(ffi: typeof FfiModule): NativeCalls {
  const bound = ffi.dlopen(null, signatures).functions;
  return { ...bound, ...numberCalls(ffi, bound), ...statusCalls(ffi) };
}

/** An `int` or `unsigned` as the register holds it. */
function word(value: number): bigint {
  return BigInt(value >>> 0);
}

function numberCalls(ffi: typeof FfiModule, bound: BoundCalls): Omit<NumberCalls, keyof StatusCalls> {
  const addresses = new WeakMap<ArrayBufferLike, bigint>();
  const addressOf = ({ buffer, byteOffset }: Uint8Array): bigint => {
    let address = addresses.get(buffer);
    if (address === undefined) {
      address = ffi.getRawPointer(buffer as ArrayBuffer);
      addresses.set(buffer, address);
    }
    return address + BigInt(byteOffset);
  };
  return {
    open: (path, flags, mode) => bound.open(path, word(flags), word(mode)),
    openat: (folder, name, flags, mode) => bound.openat(word(folder), name, word(flags), word(mode)),
    close: (fd) => bound.close(word(fd)),
    pwrite(fd, bytes, position) {
      const { length } = bytes;
      if (length === 0) return 0;
      const written = bound.pwrite(word(fd), addressOf(bytes), BigInt(length), BigInt(position));
      // An address does not keep its memory; this use after the call does.
      assert(bytes.length === length, 'memory went away while it was written');
      return Number(written);
    },
    ftruncate: (fd, sizeBytes) => bound.ftruncate(word(fd), BigInt(sizeBytes)),
    mkdirat: (folder, name, mode) => bound.mkdirat(word(folder), name, word(mode)),
    mknodat: (folder, name, mode, device) => bound.mknodat(word(folder), name, word(mode), device),
    symlinkat: (target, folder, name) => bound.symlinkat(target, word(folder), name),
    linkat: (from, fromName, folder, name, flags) =>
      bound.linkat(word(from), fromName, word(folder), name, word(flags)),
    unlinkat: (folder, name, flags) => bound.unlinkat(word(folder), name, word(flags)),
    fchmod: (fd, mode) => bound.fchmod(word(fd), word(mode)),
    fchown: (fd, uid, gid) => bound.fchown(word(fd), word(uid), word(gid)),
    chmod: (path, mode) => bound.chmod(path, word(mode)),
    fchownat: (folder, name, uid, gid, flags) => bound.fchownat(word(folder), name, word(uid), word(gid), word(flags)),
    futimens: (fd, times) => bound.futimens(word(fd), times),
    utimensat: (folder, name, times, flags) => bound.utimensat(word(folder), name, times, word(flags)),
    flistxattr: (fd, list, sizeBytes) => bound.flistxattr(word(fd), list, sizeBytes),
  };
}

function statusCalls(ffi: typeof FfiModule): StatusCalls {
  try {
    const { lstat, fstat, fstatat } = ffi.dlopen(null, statusSignatures).functions;
    return {
      lstat: (path, status) => lstat(path, status),
      fstat: (fd, status) => fstat(word(fd), status),
      fstatat: (folder, name, status, flags) => fstatat(word(folder), name, status, word(flags)),
    };
  } catch {
    return oldStatusCalls(ffi);
  }
}

export function oldStatusCalls(ffi: typeof FfiModule): StatusCalls {
  const { __lxstat, __fxstat, __fxstatat } = ffi.dlopen(null, oldStatusSignatures).functions;
  const version = process.arch === 'x64' ? 1 : 0;
  return {
    lstat: (path, status) => __lxstat(version, path, status),
    fstat: (fd, status) => __fxstat(version, fd, status),
    fstatat: (folder, name, status, flags) => __fxstatat(version, folder, name, status, flags),
  };
}
