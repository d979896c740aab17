/**
 * Who loads into PostgreSQL is killed at any moment, and so is the server: what is live is the old database or the new one,
 * and the next load removes what was left. Bounded here; COFFRE_KILLS=500 for more, COFFRE_SEED for the same again.
 */
import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { serialize } from 'node:v8';
import { postgresql } from '../../packages/coffre/src/source/postgresql/postgresql.ts';
import { createSeededRandom } from '../../packages/repository/src/testing/seeded-random.ts';
import { startPostgres, type PostgresServer } from '../services/postgres.ts';
import { contextFor, save, settingsFor, type Saved } from '../services/postgresql/scene.ts';
import { findPostgres, skipWithoutPostgres } from '../services/postgresql/versions.ts';

const kills = Number(process.env['COFFRE_KILLS'] ?? 3);
const seed = Number(process.env['COFFRE_SEED'] ?? Date.now() % 1_000_000);
const newRows = '2000';
const oldRows = '7';

describe('a load into PostgreSQL that is killed', { skip: skipWithoutPostgres(15) }, () => {
  let server: PostgresServer;
  let saved: Saved;
  let folder: string;
  const { programs } = findPostgres(15) ?? { programs: '' };
  const ask = (sql: string, database = 'postgres'): string => server.run('psql', ['-XAtqc', sql, database]).trim();
  const others = (): string =>
    ask("SELECT string_agg(left(datname, 11), ' ' ORDER BY datname) FROM pg_database WHERE datname ~ '^coffre_'");
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'coffre-load-killed-'));
    server = await startPostgres({ programs });
    server.run('createdb', ['shop']);
    const rows = `INSERT INTO log SELECT i, repeat(md5(i::text), 8) FROM generate_series(1, ${newRows}) i`;
    server.run('psql', ['-q', 'shop'], `CREATE TABLE log (id int PRIMARY KEY, t text); ${rows}`);
    saved = await save(settingsFor(server, { databases: ['shop'] }), contextFor(programs));
    writeFileSync(join(folder, 'saved'), serialize({ truth: saved.truth, files: saved.files }));
  });
  after(async () => {
    await server?.[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  });

  const renew = (): void => {
    server.run('psql', ['-q', 'shop'], `DELETE FROM log WHERE id > ${oldRows}`);
    ask("COMMENT ON DATABASE shop IS 'the old one'");
  };
  const start = (at: number, when: string) =>
    fork(new URL('../services/postgresql/loader.ts', import.meta.url), [
      join(folder, 'saved'),
      server.folder,
      programs,
      String(at),
      when,
    ]);

  /**
   * The pg_restore of who was killed ends when nobody feeds it, maybe before it has connected. And a server ends the statement
   * of a client that is gone before it looks for the next: what it leaves is only then there.
   */
  const untilTheServerIsIdle = async (): Promise<void> => {
    while (restoresInto(server.folder)) await pause(20);
    const sessions =
      "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()";
    while (ask(sessions) !== '0') await pause(20);
  };

  /** After whatever happened: one of the two is there, whole; the next load leaves nothing but what it tells of. */
  const mend = async (what: string): Promise<'old' | 'new'> => {
    await untilTheServerIsIdle();
    const rows = ask('SELECT count(*) FROM log', 'shop');
    const comment = ask("SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = 'shop'");
    assert.ok(rows === newRows ? comment === '' : rows === oldRows && comment === 'the old one', `${what}: ${rows}`);
    const settings = settingsFor(server, { databases: ['shop'] });
    const { warnings } = await postgresql.preflight(settings, contextFor(programs), undefined);
    assert.equal(warnings.length, others() === '' ? 0 : 1, what);
    const context = contextFor(programs);
    await postgresql.load(saved, { to: 'other', overwrite: true, only: [], settings }, context);
    const kept = others();
    assert.equal(context.lines.length, kept === '' ? 0 : 1, context.lines.join());
    if (kept !== '') {
      // What was replaced is whole, and can be had back by its name.
      assert.equal(kept, 'coffre_old_', what);
      const name = /coffre_old_\w+/.exec(context.lines.join())?.[0] ?? '';
      assert.deepEqual([rows, ask('SELECT count(*) FROM log', name)], [newRows, oldRows], what);
      ask(`DROP DATABASE ${name}`);
    }
    return rows === newRows ? 'new' : 'old';
  };

  test('before and after each of its steps: the old or the new, never half', async (t) => {
    const ends: string[] = [];
    for (let at = 1, isOver = false; !isOver; at += 1) {
      // Behind a step is before the next one; the server goes down where the next start finds something of it.
      for (const when of ['before', 'after']) {
        renew();
        const child = start(at, when);
        const [stopped] = (await Promise.race([once(child, 'message'), once(child, 'exit')])) as [unknown];
        isOver = typeof stopped !== 'string';
        if (typeof stopped !== 'string') break;
        if (when === 'after') await server.crash();
        child.kill('SIGKILL');
        await once(child, 'exit');
        if (when === 'after') await server.start();
        ends.push(`${stopped.split(' ')[0]} ${when} ${await mend(`${when} ${stopped}`)}`);
        if (when === 'before' && !/^(CREATE|COMMIT|DROP)/.test(stopped)) break;
      }
    }
    t.diagnostic(ends.join(', '));
    assert.ok(ends.includes('COMMIT before old') && ends.includes('COMMIT after new'), ends.join());
  });

  test(`at ${kills} moments`, async (t) => {
    t.diagnostic(`seed ${seed}`);
    const random = createSeededRandom(seed);
    const began = performance.now();
    await once(start(0, 'never'), 'exit');
    const tookMs = Math.ceil(performance.now() - began);
    for (let round = 0; round < kills; round += 1) {
      renew();
      const child = start(0, 'never');
      const ended = once(child, 'exit');
      await Promise.race([pause(random.integer(tookMs)), ended]);
      child.kill('SIGKILL');
      await ended;
      t.diagnostic(await mend(`round ${round}`));
    }
  });
});

/** By what it was given; of one that has ended nothing can be read. */
function restoresInto(socket: string): boolean {
  return readdirSync('/proc').some((pid) => {
    if (!/^\d+$/.test(pid)) return false;
    try {
      const [words, environment] = ['cmdline', 'environ'].map((file) => readFileSync(`/proc/${pid}/${file}`, 'utf8'));
      return words?.includes('/pg_restore\0') === true && environment?.includes(socket) === true;
    } catch {
      return false;
    }
  });
}
