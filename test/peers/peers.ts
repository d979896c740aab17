/**
 * Finds the real restic for tests: Debian's 0.14 proves the format, 0.19 proves everything newer.
 * Programs are looked for in the project's `.cache/peers`, in the folder named by COFFRE_PEERS, then on PATH.
 */
import { execFileSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export type Peer = { readonly path: string; readonly version: string };

/** Where `test/peers/build.sh` puts what it builds; ignored by git. */
export const peersFolder: string = fileURLToPath(new URL('../../.cache/peers', import.meta.url));

export function findPeer(name: string, accepts: (version: string) => boolean): Peer | undefined {
  for (const folder of searchFolders()) {
    const path = join(folder, name);
    const version = versionOf(path);
    if (version !== undefined && accepts(version)) return { path, version };
  }
  return undefined;
}

/** The restic that Debian 12 ships. */
export function findOldRestic(): Peer | undefined {
  return findPeer('restic', (version) => version.startsWith('0.14.'));
}

/** A restic of the 0.19 line, whose formats and policies we follow. */
export function findNewRestic(): Peer | undefined {
  return findPeer('restic', (version) => version.startsWith('0.19.'));
}

function searchFolders(): string[] {
  const named = process.env['COFFRE_PEERS'];
  const onPath = (process.env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  return [peersFolder, ...(named === undefined ? [] : [named]), ...onPath, '/usr/bin'];
}

function versionOf(path: string): string | undefined {
  try {
    accessSync(path, constants.X_OK);
    const text = execFileSync(path, ['version'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
      timeout: 20_000,
    });
    return /(\d+\.\d+\.\d+)/.exec(text)?.[1];
  } catch {
    return undefined;
  }
}
