/** The restic that a test compares with. Where CI is set, a missing one fails the test instead of skipping it. */
import { accessSync, constants } from 'node:fs';
import { execFileSync } from 'node:child_process';
import { findNewRestic, findOldRestic, type Peer } from './peers/peers.ts';

/** `debian`: 0.14, the oracle of the format; `newest`: 0.19, of everything else. */
export type ResticVersion = 'debian' | 'newest';

export function findRestic(version: ResticVersion): Peer | undefined {
  if (version === 'debian') return findOldRestic();
  return programAt(process.env['RESTIC_BINARY']) ?? findNewRestic() ?? programAt('/opt/peers/restic');
}

function programAt(path: string | undefined): Peer | undefined {
  if (path === undefined || path === '') return undefined;
  try {
    accessSync(path, constants.X_OK);
    const version = /^restic (\S+)/.exec(execFileSync(path, ['version'], { encoding: 'utf8' }))?.[1];
    return version === undefined ? undefined : { path, version };
  } catch {
    return undefined;
  }
}

/** For `test(name, { skip: skipWithout(restic, 'restic') }, …)`. */
export function skipWithout(program: Peer | undefined, name: string): string | false {
  if (program !== undefined) return false;
  if (process.env['CI'] === 'true') throw new Error(`${name} is not installed, and in CI this test must run`);
  return `${name} is not installed`;
}
