import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { makeFolders } from '../host/make-folders.ts';
import type { Random } from '../host/host.ts';
import { systemCode } from './local-errors.ts';

/** A few words kept in a file of their own, which may be deleted at any time. */
export type FileNote = {
  read(): Promise<string | undefined>;
  write(text: string): Promise<void>;
};

/** Replaced at one stroke, so that several programs never read a half of it. */
export function createFileNote(path: string, random: Random): FileNote {
  return {
    async read() {
      try {
        return await readFile(path, 'utf8');
      } catch (error) {
        if (systemCode(error) === 'ENOENT') return undefined;
        throw error;
      }
    },
    async write(text) {
      makeFolders(dirname(path), 0o700);
      const temporary = `${path}-tmp-${random.bytes(8).toString('hex')}`;
      try {
        await writeFile(temporary, text, { mode: 0o600, flag: 'wx' });
        await rename(temporary, path);
      } catch (error) {
        await rm(temporary, { force: true }).catch(() => undefined);
        throw error;
      }
    },
  };
}
