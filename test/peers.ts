/** Finds the other programs that the tests compare with. */
import { execFileSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** `debian`: whatever the distribution packages (0.14 or later); `newest`: what JSON, exit codes and tree escapes are compared with. */
export type ResticVersion = 'debian' | 'newest';

export type Restic = { readonly path: string; readonly version: string };

const projectFolder = join(import.meta.dirname, '..');
/** Go 1.21, with its Unicode 15 tables, builds everything from here on. */
const newestMinorMin = 17;

function candidates(version: ResticVersion): (string | undefined)[] {
  const inPath = (process.env['PATH'] ?? '').split(delimiter).map((folder) => join(folder, 'restic'));
  if (version === 'debian') return [process.env['RESTIC_DEBIAN_BINARY'], '/usr/bin/restic'];
  return [process.env['RESTIC_BINARY'], '/opt/peers/restic', join(projectFolder, '.cache', 'peers', 'restic'), ...inPath];
}

function versionOf(path: string | undefined): string | undefined {
  if (path === undefined || path === '') return undefined;
  try {
    accessSync(path, constants.X_OK);
    return /^restic (\S+)/.exec(execFileSync(path, ['version'], { encoding: 'utf8' }))?.[1];
  } catch {
    return undefined;
  }
}

function isNew(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major > 0 || minor >= newestMinorMin;
}

export function findRestic(version: ResticVersion): Restic | undefined {
  for (const path of candidates(version)) {
    const found = versionOf(path);
    if (path !== undefined && found !== undefined && (version === 'debian' || isNew(found))) return { path, version: found };
  }
  return undefined;
}

/** For `test(name, { skip: skipWithout(restic, 'restic') }, …)`. Where CI is set, a missing program fails instead. */
export function skipWithout(program: { path: string } | undefined, name: string): string | false {
  if (program !== undefined) return false;
  if (process.env['CI'] === 'true') throw new Error(`${name} is not installed, and this test must not be skipped in CI`);
  return `${name} is not installed`;
}
