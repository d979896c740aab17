import { CoffreError } from '../errors.ts';
import { isId } from '../ids.ts';
import { fileName } from './backend.ts';
import type { Backend, FileHandle } from './backend.ts';

export type MemoryBackendOptions = {
  /** Without it, saving a name that is there is BACKEND_EXISTS, as REST servers answer. */
  replacesAtomically?: boolean;
  /** Start with these files, by `fileName`. */
  files?: ReadonlyMap<string, Buffer>;
  connectionsMax?: number;
};

export type MemoryBackend = Backend & {
  /** Every file by `fileName` (`index/<id>`, `config`). Tests look in here, and damage it. */
  readonly files: Map<string, Buffer>;
};

/** A repository that ends with the process: for tests, and as the reference of what a `Backend` does. */
export function createMemoryBackend(options: MemoryBackendOptions = {}): MemoryBackend {
  const { replacesAtomically = true, connectionsMax = 8 } = options;
  const files = new Map(options.files);

  function found(file: FileHandle): Buffer {
    const bytes = files.get(fileName(file));
    if (bytes === undefined) throw new CoffreError('BACKEND_NOT_FOUND', `${fileName(file)} is not in memory`);
    return bytes;
  }

  return {
    location: 'memory',
    connectionsMax,
    replacesAtomically,
    files,

    async create() {},

    async save(file, parts, signal) {
      signal?.throwIfAborted();
      const name = fileName(file);
      if (!replacesAtomically && files.has(name))
        throw new CoffreError('BACKEND_EXISTS', `${name} is in memory already`);
      files.set(name, Buffer.concat(parts));
    },

    async load(file, { offset = 0, length, signal } = {}) {
      signal?.throwIfAborted();
      const bytes = found(file);
      const end = length === undefined ? bytes.byteLength : offset + length;
      if (offset > bytes.byteLength || end > bytes.byteLength) {
        throw new CoffreError('BACKEND_SHORT_READ', `${fileName(file)} has ${bytes.byteLength} of ${end} bytes`);
      }
      const copy = Buffer.allocUnsafeSlow(end - offset);
      bytes.copy(copy, 0, offset, end);
      return copy;
    },

    async stat(file) {
      return { sizeBytes: found(file).byteLength };
    },

    async *list(kind) {
      const prefix = `${kind}/`;
      for (const [name, bytes] of files) {
        const id = name.slice(prefix.length);
        if (name.startsWith(prefix) && isId(id)) yield { name: id, sizeBytes: bytes.byteLength };
      }
    },

    async remove(file) {
      found(file);
      files.delete(fileName(file));
    },

    async close() {},
  };
}
