/**
 * The local cache: files of repositories, journals of interrupted backups and notes, by repository. Losing it loses no
 * data.
 */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { isId, makeFolders, messageOf } from '@coffre/repository/opening';

type Environment = Readonly<Record<string, string | undefined>>;

/** Whether and where files are kept near; under the user's cache folder when absent. */
export type CacheWish = { readonly cacheDir: string | undefined; readonly noCache: boolean };

/** A folder of our own, also where restic's cache was pointed to. */
export function cacheBase({ cacheDir }: Pick<CacheWish, 'cacheDir'>, environment: Environment): string {
  if (cacheDir !== undefined) return join(cacheDir, 'coffre');
  return join(environment['XDG_CACHE_HOME'] || join(environment['HOME'] || homedir(), '.cache'), 'coffre');
}

const tag =
  'Signature: 8a477f597d28d172789f06886806bc55\n# This folder is a cache of coffre and need not be backed up.\n';

/** Undefined when no cache is wanted or none can be made; nothing depends on it. */
export function repositoryCache(wish: CacheWish, environment: Environment, repositoryId: string): string | undefined {
  if (wish.noCache) return undefined;
  const base = cacheBase(wish, environment);
  const folder = join(base, repositoryId);
  try {
    makeFolders(folder, 0o700);
    const tagFile = join(base, 'CACHEDIR.TAG');
    if (!existsSync(tagFile)) writeFileSync(tagFile, tag);
    // The cleaning goes by this time, which files in folders below do not move.
    const now = new Date();
    utimesSync(folder, now, now);
    return folder;
  } catch {
    return undefined;
  }
}

/** Where it is noted on which mount the repository in a folder was last seen. */
export function mountNotePath(wish: CacheWish, environment: Environment, repositoryPath: string): string | undefined {
  if (wish.noCache) return undefined;
  const name = createHash('sha256').update(resolve(repositoryPath)).digest('hex');
  return join(cacheBase(wish, environment), 'mounts', name);
}

export type CacheFolder = { readonly name: string; readonly path: string; readonly usedMs: number };

export const dayMs: number = 24 * 3_600_000;

/** Longest unused first. */
export function cacheFolders(base: string): CacheFolder[] {
  let names: string[];
  try {
    names = readdirSync(base).filter((name) => isId(name));
  } catch {
    return [];
  }
  return names
    .map((name) => ({ name, path: join(base, name), usedMs: statSync(join(base, name)).mtimeMs }))
    .sort((a, b) => a.usedMs - b.usedMs);
}

export function unusedFolders(folders: readonly CacheFolder[], maxAgeMs: number): CacheFolder[] {
  return folders.filter(({ usedMs }) => Date.now() - usedMs > maxAgeMs);
}

export function removeFolders(folders: readonly CacheFolder[], warn: (line: string) => void): void {
  for (const { path } of folders) {
    try {
      rmSync(path, { recursive: true, force: true });
    } catch (error) {
      warn(`unable to remove ${path}: ${messageOf(error)}`);
    }
  }
}
