import { open, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { makeFolders } from '../../host/make-folders.ts';
import type { Random } from '../../host/host.ts';
import { systemCode } from '../local-errors.ts';

/**
 * What a cache keeps, by names such as `index/<id>`. Everything may vanish at any moment: what is not there, or shorter
 * than asked, is undefined. Files appear whole or not at all, also with several programs at work.
 */
export type CacheFiles = {
  read(name: string): Promise<Buffer | undefined>;
  readRange(name: string, offset: number, length: number): Promise<Buffer | undefined>;
  write(name: string, parts: readonly Uint8Array[]): Promise<void>;
  remove(name: string): Promise<void>;
  /** The names in one folder, without it. */
  list(folder: string): Promise<string[]>;
};

/** In a folder on this machine's disk. Nothing is flushed: what a crash leaves is verified before it is believed. */
export function createCacheFiles(folder: string, random: Random): CacheFiles {
  const made = new Set<string>();
  const placeOf = (name: string): string => join(folder, name);

  function madeFolder(name: string): string {
    const place = dirname(placeOf(name));
    if (!made.has(place)) makeFolders(place, 0o700);
    made.add(place);
    return place;
  }

  async function writeOnce(name: string, parts: readonly Uint8Array[]): Promise<void> {
    const temporary = join(madeFolder(name), `tmp-${random.bytes(8).toString('hex')}`);
    try {
      await writeFile(temporary, parts, { mode: 0o600, flag: 'wx' });
      await rename(temporary, placeOf(name));
    } catch (error) {
      await rm(temporary, { force: true }).catch(() => undefined);
      throw error;
    }
  }

  return {
    read: (name) => orUndefined(readFile(placeOf(name))),

    async readRange(name, offset, length) {
      const file = await orUndefined(open(placeOf(name)));
      if (file === undefined) return undefined;
      try {
        const bytes = Buffer.allocUnsafeSlow(length);
        const { bytesRead } = await file.read(bytes, 0, length, offset);
        return bytesRead === length ? bytes : undefined;
      } finally {
        await file.close();
      }
    },

    async write(name, parts) {
      try {
        await writeOnce(name, parts);
      } catch (error) {
        // Somebody cleaned the folder away a moment ago.
        if (systemCode(error) !== 'ENOENT') throw error;
        made.clear();
        await writeOnce(name, parts);
      }
    },

    remove: (name) => rm(placeOf(name), { force: true }),
    list: async (name) => (await orUndefined(readdir(placeOf(name)))) ?? [],
  };
}

async function orUndefined<T>(call: Promise<T>): Promise<T | undefined> {
  try {
    return await call;
  } catch (error) {
    if (systemCode(error) === 'ENOENT' || systemCode(error) === 'ENOTDIR') return undefined;
    throw error;
  }
}
