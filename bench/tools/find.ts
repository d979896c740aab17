import { execFileSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { borgTool } from './borg.ts';
import { coffreTool } from './coffre.ts';
import { kopiaTool } from './kopia.ts';
import { resticLike } from './restic.ts';
import { rusticTool } from './rustic.ts';
import type { Tool } from './tool.ts';

const projectFolder = fileURLToPath(new URL('../..', import.meta.url));

type Maker = { readonly program: string; readonly make: (program: string, version: string) => Tool };

/** In the order of the table. */
const makers: Readonly<Record<string, Maker>> = {
  restic: { program: 'restic', make: (program, version) => resticLike('restic', version, program) },
  rustic: { program: 'rustic', make: rusticTool },
  kopia: { program: 'kopia', make: (program, version) => kopiaTool(program, version, true) },
  'kopia-raw': { program: 'kopia', make: (program, version) => kopiaTool(program, version, false) },
  borg: { program: 'borg', make: borgTool },
};

/** The release that `npm run bench` builds first: what people install, not what we edit. */
export function findCoffre(given: string | undefined, cacheHome: string): Tool {
  const program = given ?? join(projectFolder, '.cache/release/bin/coffre');
  const version = versionOf(program, cacheHome);
  if (version === undefined) throw new Error(`${program} does not start; run npm ci and npm run bench`);
  return coffreTool(program, version, cacheHome);
}

/** Those asked for, or all that are here. @throws {Error} when one asked for is missing */
export function findPeers(wanted: readonly string[]): Tool[] {
  if (wanted.includes('none')) return [];
  const unknown = wanted.find((name) => makers[name] === undefined);
  if (unknown !== undefined)
    throw new Error(`--peers does not know ${unknown}; it takes ${Object.keys(makers).join(', ')}`);
  const found: Tool[] = [];
  for (const [name, { program, make }] of Object.entries(makers)) {
    if (wanted.length > 0 && !wanted.includes(name)) continue;
    const place = findProgram(program);
    if (place !== undefined) found.push(make(place.path, place.version));
    else if (wanted.includes(name)) throw new Error(`${program} was not found in .cache/peers, /opt/peers or on PATH`);
  }
  return found;
}

/** Peers built for the tests come before what the system has, which is older. */
function findProgram(name: string): { path: string; version: string } | undefined {
  const onPath = (process.env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  for (const folder of [join(projectFolder, '.cache/peers'), '/opt/peers', ...onPath]) {
    const path = join(folder, name);
    try {
      accessSync(path, constants.X_OK);
    } catch {
      continue;
    }
    const version = versionOf(path);
    if (version !== undefined) return { path, version };
  }
  return undefined;
}

function versionOf(path: string, cacheHome?: string): string | undefined {
  for (const argument of ['version', '--version']) {
    try {
      const env = cacheHome === undefined ? process.env : { ...process.env, XDG_CACHE_HOME: cacheHome };
      const text = execFileSync(path, [argument], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'], env });
      const version = /\d+\.\d+(\.\d+)?/.exec(text)?.[0];
      if (version !== undefined) return version;
    } catch {
      // The other spelling.
    }
  }
  return undefined;
}
