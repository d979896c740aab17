/** Runs `coffre` and the real restic on one repository, with the same words, and compares what they answer. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createLocalBackend } from '../../packages/repository/src/backend/local.ts';
import { createSampleRepository, samplePassword } from '../../packages/repository/src/testing/sample-repository.ts';
import { findRestic } from '../peers.ts';
import { temporaryFolder } from './restic.ts';
import { compiled } from '../compiled.ts';
import { nodeArguments } from '../program.ts';

export const restic = findRestic('newest');

export type Run = { readonly code: number; readonly stdout: string; readonly stderr: string };
export type RunOptions = {
  readonly cwd?: string;
  readonly environment?: { readonly [name: string]: string | undefined };
  readonly input?: string;
};

export type World = Disposable & {
  readonly folder: string;
  readonly source: string;
  readonly repository: string;
  readonly coffre: (argv: readonly string[], options?: RunOptions) => Run;
  readonly restic: (argv: readonly string[], options?: RunOptions) => Run;
  shell(script: string): Run;
  /** Another repository with the same contents, for what writes. */
  copy(name: string): string;
};

/** A repository whose key opens at once, and a folder with something of everything. */
export async function createWorld(): Promise<World> {
  const temporary = temporaryFolder();
  const folder = temporary.path;
  const repository = join(folder, 'repository');
  const source = join(folder, 'source');
  await createSampleRepository({ backend: createLocalBackend({ path: repository }) });
  writeSource(source);
  const environment = {
    PATH: process.env['PATH'],
    HOME: folder,
    ...compiled,
    TZ: 'UTC',
    RESTIC_REPOSITORY: repository,
    RESTIC_PASSWORD: samplePassword,
    RESTIC_CACHE_DIR: join(folder, 'cache'),
  };
  const run = (program: string, argv: readonly string[], options: RunOptions): Run => {
    const { cwd = folder, input = '' } = options;
    const env = { ...environment, ...options.environment };
    const ended = spawnSync(program, argv, { cwd, env, input, encoding: 'utf8', maxBuffer: 1 << 28, timeout: 120_000 });
    if (ended.error !== undefined) throw ended.error;
    return { code: ended.status ?? -1, stdout: ended.stdout, stderr: ended.stderr };
  };
  return {
    folder,
    source,
    repository,
    coffre: (argv, options = {}) => run(process.execPath, [...nodeArguments, ...argv], options),
    restic: (argv, options = {}) => {
      assert.ok(restic);
      return run(restic.path, ['--no-cache', ...argv], options);
    },
    shell: (script) => run('bash', ['-c', script], {}),
    copy: (name) => {
      const to = join(folder, name);
      cpSync(repository, to, { recursive: true });
      return to;
    },
    [Symbol.dispose]: () => temporary[Symbol.dispose](),
  };
}

function writeSource(source: string): void {
  mkdirSync(join(source, 'sub', 'deep'), { recursive: true });
  writeFileSync(join(source, 'big.bin'), Buffer.alloc(300_000, 'pattern of bytes '));
  writeFileSync(join(source, 'b.txt'), 'hello\n');
  writeFileSync(join(source, 'empty'), '');
  writeFileSync(join(source, 'sub', 'c.conf'), 'key = value\n');
  writeFileSync(join(source, 'sub', 'deep', 'd.conf'), 'key = other\n');
  symlinkSync('b.txt', join(source, 'link'));
  for (const name of ['big.bin', 'b.txt', 'empty', 'sub/c.conf', 'sub/deep/d.conf'])
    utimesSync(join(source, name), 1_700_000_000, 1_700_000_000.5);
}

/** Without our second line: code and hint. */
export function firstWords(stderr: string): string {
  return stderr.replace(/^ {2}[A-Z_]+(?:: .*)?\n/gm, '');
}

/** Times, sizes of their own run and random ids stand for themselves. */
export function withoutChance(text: string): string {
  return text
    .replace(/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)? \+0000 UTC/g, '<time>')
    .replace(/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d/g, '<time>')
    .replace(/\b[0-9a-f]{64}\b/g, '<id>')
    .replace(/\b[0-9a-f]{8}\b/g, '<short>')
    .replace(/\d+(?:\.\d+)?(?:ms|µs|s)\b/g, '<took>')
    .replace(/^\[\d+:\d\d\]/gm, '[<took>]')
    .replace(/ in \d+:\d\d/g, ' in <took>')
    .replace(/-{10,}/g, '<rule>');
}

/** JSON lines, the order of keys not counted. */
export function messages(text: string): Record<string, unknown>[] {
  return text
    .split('\n')
    .filter((line) => line.startsWith('{') || line.startsWith('['))
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

export type Shape = { readonly [type: string]: readonly string[] };

/** For each type of message the keys it always or sometimes had. */
export function shapes(text: string): Shape {
  const keys = new Map<string, Set<string>>();
  for (const message of messages(text)) {
    const type = String(message['message_type']);
    const known = keys.get(type) ?? new Set();
    for (const key of Object.keys(message)) known.add(key);
    keys.set(type, known);
  }
  return Object.fromEntries([...keys].map(([type, known]) => [type, [...known].sort()]));
}
