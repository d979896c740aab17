import { existsSync, mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { byteStringOf, bytesOf } from '../format/bytestring.ts';
import { codeOf } from './native.ts';

/**
 * The folder and every missing one above it, readable by the owner only. `mkdir` of Node with `recursive` never comes
 * back where a folder cannot be made at all (`/proc/x`, Node 26.10).
 */
export function makeFolders(path: string | Buffer, mode = 0o700): void {
  try {
    mkdirSync(path, mode);
  } catch (error) {
    const code = codeOf(error);
    if (code === 'EEXIST' && statSync(path).isDirectory()) return;
    const above = folderOf(path);
    if (code !== 'ENOENT' || String(above) === String(path) || !madeAbove(above, mode)) throw error;
    makeFolders(path, mode);
  }
}

/** False when the folder above was there all the time: then it is not what is missing. */
function madeAbove(path: string | Buffer, mode: number): boolean {
  const wasThere = existsSync(path);
  makeFolders(path, mode);
  return !wasThere;
}

/** A path that is not text keeps its bytes. */
function folderOf(path: string | Buffer): string | Buffer {
  return typeof path === 'string'
    ? dirname(path)
    : bytesOf(dirname(byteStringOf(path)) as ReturnType<typeof byteStringOf>);
}
