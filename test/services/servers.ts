/**
 * Database servers of other versions than Debian 12's, as `test/peers/servers.sh` unpacks them. They are looked for in
 * `.cache/servers`, in the folder of COFFRE_SERVERS, and in /opt/servers. They come from archives that not every machine
 * may reach, so a missing one is skipped with a line, under CI too.
 */
import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const serverReleases = [
  'mysql-5.7',
  'mysql-8.0',
  'mysql-newest',
  'mariadb-11',
  'postgresql-13',
  'postgresql-14',
  'postgresql-17',
  'redis-newest',
  'mongodb-6.0',
] as const;

export type ServerRelease = (typeof serverReleases)[number];

export const serversFolder = fileURLToPath(new URL('../../.cache/servers', import.meta.url));

/** Path of a program of that release, as `usr/sbin/mysqld`; undefined where the release is not here. */
export function findServer(release: ServerRelease, program: string): string | undefined {
  const named = process.env['COFFRE_SERVERS'];
  return [serversFolder, ...(named === undefined ? [] : [named]), '/opt/servers']
    .map((folder) => join(folder, release, program))
    .find(isProgram);
}

/** For `test(name, { skip: skipWithoutServer('mysql-8.0', 'usr/sbin/mysqld') }, …)`. */
export function skipWithoutServer(release: ServerRelease, program: string): string | false {
  if (findServer(release, program) !== undefined) return false;
  return `${release} is not here: as root, test/peers/servers.sh .cache/servers ${release}`;
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
