/** Whatever dies in the middle of a dump: there is no snapshot, nothing is left behind, and the next backup is whole. */
import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { CoffreError } from '@coffre/repository';
import { createSampleRepository } from '../../../packages/repository/src/testing/sample-repository.ts';
import type { Programs } from '../../../packages/coffre/src/platform/programs.ts';
import { startScratchServer } from '../../../packages/coffre/src/source/postgresql/scratch-server.ts';
import type { SourceContext } from '../../../packages/coffre/src/source/source.ts';
import { startPostgres, type PostgresServer } from '../postgres.ts';
import { contextFor, settingsFor } from './scene.ts';
import { saveInto } from './save-into.ts';
import { findPostgres, skipWithoutPostgres } from './versions.ts';

const saver = fileURLToPath(new URL('saver.ts', import.meta.url));

describe('a dump that is disturbed', { skip: skipWithoutPostgres(15) }, () => {
  let server: PostgresServer;
  const { programs: folder } = findPostgres(15) ?? { programs: '' };
  before(async () => {
    server = await startPostgres({ programs: folder });
    server.run('createdb', ['shop']);
    const rows = 'INSERT INTO log SELECT i, repeat(md5(i::text), 8) FROM generate_series(1, 20000) i';
    server.run('psql', ['-q', 'shop'], `CREATE TABLE log (id int, t text); ${rows}`);
  });
  after(async () => await server?.[Symbol.asyncDispose]());

  const busy = (): string =>
    server
      .run('psql', [
        '-A',
        '-t',
        '-c',
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'coffre'",
        'postgres',
      ])
      .trim();
  const terminate = (which: string): void => {
    const sql = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'coffre' AND ${which}`;
    server.run('psql', ['-q', '-o', '/dev/null', '-c', sql, 'postgres']);
  };

  /** Does something when pg_dump has given its second part and has more to say. */
  const disturbed = (context: SourceContext, act: () => Promise<void> | void): SourceContext => {
    let parts = 0;
    const programs: Programs = {
      async *output(call) {
        for await (const part of context.programs.output(call)) {
          yield part;
          if (call.argv[0]?.endsWith('/pg_dump') !== true || call.argv.includes('--version')) continue;
          parts += 1;
          if (parts === 2) await act();
        }
      },
    };
    return { ...context, programs };
  };

  const disturbances: readonly { readonly what: string; readonly act: () => Promise<void> | void }[] = [
    { what: 'pg_dump is killed', act: () => childrenNamed('pg_dump').forEach((pid) => process.kill(pid, 'SIGKILL')) },
    { what: 'the connection of pg_dump breaks', act: () => terminate("query LIKE 'COPY%'") },
    { what: 'the connection that holds the moment breaks', act: () => terminate("query NOT LIKE 'COPY%'") },
    { what: 'all connections break', act: () => terminate('true') },
    {
      what: 'the server dies',
      act: async () => {
        await server.crash();
        await server.start();
      },
    },
  ];
  for (const { what, act } of disturbances) {
    test(`${what}: no snapshot, and the next backup is whole`, async () => {
      const { repository } = await createSampleRepository();
      const settings = settingsFor(server, { databases: ['shop'] });
      await assert.rejects(saveInto(repository, settings, disturbed(contextFor(folder), act)), CoffreError);
      assert.deepEqual(await repository.listSnapshots(), []);
      await eventually(() => busy() === '0');
      await saveInto(repository, settings, contextFor(folder));
      assert.equal((await repository.listSnapshots()).length, 1);
      assert.deepEqual(leftOvers(), []);
    });
  }

  test('a stop in the middle ends pg_dump and its connections', async () => {
    const { repository } = await createSampleRepository();
    const stop = new AbortController();
    const context = disturbed(contextFor(folder, stop.signal), () =>
      stop.abort(new CoffreError('INTERRUPTED', 'enough')),
    );
    await assert.rejects(saveInto(repository, settingsFor(server, { databases: ['shop'] }), context), {
      code: 'INTERRUPTED',
    });
    assert.deepEqual(await repository.listSnapshots(), []);
    await eventually(() => busy() === '0' && childrenNamed('pg_dump').length === 0);
  });

  const lies: readonly { readonly what: string; readonly script: string; readonly why: RegExp }[] = [
    {
      what: 'stops half way and says that all is well',
      script: '"$REAL" "$@" | head -c 300000; exit 0',
      why: /in the middle of data/,
    },
    { what: 'says nothing and that all is well', script: 'exit 0', why: /no archive|does not begin|table of contents/ },
    { what: 'gives everything and then fails', script: '"$REAL" "$@"; exit 3', why: /exit code 3/ },
  ];
  for (const { what, script, why } of lies) {
    test(`a pg_dump that ${what} leaves no snapshot`, async (t) => {
      const place = mkdtempSync(join(tmpdir(), 'coffre-liar-'));
      t.after(() => rmSync(place, { recursive: true }));
      for (const name of ['pg_restore', 'pg_dumpall']) symlinkSync(join(folder, name), join(place, name));
      const real = join(folder, 'pg_dump');
      const text = `#!/bin/sh\nREAL='${real}'\ncase "$*" in *--version*) exec "$REAL" --version;; esac\n${script}\n`;
      writeFileSync(join(place, 'pg_dump'), text);
      chmodSync(join(place, 'pg_dump'), 0o755);
      const { repository } = await createSampleRepository();
      const settings = settingsFor(server, { databases: ['shop'] });
      for (const parallelOverBytes of [2 ** 40, 1]) {
        if (parallelOverBytes === 1 && !script.includes('exit 3')) continue;
        await assert.rejects(saveInto(repository, { ...settings, parallelOverBytes }, contextFor(place)), why);
      }
      assert.deepEqual(await repository.listSnapshots(), []);
      assert.deepEqual(leftOvers(), []);
    });
  }

  test('a database that is dropped between the look and the dump is named, and there is no snapshot', async () => {
    server.run('createdb', ['short']);
    const { repository } = await createSampleRepository();
    const context = contextFor(folder);
    const programs: Programs = {
      async *output(call) {
        if (call.argv[0]?.endsWith('/pg_dumpall') === true) server.run('dropdb', ['short']);
        yield* context.programs.output(call);
      },
    };
    await assert.rejects(saveInto(repository, settingsFor(server), { ...context, programs }), {
      code: 'SOURCE_MISSING',
      message: /short/,
    });
    assert.deepEqual(await repository.listSnapshots(), []);
    await saveInto(repository, settingsFor(server), contextFor(folder));
  });

  test('we are killed ourselves: no snapshot, and pg_dump ends with us', async (t) => {
    const repositoryFolder = mkdtempSync(join(tmpdir(), 'coffre-killed-'));
    t.after(() => rmSync(repositoryFolder, { recursive: true }));
    for (const afterParts of [1, 3, 20]) {
      const child = fork(saver, [repositoryFolder, server.folder, folder, String(afterParts)], { stdio: 'inherit' });
      const said = await new Promise((resolve) => child.once('message', resolve));
      assert.equal(said, 'in the middle');
      child.kill('SIGKILL');
      await new Promise((resolve) => child.once('exit', resolve));
      assert.deepEqual(readdirSync(join(repositoryFolder, 'snapshots')), []);
      await eventually(() => busy() === '0');
    }
  });

  test('a private server whose owner was killed is ended by the next one', async () => {
    const child = fork(saver, ['scratch', folder], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    await new Promise((resolve) => child.once('message', resolve));
    child.kill('SIGKILL');
    await new Promise((resolve) => child.once('exit', resolve));
    const mark = `coffre-dump-${child.pid}-`;
    assert.notDeepEqual(processesWith(mark), [], 'it goes on without its owner');
    {
      await using _next = await startScratchServer(contextFor(folder), 15, 0);
    }
    await eventually(() => processesWith(mark).length === 0);
    assert.deepEqual(
      readdirSync(tmpdir()).filter((name) => name.startsWith(mark)),
      [],
    );
    assert.deepEqual(leftOvers(), []);
  });
});

async function eventually(isSo: () => boolean): Promise<void> {
  while (!isSo()) await pause(20);
}

function childrenNamed(name: string): number[] {
  return pids().filter((pid) => {
    const stat = readOf(pid, 'stat');
    return stat.includes(`(${name})`) && stat.slice(stat.lastIndexOf(')')).split(' ')[2] === String(process.pid);
  });
}

function processesWith(mark: string): number[] {
  return pids().filter((pid) => readOf(pid, 'cmdline').includes(mark));
}

function leftOvers(): unknown[] {
  const mark = `coffre-dump-${process.pid}-`;
  return [...readdirSync(tmpdir()).filter((name) => name.startsWith(mark)), ...processesWith(mark)];
}

function pids(): number[] {
  return readdirSync('/proc').map(Number).filter(Number.isInteger);
}

function readOf(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return '';
  }
}
