/** Brings database servers of other versions (test/peers/servers.sh) while the fast tests run: they are downloads, mostly. */
import { spawn, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { findServer, type ServerRelease, serversFolder } from '../test/services/servers.ts';

/** What the tests ask, each with the program that shows that it is here. */
const wanted: readonly (readonly [ServerRelease, string])[] = [
  ['mysql-8.0', 'usr/sbin/mysqld'],
  ['mysql-newest', 'usr/sbin/mysqld'],
  ['mongodb-6.0', 'bin/mongod'],
  ['redis-newest', 'usr/bin/redis-server'],
  ['postgresql-13', 'usr/lib/postgresql/13/bin/postgres'],
  ['postgresql-17', 'usr/lib/postgresql/17/bin/postgres'],
];

/** Resolves to a line for each server that is not here afterwards: its tests are skipped, wherever they run. */
export async function bringServers(projectFolder: string, say: (line: string) => void): Promise<readonly string[]> {
  const missing = wanted.filter(([release, program]) => findServer(release, program) === undefined);
  if (missing.length > 0 && process.getuid?.() === 0 && prepareUnpacking()) {
    const names = missing.map(([release]) => release);
    say(`bringing ${names.join(', ')} in the background (once)`);
    // One after the other: one that cannot be had, or whose archive never answers, stops no other.
    for (const name of names) await unpack(projectFolder, name);
  }
  return wanted
    .filter(([release, program]) => findServer(release, program) === undefined)
    .map(([release]) => `${release}: not here; as root on Debian, test/peers/servers.sh .cache/servers ${release}`);
}

/** False where there is no Debian to ask. */
function prepareUnpacking(): boolean {
  const has = (program: string): boolean => spawnSync('sh', ['-c', `command -v ${program}`]).status === 0;
  if (!has('apt-get')) return false;
  const tools = ['patchelf', 'unzip', 'curl'].filter((program) => !has(program));
  if (tools.length === 0) return true;
  const environment = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const install = ['install', '-y', '--no-install-recommends', ...tools];
  return spawnSync('apt-get', install, { env: environment, stdio: 'ignore' }).status === 0;
}

function unpack(projectFolder: string, name: ServerRelease): Promise<void> {
  const script = join(projectFolder, 'test/peers/servers.sh');
  const { promise, resolve } = Promise.withResolvers<void>();
  spawn('timeout', ['300', 'nice', script, serversFolder, name], { stdio: 'ignore' })
    .once('error', () => resolve())
    .once('close', () => resolve());
  return promise;
}
