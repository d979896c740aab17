import { CoffreError } from '../errors.ts';
import { fileName } from './backend.ts';
import type { Backend, FileHandle, FileKind } from './backend.ts';
import { sizeOf } from './counting.ts';

export type DryRunOptions = {
  /** Which saved files can be read back; the small ones unless told otherwise. */
  keeps?: (kind: FileKind | 'config') => boolean;
};

type Saved = { readonly sizeBytes: number; readonly bytes: Buffer | undefined };

/**
 * The storage as it would look after the work, of which nothing happens: saves and removals are remembered here.
 * Packs are only counted, so a dry run of any size needs little memory; loading one that was saved is BACKEND_NOT_FOUND.
 */
export function withDryRun(backend: Backend, options: DryRunOptions = {}): Backend {
  const { keeps = (kind) => kind !== 'data' } = options;
  const saved = new Map<string, Saved>();
  const removed = new Set<string>();

  function missing(file: FileHandle, why: string): CoffreError {
    return new CoffreError('BACKEND_NOT_FOUND', `${fileName(file)} ${why}`);
  }

  /** @throws {CoffreError} BACKEND_NOT_FOUND for what was removed */
  function overlaid(file: FileHandle): Saved | undefined {
    const name = fileName(file);
    if (removed.has(name)) throw missing(file, `was removed in the dry run of ${backend.location}`);
    return saved.get(name);
  }

  return {
    location: backend.location,
    connectionsMax: backend.connectionsMax,
    replacesAtomically: backend.replacesAtomically,

    async create() {},

    async save(file, parts, signal) {
      signal?.throwIfAborted();
      const name = fileName(file);
      saved.set(name, { sizeBytes: sizeOf(parts), bytes: keeps(file.kind) ? Buffer.concat(parts) : undefined });
      removed.delete(name);
    },

    async load(file, loadOptions = {}) {
      const { offset = 0, length, signal } = loadOptions;
      const found = overlaid(file);
      if (found === undefined) return backend.load(file, loadOptions);
      signal?.throwIfAborted();
      if (found.bytes === undefined) throw missing(file, 'was saved in a dry run, which keeps no packs');
      const end = length === undefined ? found.sizeBytes : offset + length;
      if (offset > found.sizeBytes || end > found.sizeBytes) {
        throw new CoffreError('BACKEND_SHORT_READ', `${fileName(file)} has ${found.sizeBytes} of ${end} bytes`);
      }
      const copy = Buffer.allocUnsafeSlow(end - offset);
      found.bytes.copy(copy, 0, offset, end);
      return copy;
    },

    async stat(file) {
      const found = overlaid(file);
      return found === undefined ? backend.stat(file) : { sizeBytes: found.sizeBytes };
    },

    async *list(kind) {
      const prefix = `${kind}/`;
      for await (const file of backend.list(kind)) {
        const name = prefix + file.name;
        if (!removed.has(name) && !saved.has(name)) yield file;
      }
      for (const [name, { sizeBytes }] of saved) {
        if (name.startsWith(prefix)) yield { name: name.slice(prefix.length), sizeBytes };
      }
    },

    async remove(file) {
      if (overlaid(file) === undefined) await backend.stat(file);
      const name = fileName(file);
      saved.delete(name);
      removed.add(name);
    },

    ...overlaidRetention(backend, overlaid),

    async retainPacks() {},
    refuseShrunkenLists: () => backend.refuseShrunkenLists?.(),
    bypassCaches: () => backend.bypassCaches?.(),
    close: () => backend.close(),
  };
}

/** What was saved in the dry run would be kept for the whole period; nothing else is kept longer. */
function overlaidRetention(
  { retention }: Backend,
  overlaid: (file: FileHandle) => Saved | undefined,
): Pick<Backend, 'retention'> {
  if (retention === undefined) return {};
  return {
    retention: {
      periodMs: retention.periodMs,
      until: async (file, signal) => (overlaid(file) === undefined ? retention.until(file, signal) : Infinity),
      extend: async (file) => void overlaid(file),
    },
  };
}
