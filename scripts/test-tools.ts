/** Brings the real restic for the tests: Debian's through apt when root, the newer one through Go. */
import { execFileSync, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { findNewRestic, findOldRestic, peersFolder } from '../test/peers/peers.ts';
import { preparePostgres } from './test-postgres.ts';
import {
  findService,
  howToGet,
  type ServiceProgram,
  servicePrograms,
  type ServiceName,
} from '../test/services/programs.ts';

export type ToolFinding = {
  readonly name: string;
  /** Version and place, or why it is not here and what would bring it. */
  readonly text: string;
  readonly here: boolean;
};

export function prepareTools(projectFolder: string, say: (line: string) => void): ToolFinding[] {
  return [
    prepareOldRestic(say),
    prepareNewRestic(projectFolder, say),
    ...servicePrograms.map((program) => prepareService(projectFolder, program, say)),
    preparePostgres(projectFolder, say),
  ];
}

function prepareService(
  projectFolder: string,
  program: ServiceProgram & { readonly name: ServiceName },
  say: (line: string) => void,
): ToolFinding {
  const { name, debianPackage, buildsWithGo, needsRoot, isOptional } = program;
  const here = (): ToolFinding | undefined => {
    const path = findService(name);
    return path === undefined ? undefined : { name, here: true, text: path };
  };
  const found = here();
  if (found !== undefined) return found;
  if (needsRoot === true && process.getuid?.() !== 0) {
    return { name, here: true, text: 'needs root: what it is for is skipped' };
  }
  if (debianPackage !== undefined && process.getuid?.() === 0 && commandExists('apt-get')) {
    say(`${name} is not here: asking apt-get for ${debianPackage}`);
    installFromDebian(debianPackage);
  } else if (buildsWithGo === true && hasGo()) {
    say(`${name} is not here: building it with Go (once)`);
    run(join(projectFolder, 'test/peers/build.sh'), [peersFolder, name]);
  }
  if (isOptional === true) {
    return here() ?? { name, here: true, text: `not here, and what it is for is skipped: ${howToGet(program)}` };
  }
  return here() ?? { name, here: false, text: `not here: ${howToGet(program)}` };
}

function prepareOldRestic(say: (line: string) => void): ToolFinding {
  const name = 'restic 0.14 (Debian 12)';
  let peer = findOldRestic();
  if (peer === undefined && process.getuid?.() === 0 && commandExists('apt-get')) {
    say('restic 0.14 is not here: asking apt-get for it');
    installFromDebian('restic');
    peer = findOldRestic();
  }
  if (peer !== undefined) return { name, here: true, text: `${peer.version} at ${peer.path}` };
  return { name, here: false, text: 'not here: run `apt-get install restic` on Debian 12 as root' };
}

function installFromDebian(name: string): void {
  const install = (): boolean => run('apt-get', ['install', '-y', '--no-install-recommends', name]);
  if (install()) return;
  if (run('apt-get', ['update'])) install();
}

function prepareNewRestic(projectFolder: string, say: (line: string) => void): ToolFinding {
  const name = 'restic 0.19';
  const found = findNewRestic();
  if (found !== undefined) return { name, here: true, text: `${found.version} at ${found.path}` };
  if (!hasGo()) {
    return { name, here: false, text: 'not here: install Go 1.26 or newer and the tests build it themselves' };
  }
  say(`restic 0.19 is not here: building it with Go (about a minute, once)`);
  run(join(projectFolder, 'test/peers/build.sh'), [peersFolder, 'restic']);
  const built = findNewRestic();
  if (built !== undefined) return { name, here: true, text: `${built.version} at ${built.path}` };
  return {
    name,
    here: false,
    text: `not here: test/peers/build.sh could not build it (is the Go module proxy reachable?)`,
  };
}

function hasGo(): boolean {
  const go = goVersion();
  return go !== undefined && (go[0] > 1 || (go[0] === 1 && go[1] >= 26));
}

function goVersion(): [major: number, minor: number] | undefined {
  if (!commandExists('go')) return undefined;
  const match = /go(\d+)\.(\d+)/.exec(execFileSync('go', ['version'], { encoding: 'utf8' }));
  return match === null ? undefined : [Number(match[1]), Number(match[2])];
}

function commandExists(command: string): boolean {
  return spawnSync('sh', ['-c', `command -v ${command}`], { stdio: 'ignore' }).status === 0;
}

/** Quiet when it works; on failure what it printed is what explains it. */
function run(command: string, args: readonly string[]): boolean {
  const result = spawnSync(command, args, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  });
  if (result.status === 0) return true;
  process.stderr.write(
    `${command} ${args.join(' ')} failed:\n${result.stdout ?? ''}${result.stderr ?? String(result.error)}\n`,
  );
  return false;
}
