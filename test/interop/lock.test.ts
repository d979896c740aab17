/** Our locks in the eyes of restic, and restic's in ours. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { randomBytes } from 'node:crypto';
import { readdirSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { createLocalBackend } from '../../packages/repository/src/backend/local.ts';
import { CoffreError, isCoffreError } from '../../packages/repository/src/errors.ts';
import { acquireLock } from '../../packages/repository/src/lock/lock.ts';
import { unlock } from '../../packages/repository/src/lock/unlock.ts';
import { openSample } from '../../packages/repository/src/testing/lock-holder.ts';
import { startHolder } from '../../packages/repository/src/testing/lock-process.ts';
import { createSampleRepository, samplePassword } from '../../packages/repository/src/testing/sample-repository.ts';
import { findRestic, skipWithout } from '../peers.ts';
import { runRestic, temporaryFolder } from './restic.ts';

for (const version of ['debian', 'newest'] as const) {
  const restic = findRestic(version);
  const program = restic?.path ?? '';

  describe(`locks beside restic (${version})`, { skip: skipWithout(restic, `restic (${version})`) }, () => {
    test('restic lists and reads our lock, works beside a shared one, and not exclusively', async () => {
      using folder = temporaryFolder();
      await makeRepository(folder.path);
      await using holder = await startHolder(folder.path, 'shared');
      assert.equal(run(['list', 'locks', '--no-lock']).stdout.trim(), holder.lockId);
      const seen = JSON.parse(run(['cat', 'lock', holder.lockId, '--no-lock']).stdout) as { [key: string]: unknown };
      assert.deepEqual([seen['exclusive'], seen['hostname'], seen['pid']], [false, hostname(), holder.child.pid]);
      assert.equal(run(['snapshots']).exitCode, 0);
      const refused = run(['forget', '--keep-last', '1']);
      assert.equal(refused.exitCode, version === 'newest' ? 11 : 1, refused.stderr);
      assert.match(refused.stderr, new RegExp(`PID ${holder.child.pid} on `));
      assert.equal(await holder.letGo(), 0);
      assert.equal(run(['forget', '--keep-last', '1']).exitCode, 0);

      function run(argv: readonly string[]): ReturnType<typeof runRestic> {
        return runRestic(program, folder.path, argv);
      }
    });

    test('restic does nothing beside our exclusive lock', async () => {
      using folder = temporaryFolder();
      await makeRepository(folder.path);
      await using holder = await startHolder(folder.path, 'exclusive');
      for (const verb of ['snapshots', 'check', 'prune']) {
        const refused = runRestic(program, folder.path, [verb]);
        assert.equal(refused.exitCode, version === 'newest' ? 11 : 1, refused.stderr);
        assert.match(refused.stderr, /already locked exclusively by PID/);
      }
      assert.equal(await holder.letGo(), 0);
    });

    test('restic’s unlock neither ends nor unlocks us while we live, and removes our lock once we were killed', async () => {
      using folder = temporaryFolder();
      await makeRepository(folder.path);
      await using holder = await startHolder(folder.path, 'exclusive');
      runRestic(program, folder.path, ['unlock']);
      await pause(100);
      assert.deepEqual([holder.child.exitCode, holder.child.signalCode], [null, null]);
      assert.deepEqual(readdirSync(join(folder.path, 'locks')), [holder.lockId]);
      await holder[Symbol.asyncDispose]();
      runRestic(program, folder.path, ['unlock']);
      assert.deepEqual(readdirSync(join(folder.path, 'locks')), []);
    });

    test('we see the lock of a restic backup, share it, and refuse exclusive work', async () => {
      using folder = temporaryFolder();
      await makeRepository(folder.path);
      await using repository = await openSample(folder.path);
      const backup = startRestic(folder.path, ['backup', '--stdin']);
      await lockAppears(folder.path);
      await pause(400);
      await (await acquireLock(repository, { exclusive: false })).release();
      const refused = await acquireLock(repository, { exclusive: true }).catch((error: unknown) => error);
      assert.ok(refused instanceof CoffreError && isCoffreError(refused, 'REPO_LOCKED'));
      assert.match(refused.message, new RegExp(`already locked by PID ${backup.pid} on ${hostname()} by `));
      assert.match(refused.hint ?? '', /runs on this machine/);
      await kill(backup);
    });

    test('a lock that a killed restic left is not taken for ours: it stays until unlock', async () => {
      using folder = temporaryFolder();
      await makeRepository(folder.path);
      await using repository = await openSample(folder.path);
      const backup = startRestic(folder.path, ['backup', '--stdin']);
      await lockAppears(folder.path);
      await kill(backup);
      const refused = await acquireLock(repository, { exclusive: true }).catch((error: unknown) => error);
      assert.ok(isCoffreError(refused, 'REPO_LOCKED'));
      assert.match(refused instanceof CoffreError ? (refused.hint ?? '') : '', /coffre unlock/);
      assert.equal((await unlock(repository)).removed.length, 1);
      await (await acquireLock(repository, { exclusive: true })).release();
    });

    test('we do nothing beside an exclusive restic', async () => {
      using folder = temporaryFolder();
      await makeRepository(folder.path);
      await using repository = await openSample(folder.path);
      // At this speed it reads for minutes.
      writeFileSync(join(folder.path, 'noise'), randomBytes(300_000));
      assert.equal(runRestic(program, folder.path, ['backup', join(folder.path, 'noise')]).exitCode, 0);
      const check = startRestic(folder.path, ['check', '--read-data', '--limit-download', '1']);
      await lockAppears(folder.path);
      for (const options of [{ exclusive: false }, { exclusive: false, reading: true }, { exclusive: true }]) {
        const refused = await acquireLock(repository, options).catch((error: unknown) => error);
        assert.ok(isCoffreError(refused, 'REPO_LOCKED'));
      }
      await kill(check);
    });
  });

  function startRestic(folder: string, argv: readonly string[]): ChildProcess {
    return spawn(program, ['-r', folder, '--no-cache', ...argv], {
      stdio: ['pipe', 'ignore', 'ignore'],
      env: { PATH: process.env['PATH'], HOME: folder, RESTIC_PASSWORD: samplePassword },
    });
  }
}

async function makeRepository(folder: string): Promise<void> {
  await createSampleRepository({ backend: createLocalBackend({ path: folder }) });
}

async function lockAppears(folder: string): Promise<void> {
  while (!readdirSync(join(folder, 'locks')).some((name) => /^[0-9a-f]{64}$/.test(name))) await pause(5);
}

async function kill(child: ChildProcess): Promise<void> {
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}
