import { basename, join } from 'node:path';
import { isId } from '../ids.ts';
import { fileKinds, fileName } from './backend.ts';
import type { FileHandle, FileKind, ListedFile } from './backend.ts';
import { systemCode } from './local-errors.ts';
import type { LocalFiles } from './local-files.ts';

/** restic names them alike, so its left-overs are swept too. */
const temporaryName = /^(?:[0-9a-f]{64}|config)-tmp-[0-9a-z]+$/;
const shardName = /^[0-9a-f]{2}$/;
const statsAtOnce = 256;

/** All folders of a repository below its own, parents first. */
export function foldersToMake(path: string): string[] {
  const shards = Array.from({ length: 256 }, (_, i) => join('data', i.toString(16).padStart(2, '0')));
  return [...fileKinds, ...shards].map((name) => join(path, name));
}

/** Where a file lies; packs in 256 folders by the first two digits of their names. */
export function placeOf(path: string, file: FileHandle): string {
  if (file.kind !== 'data') return join(path, fileName(file));
  return join(path, 'data', file.name.slice(0, 2), file.name);
}

/** In no order; one folder at a time is in memory. */
export async function* listFiles(files: LocalFiles, path: string, kind: FileKind): AsyncGenerator<ListedFile> {
  for (const folder of await foldersOf(files, path, kind)) {
    const names = await namesIn(files, folder, kind);
    for (let at = 0; at < names.length; at += statsAtOnce) {
      for (const file of await sizesOf(files, folder, names.slice(at, at + statsAtOnce))) yield file;
    }
  }
}

/** The folders that hold files of one kind */
async function foldersOf(files: LocalFiles, path: string, kind: FileKind): Promise<string[]> {
  if (kind !== 'data') return [join(path, kind)];
  const names = await files.readFolder(join(path, 'data'));
  return names.filter((name) => shardName.test(name)).map((name) => join(path, 'data', name));
}

async function namesIn(files: LocalFiles, folder: string, kind: FileKind): Promise<string[]> {
  const names = await readIfThere(files, folder);
  const prefix = kind === 'data' ? basename(folder) : '';
  return names.filter((name) => isId(name) && name.startsWith(prefix));
}

/** A data folder that vanished between its name and its content, or is a file, has no packs. */
async function readIfThere(files: LocalFiles, folder: string): Promise<string[]> {
  try {
    return await files.readFolder(folder);
  } catch (error) {
    const code = systemCode(error);
    if (shardName.test(basename(folder)) && (code === 'ENOENT' || code === 'ENOTDIR')) return [];
    throw error;
  }
}

/** A file removed by somebody else between its name and its size is left out. */
async function sizesOf(files: LocalFiles, folder: string, names: readonly string[]): Promise<ListedFile[]> {
  const found = await Promise.all(
    names.map(async (name) => {
      try {
        const { isFile, sizeBytes, modifiedMs } = await files.stat(join(folder, name));
        return isFile ? { name, sizeBytes, storedMs: modifiedMs } : undefined;
      } catch (error) {
        if (systemCode(error) === 'ENOENT') return undefined;
        throw error;
      }
    }),
  );
  return found.filter((file) => file !== undefined);
}

/** Removes temporary files not touched since then; resolves to how many. */
export async function sweepLeftovers(files: LocalFiles, path: string, olderThanMs: number): Promise<number> {
  let removed = 0;
  for (const folder of await allFolders(files, path)) {
    for (const name of await readIfThere(files, folder)) {
      if (!temporaryName.test(name)) continue;
      if (await removeIfOld(files, join(folder, name), olderThanMs)) removed += 1;
    }
  }
  return removed;
}

async function allFolders(files: LocalFiles, path: string): Promise<string[]> {
  const folders = await Promise.all(fileKinds.map((kind) => foldersOf(files, path, kind)));
  return [path, ...folders.flat()];
}

async function removeIfOld(files: LocalFiles, place: string, olderThanMs: number): Promise<boolean> {
  try {
    if ((await files.stat(place)).modifiedMs >= olderThanMs) return false;
    await files.unlink(place);
    return true;
  } catch (error) {
    // Another process sweeps too.
    if (systemCode(error) === 'ENOENT') return false;
    throw error;
  }
}
