import type { Files } from '../host/files.ts';
import { systemError } from '../host/native.ts';

type Call = 'lstat' | 'fstat' | 'listNames' | 'readLink' | 'open' | 'read' | 'listXattrs';

export type FileFault = {
  /** Which calls are counted; all kinds when absent. */
  readonly call?: Call;
  /** Only calls whose path ends so (calls by descriptor never match). */
  readonly pathEnd?: string;
  /** The first counted call is 1. */
  readonly nth: number;
  /** Every counted call from the nth on fails, not the nth alone. */
  readonly persistent?: boolean;
  /** As in errno(3): 5 EIO, 13 EACCES, 2 ENOENT, 28 ENOSPC. */
  readonly errno: number;
};

/** A file system in which the nth call fails. `calls()` says how many were counted, to know when to stop trying. */
export function withFileFaults(files: Files, fault: FileFault): Files & { calls(): number } {
  let counted = 0;
  const strike = (call: Call, path?: string): void => {
    if (fault.call !== undefined && fault.call !== call) return;
    if (fault.pathEnd !== undefined && !path?.endsWith(fault.pathEnd)) return;
    counted++;
    if (counted === fault.nth || (fault.persistent && counted > fault.nth)) throw systemError(fault.errno, call);
  };
  return {
    ...files,
    calls: () => counted,
    lstat: (path) => (strike('lstat', path), files.lstat(path)),
    fstat: (fd) => (strike('fstat'), files.fstat(fd)),
    listNames: (path) => (strike('listNames', path), files.listNames(path)),
    readLink: (path) => (strike('readLink', path), files.readLink(path)),
    open: (path, options) => (strike('open', path), files.open(path, options)),
    read: (fd, buffer, offset, length, position) => (strike('read'), files.read(fd, buffer, offset, length, position)),
    listXattrs: (path) => (strike('listXattrs', path), files.listXattrs(path)),
  };
}
