/**
 * The one door to libc. `node:fs` has no extended attributes, no exact nanosecond times, no device nodes and no calls
 * relative to a folder handle; `node:ffi` (experimental, Node ≥ 26.1) has all of them. One `Native` belongs to one
 * thread: its `errno` address and its scratch memory must not be shared.
 */
import type * as FfiModule from 'node:ffi';
import { getSystemErrorName } from 'node:util';
import type { ByteString } from '../format/bytestring.ts';
import { bindCalls, type NativeCalls } from './native-calls.ts';

/** Memory that C may read and write: its address stays valid as long as the object lives. */
export type Scratch = { readonly buffer: Buffer; readonly address: bigint };

export type Native = {
  readonly calls: NativeCalls;
  /** Two paths, so that calls with two names need no allocation. The kernel takes at most 4,095 bytes. */
  readonly path: Scratch;
  readonly otherPath: Scratch;
  /** 64 KiB, as large as the kernel lets an attribute or a list of attributes be. */
  readonly data: Scratch;
  /** Meaningful directly after a call that failed. */
  errno(): number;
  scratch(sizeBytes: number): Scratch;
  /** The UTF-8 text at an address. */
  textAt(address: bigint): string | null;
};

const pathBytesMax = 4096;
export const attributeBytesMax = 65536;

/** Undefined where libc cannot be called: another system, another architecture, another Node. */
export function openNative(): Native | undefined {
  if (process.platform !== 'linux' || (process.arch !== 'x64' && process.arch !== 'arm64')) return undefined;
  const ffi = loadFfi();
  if (ffi === undefined) return undefined;
  let calls: NativeCalls;
  try {
    calls = bindCalls(ffi);
  } catch {
    return undefined; // an older libc, or the permission model forbids it
  }
  const errnoAddress = calls.__errno_location();
  const scratch = (sizeBytes: number): Scratch => {
    const buffer = Buffer.from(new ArrayBuffer(Math.max(sizeBytes, 128)));
    return { buffer, address: ffi.getRawPointer(buffer) };
  };
  return {
    calls,
    path: scratch(pathBytesMax + 1),
    otherPath: scratch(pathBytesMax + 1),
    data: scratch(attributeBytesMax),
    errno: () => ffi.getInt32(errnoAddress),
    scratch,
    textAt: (address) => ffi.toString(address),
  };
}

/** Loading prints one ExperimentalWarning; exactly that one is dropped. */
export function loadFfi(): typeof FfiModule | undefined {
  const original = Object.getOwnPropertyDescriptor(process, 'emitWarning');
  const emitWarning = process.emitWarning.bind(process);
  process.emitWarning = (warning: string | Error, ...rest: never[]) => {
    if (typeof warning === 'string' && warning.startsWith('FFI is an experimental feature')) return;
    emitWarning(warning, ...rest);
  };
  try {
    return process.getBuiltinModule('node:ffi');
  } catch {
    return undefined;
  } finally {
    if (original !== undefined) Object.defineProperty(process, 'emitWarning', original);
  }
}

/** Puts a path where C finds it. @throws ENAMETOOLONG, EINVAL before the kernel would read a cut path. */
export function putPath(into: Scratch, path: ByteString): bigint {
  if (path.length >= pathBytesMax) throw systemError(36, 'path', path);
  const end = into.buffer.write(path, 0, 'latin1');
  into.buffer[end] = 0;
  if (path.includes('\0')) throw systemError(22, 'path', path);
  return into.address;
}

export type SystemError = Error & { code: string; errno: number; syscall: string; path?: string };

/** The same shape as the errors of `node:fs`; `path` is left as bytes. */
export function systemError(errno: number, syscall: string, path?: ByteString): SystemError {
  const code = getSystemErrorName(-errno);
  const where = path === undefined ? '' : ` '${path}'`;
  return Object.assign(new Error(`${code}: ${syscall}${where}`), {
    code,
    errno: -errno,
    syscall,
    ...(path === undefined ? {} : { path }),
  });
}

export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}
