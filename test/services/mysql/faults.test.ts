/** What ends in the middle never becomes a snapshot, and what was cut is always known to be cut. */
import assert from 'node:assert/strict';
import { fork, type ChildProcess } from 'node:child_process';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { addressOf } from '../../../packages/coffre/src/source/mysql/settings.ts';
import type { SourceContext } from '../../../packages/coffre/src/source/source.ts';
import { startMariadb, type MariadbServer } from '../mariadb.ts';
import { skipWithoutService } from '../programs.ts';
import { startTcpProxy } from '../tcp-proxy.ts';
import { everything } from './contents.ts';
import { archiveOnly, contextFor, load, mysql, save, settingsFor, withContent } from './scene.ts';

const password = 'pa55-"word\\ #with; \'all $(x)';

describe('a dump that is disturbed', { skip: skipWithoutService('mariadbd') }, () => {
  let server: MariadbServer;
  const folder = mkdtempSync(join(tmpdir(), 'coffre-faults-'));
  // The private server runs as somebody else.
  chmodSync(folder, 0o755);
  const context = (signal?: AbortSignal): SourceContext => ({ ...contextFor(signal), temporaryFolder: folder });
  before(async () => {
    server = await startMariadb();
    await server.run(
      'CREATE DATABASE large',
      'USE large',
      'CREATE TABLE rows_one (id int PRIMARY KEY, x varchar(1000))',
      "INSERT INTO rows_one SELECT seq, REPEAT('large ', 100) FROM seq_1_to_20000",
      'CREATE TABLE rows_two LIKE rows_one',
      'INSERT INTO rows_two SELECT * FROM rows_one',
      'CREATE DATABASE small',
      'CREATE TABLE small.t (id int PRIMARY KEY)',
      `CREATE USER backup@'127.0.0.1' IDENTIFIED BY '${password.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`,
      "GRANT ALL ON *.* TO backup@'127.0.0.1'",
    );
  });
  after(async () => {
    await server?.[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  });

  const overTcp = (port = server.port): ReturnType<typeof settingsFor> =>
    settingsFor(server, { address: addressOf({ host: '127.0.0.1', port, user: 'backup', password }) });

  /** Nobody of ours is left: no connection, no process, no file. */
  const assertClean = async (): Promise<void> => {
    await using session = await server.connect();
    for (;;) {
      const others = await session.rows(
        `SELECT ID, STATE FROM information_schema.PROCESSLIST WHERE ID <> ${session.id} AND USER IN ('root', 'backup')`,
      );
      const left = [
        ...readdirSync(folder),
        ...ownDumps(folder).map(({ pid }) => pid),
        ...others.map((row) => JSON.stringify(row)),
      ];
      if (left.length === 0) break;
      await pause(50);
    }
    // No lock stays: everybody may write.
    await session.run('INSERT IGNORE INTO small.t VALUES (1)');
  };

  /** Does something once, when the first bytes have come. */
  const once = (act: () => Promise<void>): (() => Promise<void>) => {
    let done = false;
    return async () => {
      if (done) return;
      done = true;
      await act();
    };
  };

  test('the password is nowhere where others can read it, and odd ones work', async () => {
    const seen: string[] = [];
    const saved = await save(overTcp(), context(), async () => {
      if (seen.length < 200) seen.push(...commandLines());
    });
    assert.ok(
      seen.some((line) => line.includes('mariadb-dump')),
      'the dump was seen',
    );
    assert.deepEqual(
      seen.filter((line) => line.includes('pa55')),
      [],
    );
    assert.ok(!JSON.stringify(saved.truth).includes('pa55'));
    await assertClean();
  });

  test('a dump program that is killed fails the backup', async () => {
    const kill = once(async () => {
      const dumps = ownDumps(folder);
      assert.equal(dumps.length, 2, 'one for each database waits or runs');
      for (const { pid } of dumps) process.kill(Number(pid), 'SIGKILL');
    });
    await assert.rejects(save(overTcp(), context(), kill), { code: 'SOURCE_COMMAND_FAILED' });
    await assertClean();
  });

  test('a network that breaks fails the backup, wherever it breaks', async () => {
    for (const bytes of [0, 50, 200, 1000, 5000, 200_000, 5_000_000, 20_000_000]) {
      await using proxy = await startTcpProxy(server.port);
      proxy.cutAnswersAfter(bytes);
      await assert.rejects(save(overTcp(proxy.port), context()), /./, `${bytes} bytes`);
      await assertClean();
    }
  });

  test('a server that dies fails the backup', async () => {
    await assert.rejects(
      save(
        overTcp(),
        context(),
        once(async () => process.kill(server.process().pid, 'SIGKILL') as never),
      ),
      (error: Error & { code?: string }) =>
        error.code === 'SOURCE_COMMAND_FAILED' || error.code === 'SOURCE_UNREACHABLE',
    );
    assert.deepEqual(readdirSync(folder), []);
    await server.stop();
    await assert.rejects(save(overTcp(), context()), { code: 'SOURCE_UNREACHABLE' });
    await server.start();
    await assertClean();
  });

  test('a backup that is stopped leaves nothing behind', async () => {
    for (const after of [0, 5, 40]) {
      const stop = new AbortController();
      let parts = 0;
      const run = save(overTcp(), context(stop.signal), async () => {
        parts += 1;
        if (parts > after) stop.abort();
      });
      await assert.rejects(run);
      await assertClean();
    }
  });

  test('a process that is killed leaves no lock, and the next one sweeps its folder', async () => {
    const child = fork(new URL('./saver.ts', import.meta.url), [JSON.stringify(overTcp()), folder], {
      stdio: 'ignore',
    });
    await told(child);
    assert.equal(readdirSync(folder).length, 1);
    child.kill('SIGKILL');
    await new Promise<void>((resolve) => child.once('exit', () => resolve()));
    await server.run('INSERT IGNORE INTO small.t VALUES (2)');
    await save(overTcp(), context());
    await assertClean();
  });

  test('a private server does not outlive the process that was killed', async () => {
    const child = fork(new URL('./saver.ts', import.meta.url), [JSON.stringify(overTcp()), folder, 'scratch'], {
      stdio: 'ignore',
    });
    await told(child);
    const running = (): string[] =>
      commandLines().filter((line) => line.includes(folder) && line.includes('--datadir'));
    assert.ok(running().length > 0);
    child.kill('SIGKILL');
    while (running().length > 0) await pause(50);
    await save(overTcp(), context());
    await assertClean();
  });

  test('a definition that changes during the dump fails the backup', async () => {
    for (const change of [
      'TRUNCATE large.rows_two',
      'ALTER TABLE large.rows_two ADD COLUMN more int',
      'RENAME TABLE large.rows_two TO large.rows_zzz',
      'DROP TABLE large.rows_zzz',
      'CREATE PROCEDURE small.later() SELECT 1',
    ]) {
      const alter = once(async () => {
        await server.run(change);
      });
      await assert.rejects(save(overTcp(), context(), alter), { code: 'SOURCE_BUSY' }, change);
      await assertClean();
    }
  });

  test('a dump that is cut anywhere, between statements too, is never taken for whole', async () => {
    await server.run(...everything);
    const saved = await save(settingsFor(server, { databases: ['everything'] }), context());
    const path = saved.truth.databases[0]!.stream;
    const whole = saved.contents.get(path)!;
    const ends = [...whole.toString('latin1').matchAll(/;\n/g)].map(({ index, 0: found }) => index + found.length);
    const everywhere = Array.from({ length: 60 }, (_, at) => Math.floor((at * whole.byteLength) / 60));
    for (const cut of new Set([...ends, ...everywhere])) {
      const { passed, differences } = await mysql.verify(
        withContent(saved, path, whole.subarray(0, cut)),
        context(),
        archiveOnly,
      );
      assert.deepEqual(passed, [], `cut at ${cut}`);
      assert.match(differences[0] ?? '', /cut off|no dump/);
    }
    await assert.rejects(
      load(withContent(saved, path, whole.subarray(0, ends.at(-5))), { to: 'never', settings: settingsFor(server) }),
      {
        code: 'SOURCE_VERIFY_FAILED',
      },
    );
    const users = saved.truth.usersStream!;
    const less = withContent(saved, users, saved.contents.get(users)!.subarray(0, -30));
    assert.deepEqual((await mysql.verify(less, context(), archiveOnly)).passed, []);
  });
});

/** Rejects when it ends without a word. */
async function told(child: ChildProcess): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    child.once('message', () => resolve());
    child.once('exit', (code) => reject(new Error(`ended with ${code}`)));
  });
}

type Seen = { readonly pid: string; readonly line: string };

function processes(): Seen[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        return [{ pid, line: readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ') }];
      } catch {
        // It ended meanwhile.
        return [];
      }
    });
}

function commandLines(): string[] {
  return processes().map(({ line }) => line);
}

function ownDumps(folder: string): Seen[] {
  return processes().filter(({ line }) => /^\S*mariadb-dump /.test(line) && line.includes(folder));
}
