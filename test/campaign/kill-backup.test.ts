/**
 * Kills a real backup on a real disk at random moments, again and again, in one repository. Bounded here; for as long as
 * you like with COFFRE_KILLS=10000. The seed is printed and can be given back with COFFRE_SEED.
 */
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { createLocalBackend } from '../../packages/repository/src/backend/local.ts';
import { createSampleRepository, samplePassword } from '../../packages/repository/src/testing/sample-repository.ts';
import { createSeededRandom } from '../../packages/repository/src/testing/seeded-random.ts';
import { findRestic, skipWithout } from '../peers.ts';

const restic = findRestic('newest');
const coffre = join(import.meta.dirname, '../../packages/coffre/bin/coffre');
const kills = Number(process.env['COFFRE_KILLS'] ?? 25);
const seed = Number(process.env['COFFRE_SEED'] ?? Date.now() % 1_000_000);

test(
  `${kills} SIGKILLs in the middle of backups lose no snapshot and leave a repository that restic accepts`,
  {
    skip: skipWithout(restic, 'restic 0.19'),
    timeout: 60_000 + kills * 20_000,
  },
  async (t) => {
    t.diagnostic(`seed ${seed}`);
    const random = createSeededRandom(seed);
    const scratch = mkdtempSync(join(tmpdir(), 'coffre-kill-'));
    try {
      const repo = join(scratch, 'repo');
      const source = join(scratch, 'source');
      await createSampleRepository({ backend: createLocalBackend({ path: repo }) });
      mkdirSync(source);
      const environment = {
        ...process.env,
        RESTIC_REPOSITORY: repo,
        RESTIC_PASSWORD: samplePassword,
        RESTIC_CACHE_DIR: join(scratch, 'cache'),
        XDG_CACHE_HOME: join(scratch, 'cache'),
      };
      const run = (program: string, ...args: string[]): string =>
        execFileSync(program, args, { env: environment, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });

      const grow = (round: number): void => {
        for (let i = 0; i < 40; i++) writeFileSync(join(source, `small-${round}-${i}`), random.bytes(3_000));
        writeFileSync(join(source, 'large.bin'), random.bytes(4_000_000));
      };
      grow(0);
      const started = performance.now();
      run(coffre, 'backup', source, '--pack-size', '4');
      const usualMs = performance.now() - started;
      const complete = new Set([newestId(run(coffre, 'snapshots', '--json'))]);

      let killed = 0;
      for (let round = 1; round <= kills; round++) {
        grow(round);
        const child = spawn(coffre, ['backup', source, '--pack-size', '4', '--quiet'], {
          env: environment,
          stdio: 'ignore',
        });
        const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
        const timer = setTimeout(() => child.kill('SIGKILL'), usualMs * 0.1 + random.integer(Math.ceil(usualMs * 0.8)));
        await ended;
        clearTimeout(timer);
        if (child.signalCode === 'SIGKILL') killed++;
        const listed = idsOf(run(coffre, 'snapshots', '--json'));
        for (const id of complete) assert.ok(listed.includes(id), `snapshot ${id} is gone after round ${round}`);
        for (const id of listed) complete.add(id);
        run(restic?.path ?? '', 'check', '--no-lock', '--no-cache');
      }
      t.diagnostic(`${killed} of ${kills} backups were killed, ${complete.size} snapshots were published`);

      run(coffre, 'backup', source);
      run(restic?.path ?? '', 'check', '--no-lock', '--no-cache', '--read-data');
      const target = join(scratch, 'target');
      run(restic?.path ?? '', 'restore', 'latest', '--no-lock', '--no-cache', '--target', target);
      assert.deepEqual(readFileSync(join(target, source, 'large.bin')), readFileSync(join(source, 'large.bin')));
    } finally {
      rmSync(scratch, { recursive: true, force: true });
    }
  },
);

function idsOf(json: string): string[] {
  return (JSON.parse(json) as { id: string }[]).map(({ id }) => id);
}

function newestId(json: string): string {
  return idsOf(json).at(-1) as string;
}
