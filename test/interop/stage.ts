/** A scratch folder where `coffre` and both real restics work on the same repositories, with homes and caches inside it. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { lstatSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLocalBackend } from '../../packages/repository/src/backend/local.ts';
import {
  createSampleHost,
  createSampleRepository,
  samplePassword,
} from '../../packages/repository/src/testing/sample-repository.ts';
import { createSeededRandom } from '../../packages/repository/src/testing/seeded-random.ts';
import { findRestic, skipWithout } from '../peers.ts';
import type { Peer } from '../peers/peers.ts';
import { compiled } from '../compiled.ts';
import { nodeArguments } from '../program.ts';

export const oldRestic: Peer | undefined = findRestic('debian');
export const newRestic: Peer | undefined = findRestic('newest');
/** For tests that need both. */
export const skipWithoutBoth: string | false =
  skipWithout(oldRestic, 'restic 0.14') || skipWithout(newRestic, 'restic 0.19');
export const isRoot: boolean = process.getuid?.() === 0;

/** `old`: restic 0.14; `new`: restic 0.19. */
export type Program = 'coffre' | 'old' | 'new';
export type Ran = { readonly code: number; readonly stdout: string; readonly stderr: string };
export type RunOptions = {
  readonly cwd?: string;
  readonly input?: string | Buffer;
  readonly environment?: { readonly [name: string]: string };
  /** Run as this user, who owns nothing. */
  readonly uid?: number;
};

export const nobody = 65_534;

export type Stage = Disposable & {
  readonly folder: string;
  /** A repository whose key opens at once. */
  repository(name: string, version?: 1 | 2): Promise<string>;
  run(program: Program, repository: string, argv: readonly string[], options?: RunOptions): Ran;
  /** Must end with 0. Returns stdout. */
  ok(program: Program, repository: string, argv: readonly string[], options?: RunOptions): string;
};

export function createStage(): Stage {
  const folder = mkdtempSync(join(tmpdir(), 'coffre-interop-'));
  let seed = 0;
  const stage: Stage = {
    folder,
    async repository(name, version = 2) {
      const path = join(folder, name);
      const host = createSampleHost({ random: createSeededRandom((seed += 1)) });
      const made = await createSampleRepository({ backend: createLocalBackend({ path }), host, version });
      await made.repository[Symbol.asyncDispose]();
      return path;
    },
    run(program, repository, argv, options = {}) {
      const [path, ...first] = commandOf(program);
      const { input = '', cwd = folder, uid } = options;
      const ended = spawnSync(path, [...first, '-r', repository, ...argv], {
        cwd,
        input,
        env: { ...environmentIn(folder), ...options.environment },
        maxBuffer: 1 << 28,
        timeout: 120_000,
        ...(uid === undefined ? {} : { uid, gid: uid }),
      });
      if (ended.error !== undefined) throw ended.error;
      return { code: ended.status ?? -1, stdout: ended.stdout.toString(), stderr: ended.stderr.toString() };
    },
    ok(program, repository, argv, options) {
      const ran = stage.run(program, repository, argv, options);
      assert.equal(ran.code, 0, `${program} ${argv.join(' ')}: ${ran.stderr}${ran.stdout}`);
      return ran.stdout;
    },
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  };
  return stage;
}

function commandOf(program: Program): [string, ...string[]] {
  if (program === 'coffre') return [process.execPath, ...nodeArguments];
  const restic = program === 'old' ? oldRestic : newRestic;
  assert.ok(restic);
  return [restic.path, '--no-cache'];
}

function environmentIn(folder: string): NodeJS.ProcessEnv {
  return {
    PATH: process.env['PATH'],
    HOME: folder,
    TMPDIR: folder,
    // Trees hold local times in restic's words; in UTC equal folders have equal ids.
    TZ: 'UTC',
    RESTIC_PASSWORD: samplePassword,
    RESTIC_CACHE_DIR: join(folder, 'cache'),
    XDG_CACHE_HOME: join(folder, 'cache'),
    ...compiled,
  };
}

export type SnapshotLine = {
  readonly id: string;
  readonly tree: string;
  readonly parent?: string;
  readonly tags?: readonly string[];
  readonly original?: string;
};

/** Oldest first. */
export function snapshotsIn(stage: Stage, program: Program, repository: string): SnapshotLine[] {
  return JSON.parse(stage.ok(program, repository, ['snapshots', '--json', '--no-lock'])) as SnapshotLine[];
}

export function newestIn(stage: Stage, repository: string): SnapshotLine {
  const newest = snapshotsIn(stage, 'new', repository).at(-1);
  assert.ok(newest);
  return newest;
}

export type ExitError = {
  readonly code: number;
  readonly error_code: string;
  readonly hint: string;
  readonly message: string;
};

/** The last message of a failed run with `--json`. A failure without a hint is a defect. */
export function failureOf(ran: Ran): ExitError {
  const lines = ran.stderr.trim().split('\n');
  const line = lines.findLast((text) => text.startsWith('{') && text.includes('exit_error'));
  assert.ok(line !== undefined, `no exit_error in: ${ran.stderr}`);
  const failure = JSON.parse(line) as ExitError;
  assert.equal(failure.code, ran.code);
  assert.ok(
    typeof failure.hint === 'string' && failure.hint.trim() !== '',
    `${failure.error_code} comes without a hint`,
  );
  return failure;
}

/** Every entry below a folder with its mode and the hash of its bytes: two are equal when nothing changed. */
export function contentsOf(folder: string): Map<string, string> {
  const found = new Map<string, string>();
  // Not `recursive`: that walks through symbolic links.
  const visit = (below: string): void => {
    for (const entry of readdirSync(join(folder, below), { withFileTypes: true })) {
      const path = join(below, entry.name);
      const place = join(folder, path);
      const mode = (lstatSync(place).mode & 0o7777).toString(8);
      const hash = entry.isFile() ? createHash('sha256').update(readFileSync(place)).digest('hex') : '';
      found.set(path, `${mode} ${hash}`);
      if (entry.isDirectory()) visit(path);
    }
  };
  visit('');
  return new Map([...found].toSorted(([a], [b]) => (a < b ? -1 : 1)));
}
