/** A figure of everything in a folder that changes when anything in it does: the net under events that get lost. */
import { createHash } from 'node:crypto';
import type { Stats } from 'node:fs';
import { lstat, opendir } from 'node:fs/promises';
import { join } from 'node:path';

/** So many entries at a time, then others get their turn. */
const entriesAtOnce = 64;

/**
 * Of names, sizes, times and inodes; no file is opened. Unreadable folders count as empty.
 * @param concerns of paths relative to the folder
 */
export async function scanFolder(
  folder: string,
  { recursive, concerns }: { readonly recursive: boolean; readonly concerns: (path: string) => boolean },
  signal: AbortSignal,
): Promise<string> {
  const hash = createHash('sha256');
  const open = [''];
  for (let below = open.pop(); below !== undefined && !signal.aborted; below = open.pop()) {
    const names = await namesIn(join(folder, below));
    for (let from = 0; from < names.length; from += entriesAtOnce) {
      const part = names.slice(from, from + entriesAtOnce);
      const stats = await Promise.all(part.map(async (name) => await statOf(join(folder, below, name))));
      for (const [index, stat] of stats.entries()) {
        const path = join(below, part[index]!);
        if (stat === undefined) continue;
        if (concerns(path)) hash.update(`${path}\0${stat.size} ${stat.mtimeMs} ${stat.ctimeMs} ${stat.ino}\n`);
        if (recursive && stat.isDirectory()) open.push(path);
      }
    }
  }
  return hash.digest('hex');
}

async function namesIn(folder: string): Promise<string[]> {
  const names: string[] = [];
  try {
    for await (const { name } of await opendir(folder)) names.push(name);
  } catch {
    // Gone, or not ours to read.
  }
  return names.toSorted();
}

async function statOf(path: string): Promise<Stats | undefined> {
  try {
    return await lstat(path);
  } catch {
    return undefined;
  }
}
