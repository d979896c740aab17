import type { Backend, FileKind } from './backend.ts';
import { retentionWithin } from './retention.ts';

export type BackendOperation = 'save' | 'load' | 'stat' | 'list' | 'remove';
export type Tally = { readonly calls: number; readonly bytes: number };

export type CountingBackend = Backend & {
  /** Successful calls and the bytes they moved, of one kind of file or of all. */
  tally(operation: BackendOperation, kind?: FileKind | 'config'): Tally;
};

export function withCounts(backend: Backend): CountingBackend {
  const tallies = new Map<string, { calls: number; bytes: number }>();

  function count(operation: BackendOperation, kind: FileKind | 'config', bytes = 0): void {
    for (const key of [operation, `${operation} ${kind}`]) {
      const tally = tallies.get(key) ?? { calls: 0, bytes: 0 };
      tallies.set(key, { calls: tally.calls + 1, bytes: tally.bytes + bytes });
    }
  }

  return {
    location: backend.location,
    connectionsMax: backend.connectionsMax,
    replacesAtomically: backend.replacesAtomically,
    tally(operation, kind) {
      return tallies.get(kind === undefined ? operation : `${operation} ${kind}`) ?? { calls: 0, bytes: 0 };
    },

    create: () => backend.create(),
    async save(file, parts, signal) {
      await backend.save(file, parts, signal);
      count('save', file.kind, sizeOf(parts));
    },
    async load(file, options) {
      const bytes = await backend.load(file, options);
      count('load', file.kind, bytes.byteLength);
      return bytes;
    },
    async stat(file) {
      const found = await backend.stat(file);
      count('stat', file.kind);
      return found;
    },
    async *list(kind) {
      yield* backend.list(kind);
      count('list', kind);
    },
    async remove(file) {
      await backend.remove(file);
      count('remove', file.kind);
    },
    ...retentionWithin(backend, (_file, _signal, call) => call()),
    close: () => backend.close(),
  };
}

export function sizeOf(parts: readonly Uint8Array[]): number {
  return parts.reduce((sum, part) => sum + part.byteLength, 0);
}
