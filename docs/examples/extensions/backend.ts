/**
 * A storage: repositories in a folder that somebody syncs, with a note of every file that was written. In coffre.yaml:
 *
 *   extensions: [./backend.ts]
 *   repositories: {synced: {url: "extension:noted:/mnt/synced/coffre", password: "${secret:key}"}}
 *
 * A real one speaks to its own storage in the same few calls: five kinds of files and one config, nothing more.
 */
import { appendFile } from 'node:fs/promises';
import { createLocalBackend } from '@coffre/repository';
import type { Backend } from '@coffre/repository';
import type { Extension, ExtensionStorage } from 'coffre';

const noted: ExtensionStorage = async (address) => {
  const storage = createLocalBackend({ path: address });
  const save: Backend['save'] = async (file, parts, signal) => {
    await storage.save(file, parts, signal);
    await appendFile(`${address}.log`, `${file.kind} ${'name' in file ? file.name : ''}\n`);
  };
  return new Proxy(storage, {
    get(target, name) {
      if (name === 'save') return save;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
};

export const extension = { storages: { noted } } satisfies Extension;
