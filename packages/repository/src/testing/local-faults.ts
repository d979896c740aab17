import type { LocalFile, LocalFiles } from '../backend/local-files.ts';

export type LocalOperation = keyof LocalFiles | Exclude<keyof LocalFile, 'sizeBytes'> | 'size';
export type LocalCall = {
  /** 0 for the first call. */
  readonly index: number;
  readonly operation: LocalOperation;
  readonly path: string;
  /** Of a read: the first byte wanted. */
  readonly position?: number;
};

/**
 * - `error`: the call rejects with this system code (a `close` closes all the same).
 * - `short`: a read or write moves only this many bytes.
 * - `crash`: nothing happens at this call or at any later one, not even the cleaning up.
 */
export type LocalFault =
  | { readonly kind: 'error'; readonly code: string }
  | { readonly kind: 'short'; readonly bytes: number }
  | { readonly kind: 'crash' };

export type LocalFaultPlan = (call: LocalCall) => LocalFault | undefined;
export type FaultyLocalFiles = LocalFiles & { readonly calls: readonly LocalCall[] };

export function systemError(code: string, operation: string): Error {
  return Object.assign(new Error(`${code}: injected, ${operation}`), { code });
}

/** A file system of which any call can be made to fail. */
export function withLocalFaults(files: LocalFiles, plan: LocalFaultPlan): FaultyLocalFiles {
  const calls: LocalCall[] = [];
  let crashed = false;

  /** Resolves to how many bytes the call may move. */
  function meet(operation: LocalOperation, path: string, position?: number): number {
    if (!crashed) {
      const call = { index: calls.length, operation, path, ...(position === undefined ? {} : { position }) };
      calls.push(call);
      const fault = plan(call);
      if (fault === undefined) return Infinity;
      if (fault.kind === 'short') return fault.bytes;
      if (fault.kind === 'error') throw systemError(fault.code, operation);
      crashed = true;
    }
    throw systemError('EKILLED', operation);
  }

  function faultyFile(open: LocalFile, path: string): LocalFile {
    return {
      async write(parts) {
        const bytesMax = meet('write', path);
        return open.write(bytesMax === Infinity ? parts : [Buffer.concat(parts).subarray(0, bytesMax)]);
      },
      async read(into, offset, length, position) {
        return open.read(into, offset, Math.min(meet('read', path, position), length), position);
      },
      async sizeBytes() {
        meet('size', path);
        return open.sizeBytes();
      },
      async sync() {
        meet('sync', path);
        return open.sync();
      },
      async close() {
        await open.close();
        meet('close', path);
      },
    };
  }

  return {
    calls,
    async createFile(path, mode) {
      meet('createFile', path);
      return faultyFile(await files.createFile(path, mode), path);
    },
    async openFile(path) {
      meet('openFile', path);
      return faultyFile(await files.openFile(path), path);
    },
    async stat(path) {
      meet('stat', path);
      return files.stat(path);
    },
    async space(path) {
      meet('space', path);
      return files.space(path);
    },
    async makeFolder(path, mode) {
      meet('makeFolder', path);
      return files.makeFolder(path, mode);
    },
    async readFolder(path) {
      meet('readFolder', path);
      return files.readFolder(path);
    },
    async syncFolder(path) {
      meet('syncFolder', path);
      return files.syncFolder(path);
    },
    async rename(from, to) {
      meet('rename', from);
      return files.rename(from, to);
    },
    async chmod(path, mode) {
      meet('chmod', path);
      return files.chmod(path, mode);
    },
    async unlink(path) {
      meet('unlink', path);
      return files.unlink(path);
    },
  };
}
