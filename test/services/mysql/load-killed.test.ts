/**
 * Who loads is killed at any moment, and so is the server: what is live is the old or the new, and the next load finds and
 * ends what was begun. Bounded here; COFFRE_KILLS=500 for more, COFFRE_SEED for the same again.
 */
import assert from 'node:assert/strict';
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { serialize } from 'node:v8';
import { createSeededRandom } from '../../../packages/repository/src/testing/seeded-random.ts';
import type { SourceContext } from '../../../packages/coffre/src/source/source.ts';
import { startMariadb } from '../mariadb.ts';
import { programsOf, startRelease, type SqlServer } from '../mysqld.ts';
import { skipWithoutService } from '../programs.ts';
import { skipWithoutServer } from '../servers.ts';
import { startTcpProxy } from '../tcp-proxy.ts';
import { contextFor, load, mysql, save, settingsFor, sumsOf, type Saved } from './scene.ts';

const kills = Number(process.env['COFFRE_KILLS'] ?? 4);
const seed = Number(process.env['COFFRE_SEED'] ?? Date.now() % 1_000_000);

type Case = {
  readonly name: string;
  readonly skip: string | false;
  readonly start: () => Promise<SqlServer>;
  readonly context: () => SourceContext;
  readonly finishesAlone: boolean;
};

const withoutMysql = skipWithoutServer('mysql-8.0', 'usr/sbin/mysqld');

// Before 10.6.2 no MariaDB runs all of an exchange by itself, and MySQL never does.
const cases: readonly Case[] = [
  {
    name: 'MariaDB',
    skip: skipWithoutService('mariadbd'),
    start: async () => await startMariadb(),
    context: contextFor,
    finishesAlone: true,
  },
  {
    name: 'a MariaDB that takes one statement after the other',
    // It stands in for MySQL, on which the same statements go the same way.
    skip: withoutMysql === false ? 'MySQL 8.0 is here' : skipWithoutService('mariadbd'),
    start: async () => await startMariadb('--version=10.5.1-MariaDB'),
    context: contextFor,
    finishesAlone: false,
  },
  {
    name: 'MySQL 8.0',
    skip: withoutMysql,
    start: async () => await startRelease('mysql-8.0'),
    context: () => ({ ...contextFor(), searchPath: programsOf('mysql-8.0') }),
    finishesAlone: false,
  },
];

for (const { name, skip, start, context, finishesAlone } of cases) {
  describe(`loads into ${name} that are killed`, { skip }, () => {
    const folder = mkdtempSync(join(tmpdir(), 'coffre-load-killed-'));
    let server: SqlServer;
    let saved: Saved;
    before(async () => {
      server = await start();
      await server.run(
        "CREATE USER net@'127.0.0.1' IDENTIFIED BY 'n'",
        "GRANT ALL ON *.* TO net@'127.0.0.1'",
        'CREATE DATABASE shop',
        'USE shop',
        'CREATE TABLE shop.parents (id int PRIMARY KEY, x int)',
        'CREATE TABLE shop.children (id int PRIMARY KEY, parent int, FOREIGN KEY (parent) REFERENCES shop.parents (id))',
        'CREATE TABLE shop.zones (id int PRIMARY KEY, x text)',
        `INSERT INTO shop.parents SELECT seq, seq FROM ${numbersTo(500)}`,
        `INSERT INTO shop.children SELECT seq, seq FROM ${numbersTo(400)}`,
        `INSERT INTO shop.zones SELECT seq, CONCAT('text ', seq) FROM ${numbersTo(3000)}`,
        'CREATE VIEW shop.`seen é` AS SELECT COUNT(*) AS n FROM shop.children',
        'CREATE VIEW shop.again AS SELECT * FROM shop.`seen é`',
        "CREATE TRIGGER shop.mark BEFORE INSERT ON shop.zones FOR EACH ROW SET NEW.x = COALESCE(NEW.x, 'ü')",
        'CREATE PROCEDURE shop.tell() SELECT 1',
        'CREATE FUNCTION shop.twice(n int) RETURNS int DETERMINISTIC RETURN 2 * n',
        'CREATE EVENT shop.often ON SCHEDULE EVERY 1 HOUR DO DELETE FROM parents WHERE id < 0',
      );
      saved = await save(settingsFor(server, { databases: ['shop'] }), context());
      writeFileSync(join(folder, 'saved'), serialize({ truth: saved.truth, contents: saved.contents }));
    });
    after(async () => {
      await server?.[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true, force: true });
    });

    const state = async (): Promise<string> => {
      await using session = await server.connect();
      const { databases } = await mysql.present(settingsFor(server, { databases: ['target'] }), context());
      return JSON.stringify([await sumsOf(session, 'target'), databases[0]?.objects]);
    };
    /** What is to be replaced: other rows, another trigger on two tables, another view. */
    const renew = async (): Promise<string> => {
      await load(saved, { settings: settingsFor(server), to: 'target', overwrite: true });
      await server.run(
        "UPDATE target.zones SET x = 'old'",
        'DROP TRIGGER target.mark',
        'CREATE TRIGGER target.a_first AFTER INSERT ON target.parents FOR EACH ROW SET @x = 1',
        'CREATE TRIGGER target.b_later AFTER INSERT ON target.zones FOR EACH ROW SET @x = 2',
        'CREATE VIEW target.own AS SELECT * FROM target.again',
        'DROP EVENT target.often',
      );
      return await state();
    };
    const leftovers = async (): Promise<string[]> => {
      await using session = await server.connect();
      const rows = await session.rows(
        "SELECT SCHEMA_NAME AS name FROM information_schema.SCHEMATA WHERE SCHEMA_NAME LIKE 'coffre%'",
      );
      return rows.map(({ name: left }) => String(left));
    };
    const startLoad = (port: number): ChildProcess =>
      fork(new URL('./loader.ts', import.meta.url), [
        join(folder, 'saved'),
        `mysql://net:n@127.0.0.1:${port}/target?tls=off`,
      ]);
    /** Until the server has let go of whoever is dead. */
    const untilAlone = async (): Promise<void> => {
      await using session = await server.connect();
      for (;;) {
        const rows = await session.rows("SELECT ID FROM information_schema.PROCESSLIST WHERE USER = 'net'");
        if (rows.length === 0) return;
        await pause(20);
      }
    };
    const untilWaiting = async (child: ChildProcess, statement: string): Promise<void> => {
      await using session = await server.connect();
      while (child.exitCode === null) {
        const rows = await session.rows(
          `SELECT ID FROM information_schema.PROCESSLIST
           WHERE USER = 'net' AND STATE LIKE 'Waiting for%metadata lock' AND INFO LIKE '${statement}%'`,
        );
        if (rows.length > 0) return;
        await pause(5);
      }
      assert.fail(`the load ended with ${child.exitCode} and never waited`);
    };
    const loadElsewhere = async (): Promise<void> => {
      await load(saved, { settings: settingsFor(server), to: 'elsewhere', overwrite: true });
      assert.deepEqual(await leftovers(), []);
    };

    test(`at ${kills} moments: the old or the new, and the next load leaves nothing behind`, async (t) => {
      t.diagnostic(`seed ${seed}`);
      const random = createSeededRandom(seed);
      await renew();
      let total = 0;
      {
        await using proxy = await startTcpProxy(server.port, (bytes) => (total = bytes));
        await once(startLoad(proxy.port), 'exit');
      }
      const fresh = await state();
      const old = await renew();
      assert.notEqual(fresh, old);
      const ends = { old: 0, fresh: 0, mended: 0 };
      for (let round = 0; round < kills; round += 1) {
        // Half of them in the last part, where things change places.
        const late = total - random.integer(Math.ceil(total / 4));
        // The first one surely before anything changes places.
        const at = round === 0 ? Math.ceil(total / 4) : round % 2 === 0 ? random.integer(total) : late;
        const running: { child?: ChildProcess } = {};
        await using proxy = await startTcpProxy(server.port, (bytes) => {
          if (bytes >= at) running.child?.kill('SIGKILL');
        });
        running.child = startLoad(proxy.port);
        await once(running.child, 'exit');
        await untilAlone();
        let found = await state();
        if (!finishesAlone && found !== old && found !== fresh) {
          await loadElsewhere();
          found = await state();
          ends.mended += 1;
        }
        assert.ok(found === old || found === fresh, `neither old nor new after ${at} of ${total} bytes`);
        ends[found === old ? 'old' : 'fresh'] += 1;
        if (found === fresh) assert.equal(await renew(), old);
      }
      t.diagnostic(JSON.stringify(ends));
      assert.ok(ends.old > 0);
      await loadElsewhere();
      assert.equal(await state(), old);
    });

    test('killed while it waits for a table in the middle of the exchange', async () => {
      const old = await renew();
      await using user = await server.connect();
      await user.run('BEGIN');
      await user.run('SELECT * FROM target.zones LIMIT 1');
      const child = startLoad(server.port);
      await untilWaiting(child, 'DROP TRIGGER IF EXISTS `target`.`b_later`');
      child.kill('SIGKILL');
      await once(child, 'exit');
      await untilAlone();
      if (finishesAlone) assert.equal(await state(), old);
      await user.run('COMMIT');
      await loadElsewhere();
      assert.equal(await state(), old);
    });

    test('the server dies in the middle of the exchange, and the next load puts it right', async () => {
      const old = await renew();
      await using user = await server.connect();
      await user.run('BEGIN');
      await user.run('SELECT * FROM target.zones LIMIT 1');
      const child = startLoad(server.port);
      const exited = once(child, 'exit');
      await untilWaiting(child, 'DROP TRIGGER IF EXISTS `target`.`b_later`');
      process.kill(server.process().pid, 'SIGKILL');
      await exited;
      await server.stop();
      await server.start();
      const warnings = await mysql.preflight(settingsFor(server, { databases: ['target'] }), context(), undefined);
      assert.match(warnings.warnings.join(), /target: a load was cut off/);
      await loadElsewhere();
      assert.equal(await state(), old);
    });

    test('what ends after the tables have moved is brought forward, with rows written since', async () => {
      await renew();
      await using user = await server.connect();
      await user.run('BEGIN');
      await user.run('SELECT target.twice(2)');
      const child = startLoad(server.port);
      const exited = once(child, 'exit');
      await untilWaiting(child, 'DROP FUNCTION');
      process.kill(server.process().pid, 'SIGKILL');
      await exited;
      await server.stop();
      await server.start();
      await server.run('INSERT INTO target.parents VALUES (7777, 7)');
      await loadElsewhere();
      await using session = await server.connect();
      const [rows] = await session.rows('SELECT COUNT(*) AS n FROM target.parents');
      assert.equal(rows?.['n'], 501);
      const { databases } = await mysql.present(settingsFor(server, { databases: ['target'] }), context());
      assert.deepEqual(databases[0]?.objects, saved.truth.databases[0]?.objects);
    });
  });
}

/** A table of them as every server can make it. */
function numbersTo(last: number): string {
  const digits = Array.from({ length: 10 }, (_, digit) => `SELECT ${digit} AS d`).join(' UNION ALL ');
  const sum = 'a.d + 10 * b.d + 100 * c.d + 1000 * e.d + 1';
  const from = ['a', 'b', 'c', 'e'].map((name) => `(${digits}) ${name}`).join(', ');
  return `(SELECT ${sum} AS seq FROM ${from} WHERE ${sum} <= ${last}) numbers`;
}
