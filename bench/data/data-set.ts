import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';

/** Something to back up, and what happens to it between two backups. */
export type DataSet = {
  readonly name: string;
  /** What it is, for the results. */
  readonly title: string;
  readonly path: string;
  /** Changes the source a little; what it returns puts everything back. */
  change?(): () => void;
};

/**
 * Makes a folder once: a recipe beside it says how it was made, and another recipe makes it anew.
 * @param recipe everything that decides the content
 */
export function madeOnce(folder: string, recipe: unknown, make: (folder: string) => void): void {
  const mark = `${folder}.recipe.json`;
  const text = JSON.stringify(recipe);
  if (existsSync(mark) && readFileSync(mark, 'utf8') === text) return;
  rmSync(mark, { force: true });
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  make(folder);
  writeFileSync(mark, text);
}

export type Volume = { readonly files: number; readonly bytes: number };

export function volumeOf(path: string): Volume {
  const info = statSync(path);
  if (!info.isDirectory()) return { files: 1, bytes: info.size };
  let files = 0;
  let bytes = 0;
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    if (!entry.isDirectory() && !entry.isFile()) continue;
    const below = volumeOf(join(path, entry.name));
    files += below.files;
    bytes += below.bytes;
  }
  return { files, bytes };
}

/** Reads everything once, so that nobody's turn pays for the disk. */
export function warm(path: string): void {
  const info = statSync(path);
  if (info.isDirectory()) {
    for (const entry of readdirSync(path, { withFileTypes: true })) {
      if (entry.isDirectory() || entry.isFile()) warm(join(path, entry.name));
    }
    return;
  }
  const buffer = Buffer.alloc(Math.min(4 * 2 ** 20, Math.max(1, info.size)));
  const fd = openSync(path, 'r');
  while (readSync(fd, buffer, 0, buffer.length, null) > 0);
  closeSync(fd);
}
