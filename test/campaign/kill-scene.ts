/** A repository and a folder on a real disk, and the real program, killed at a random moment of its work. */
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLocalBackend } from '../../packages/repository/src/backend/local.ts';
import { createSampleRepository, samplePassword } from '../../packages/repository/src/testing/sample-repository.ts';
import { compiled } from '../compiled.ts';
import { launcher } from '../program.ts';

export const coffre: string = launcher;

export type KillScene = Disposable & {
  readonly scratch: string;
  /** To be backed up; empty at first. */
  readonly source: string;
  /** @returns what it printed; it throws when the program fails */
  readonly run: (program: string, ...args: string[]) => string;
  snapshotIds(): string[];
  /** @returns true when it was killed, false when it was done before */
  runKilled(args: readonly string[], afterMs: number): Promise<boolean>;
};

export async function makeKillScene(): Promise<KillScene> {
  const scratch = mkdtempSync(join(tmpdir(), 'coffre-kill-'));
  const [repo, source, cache] = [join(scratch, 'repo'), join(scratch, 'source'), join(scratch, 'cache')];
  await createSampleRepository({ backend: createLocalBackend({ path: repo }) });
  mkdirSync(source);
  const env = {
    ...process.env,
    ...compiled,
    RESTIC_REPOSITORY: repo,
    RESTIC_PASSWORD: samplePassword,
    RESTIC_CACHE_DIR: cache,
    XDG_CACHE_HOME: cache,
  };
  const run = (program: string, ...args: string[]): string =>
    execFileSync(program, args, { env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  return {
    scratch,
    source,
    run,
    snapshotIds: () => (JSON.parse(run(coffre, 'snapshots', '--json')) as { id: string }[]).map(({ id }) => id),
    async runKilled(args, afterMs) {
      const child = spawn(coffre, args, { env, stdio: 'ignore' });
      const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
      const timer = setTimeout(() => child.kill('SIGKILL'), afterMs);
      await ended;
      clearTimeout(timer);
      return child.signalCode === 'SIGKILL';
    },
    [Symbol.dispose]: () => rmSync(scratch, { recursive: true, force: true }),
  };
}
