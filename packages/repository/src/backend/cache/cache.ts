import type { Backend, FileHandle, LoadOptions } from '../backend.ts';
import { asError } from '../../errors.ts';
import { retentionWithin } from '../retention.ts';
import type { CacheFiles } from './cache-files.ts';
import { digestOf } from './piece-names.ts';
import { createTreePacks } from './tree-packs.ts';

export type CacheOptions = {
  readonly files: CacheFiles;
  /** Once, when something cannot be kept, such as on a full disk. The work goes on without. */
  readonly report?: (error: Error) => void;
};

/**
 * Keeps indexes, snapshots and what is read of packs of folder listings near. Nothing depends on it: every file is
 * verified when it is read, and what is missing or damaged is fetched again. What to read is always told by a list or an
 * index of the storage itself, so what was removed there is not read here.
 */
export function withCache(backend: Backend, { files, report }: CacheOptions): Backend {
  let bypassed = false;
  let broken = false;

  async function write(name: string, parts: readonly Uint8Array[]): Promise<boolean> {
    if (broken) return false;
    try {
      await files.write(name, parts);
      return true;
    } catch (error) {
      if (!broken) report?.(asError(error));
      broken = true;
      return false;
    }
  }

  const trees = createTreePacks(backend, files, write);

  async function loadSmall(kind: 'index' | 'snapshots', id: string, options: LoadOptions): Promise<Buffer> {
    options.signal?.throwIfAborted();
    const name = `${kind}/${id}`;
    const kept = await files.read(name).catch(() => undefined);
    if (kept !== undefined) {
      if (isNamedAfter(kept, id)) return kept;
      await files.remove(name).catch(() => undefined);
    }
    const bytes = await backend.load({ kind, name: id }, options);
    if (isNamedAfter(bytes, id)) await write(name, [bytes]);
    return bytes;
  }

  async function namesOf(kind: FileHandle['kind']): Promise<Set<string>> {
    if (kind === 'data') return new Set(await trees.names());
    return new Set(isSmall(kind) ? await files.list(kind).catch(() => []) : []);
  }

  async function drop(kind: FileHandle['kind'], name: string): Promise<void> {
    if (kind === 'data') await trees.remove(name);
    else if (isSmall(kind)) await files.remove(`${kind}/${name}`).catch(() => undefined);
  }

  return {
    location: backend.location,
    connectionsMax: backend.connectionsMax,
    replacesAtomically: backend.replacesAtomically,

    create: () => backend.create(),

    async save(file, parts, signal) {
      await backend.save(file, parts, signal);
      if (file.kind === 'config') return;
      if (isSmall(file.kind)) await write(`${file.kind}/${file.name}`, parts);
      else if (file.kind === 'data' && file.holdsTrees === true) await trees.keep(file.name, parts);
    },

    async load(file, options = {}) {
      if (bypassed || file.kind === 'config') return await backend.load(file, options);
      const { offset, length } = options;
      if (isSmall(file.kind) && offset === undefined && length === undefined) {
        return await loadSmall(file.kind, file.name, options);
      }
      if (file.kind === 'data' && file.holdsTrees === true && offset !== undefined && length !== undefined) {
        return await trees.load(file, { ...options, offset, length });
      }
      return await backend.load(file, options);
    },

    stat: (file) => backend.stat(file),

    async *list(kind) {
      // Asked for before the list begins: what comes later is not in the list and stays.
      const gone = await namesOf(kind);
      for await (const file of backend.list(kind)) {
        gone.delete(file.name);
        yield file;
      }
      for (const name of gone) await drop(kind, name);
    },

    async remove(file) {
      await backend.remove(file);
      if (file.kind !== 'config') await drop(file.kind, file.name);
    },

    ...retentionWithin(backend, (_file, _signal, call) => call()),
    removeLeftovers: async (clock) => (await backend.removeLeftovers?.(clock)) ?? 0,
    retainPacks: (known) => trees.retain(known),
    refuseShrunkenLists: () => backend.refuseShrunkenLists?.(),
    bypassCaches: () => {
      bypassed = true;
    },
    close: () => backend.close(),
  };
}

function isSmall(kind: FileHandle['kind']): kind is 'index' | 'snapshots' {
  return kind === 'index' || kind === 'snapshots';
}

function isNamedAfter(bytes: Uint8Array, id: string): boolean {
  return digestOf(bytes).toString('hex') === id;
}
