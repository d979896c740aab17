/** Runs the real restic on repositories that tests made in memory. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { samplePassword } from '../../packages/repository/src/testing/sample-repository.ts';

/** A folder that is gone with the end of its block. */
export function temporaryFolder(): Disposable & { readonly path: string } {
  const path = mkdtempSync(join(tmpdir(), 'coffre-interop-'));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

/** `files` by their names in the storage (`config`, `snapshots/ID`, `data/ID`). */
export function writeRepository(files: ReadonlyMap<string, Buffer>, folder: string): void {
  for (const kind of ['data', 'index', 'keys', 'locks', 'snapshots'])
    mkdirSync(join(folder, kind), { recursive: true });
  for (const [name, bytes] of files) {
    const path = join(folder, name.replace(/^data\/(..)/, 'data/$1/$1'));
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, bytes);
  }
}

export type ResticRun = { readonly exitCode: number; readonly stdout: string; readonly stderr: string };

export function runRestic(
  program: string,
  folder: string,
  argv: readonly string[],
  environment: { readonly [name: string]: string } = {},
): ResticRun {
  const run = spawnSync(program, ['-r', folder, '--no-cache', ...argv], {
    encoding: 'utf8',
    maxBuffer: 1 << 30,
    timeout: 300_000,
    env: { PATH: process.env['PATH'], HOME: folder, RESTIC_PASSWORD: samplePassword, TZ: 'UTC', ...environment },
  });
  if (run.error !== undefined) throw run.error;
  return { exitCode: run.status ?? -1, stdout: run.stdout, stderr: run.stderr };
}
