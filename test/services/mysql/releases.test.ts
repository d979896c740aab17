/** MySQL and MariaDB of other releases than Debian's, each with its own programs: saved, proved, loaded, replaced. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, chmodSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { identifier } from '../../../packages/coffre/src/source/mysql/names.ts';
import { openRelay } from '../../../packages/coffre/src/source/mysql/relay.ts';
import { openSession } from '../../../packages/coffre/src/source/mysql/session.ts';
import { addressOf } from '../../../packages/coffre/src/source/mysql/settings.ts';
import type { SourceContext } from '../../../packages/coffre/src/source/source.ts';
import { programsOf, startRelease, type SqlRelease, type SqlServer } from '../mysqld.ts';
import { skipWithoutServer } from '../servers.ts';
import { everything, hostileNames } from './contents.ts';
import { everythingOfMysql } from './mysql-contents.ts';
import { rowsOf } from './rows.ts';
import { contextFor, everyStep, load, mysql, save, settingsFor, type Saved } from './scene.ts';

type Case = { readonly release: SqlRelease; readonly series: number; readonly program: string };
const cases: readonly Case[] = [
  { release: 'mysql-5.7', series: 507, program: 'usr/sbin/mysqld' },
  { release: 'mysql-8.0', series: 800, program: 'usr/sbin/mysqld' },
  { release: 'mysql-newest', series: 907, program: 'usr/sbin/mysqld' },
  { release: 'mariadb-11', series: 1108, program: 'usr/sbin/mariadbd' },
];
const onOneRelease = (series: number): string | false => series !== 800 && 'MySQL 8.0 shows it';
const password = 'pa55-"word\\ #with; \'all $(x)';

for (const { release, series, program } of cases) {
  const isMysql = series < 1000;
  describe(release, { skip: skipWithoutServer(release, program) }, () => {
    let server: SqlServer;
    let saved: Saved;
    let folder: string;
    const context = (): SourceContext => ({
      ...contextFor(),
      searchPath: programsOf(release),
      temporaryFolder: folder,
    });
    before(async () => {
      folder = mkdtempSync(join(tmpdir(), 'coffre-release-'));
      chmodSync(folder, 0o755);
      const strict = ['--gtid-mode=ON', '--enforce-gtid-consistency=ON', '--require-secure-transport=ON'];
      server = await startRelease(release, ...(isMysql ? strict : []));
      await server.run(...(isMysql ? everythingOfMysql(series) : everything));
      await server.run(
        'CREATE TABLE everything.floats (id int PRIMARY KEY, f float, g float)',
        'INSERT INTO everything.floats VALUES (1, 1.2345678, 16777215), (2, 0.1, -3.40282e38), (3, NULL, 0)',
        `CREATE USER saver@'127.0.0.1' IDENTIFIED BY '${password.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`,
        `GRANT SELECT, RELOAD, SHOW VIEW, TRIGGER, EVENT, REPLICATION CLIENT ON *.* TO saver@'127.0.0.1'`,
      );
    });
    after(async () => {
      await server?.[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true, force: true });
    });
    const bySaver = (): ReturnType<typeof settingsFor> =>
      settingsFor(server, {
        databases: ['everything'],
        address: addressOf({ host: '127.0.0.1', port: server.port, user: 'saver', password }),
      });
    const leftovers = async (): Promise<unknown[]> => {
      await using session = await server.connect();
      return await session.rows(
        "SELECT SCHEMA_NAME AS name FROM information_schema.SCHEMATA WHERE SCHEMA_NAME LIKE 'coffre%'",
      );
    };

    test('is saved by a user of few rights, and proved in a private server of its own kind', async () => {
      const { warnings } = await mysql.preflight(bySaver(), context(), undefined);
      assert.deepEqual(
        warnings.filter((line) => !line.includes('old_engine')),
        [],
      );
      saved = await save(bySaver(), context());
      assert.equal(saved.truth.lock, isMysql ? 'read lock' : 'backup stage');
      assert.match(saved.truth.position?.file ?? '', /^changes\.\d+$/);
      const all = await mysql.present(settingsFor(server, { databases: ['everything'] }), context());
      assert.deepEqual(mysql.differences(all, saved.truth), [], 'the user saw all that root sees');
      if (isMysql) assert.match(saved.truth.position?.gtid ?? '', /^[0-9a-f-]{36}:1-\d+$/);
      const { passed, differences, proved } = await mysql.verify(saved, context(), everyStep);
      assert.deepEqual(differences, []);
      assert.deepEqual(passed, ['archive', 'open', 'schema', 'row_counts']);
      assert.match(proved.join(), /loads into (?:MySQL (?:5\.7|8\.0|9\.)|MariaDB 11\.)/);
      assert.deepEqual(readdirSync(folder), []);
    });

    test('comes back under another name and in its own place, value for value', async () => {
      const target = { to: 'every thing', settings: settingsFor(server) };
      await load(saved, target, context());
      await server.run('DROP TABLE `every thing`.bytes', 'CREATE TABLE `every thing`.newer_one (x int)');
      await load(saved, { ...target, overwrite: true }, context());
      await using session = await server.connect();
      assert.deepEqual(await rowsOf(session, 'every thing'), await rowsOf(session, 'everything'));
      const now = await mysql.present(settingsFor(server, { databases: ['every thing'] }), context());
      const named = { ...now, databases: now.databases.map((one) => ({ ...one, name: 'everything' })) };
      assert.deepEqual(mysql.differences(saved.truth, named), []);
      await session.run('DELETE FROM `every thing`.zeros');
      await load(saved, { ...target, overwrite: true, only: ['zeros'] }, context());
      assert.deepEqual(await rowsOf(session, 'every thing'), await rowsOf(session, 'everything'));
      assert.deepEqual(await leftovers(), []);
    });

    test('a view of what is gone keeps nothing else from being saved, proved and loaded, and its text stays', async () => {
      await server.run(
        'CREATE DATABASE halves',
        'CREATE TABLE halves.here (id int PRIMARY KEY)',
        'CREATE TABLE halves.gone (id int PRIMARY KEY)',
        'INSERT INTO halves.here VALUES (1), (2)',
        'CREATE VIEW halves.`both` AS SELECT here.id FROM halves.here JOIN halves.gone USING (id)',
        'CREATE VIEW halves.fine AS SELECT id FROM halves.here',
        'DROP TABLE halves.gone',
      );
      const settings = settingsFor(server, { databases: ['halves'] });
      const { warnings } = await mysql.preflight(settings, context(), undefined);
      assert.deepEqual(
        warnings.map((line) => line.startsWith('the view halves.both is broken')),
        [true],
      );
      const kept = await save(settings, context());
      assert.deepEqual((await mysql.verify(kept, context(), everyStep)).differences, []);
      assert.deepEqual(mysql.differences(kept.truth, await mysql.present(settings, context())), []);
      const lines: string[] = [];
      const target = { to: 'halves again', settings: settingsFor(server) };
      await load(kept, target, { ...context(), warn: (line) => void lines.push(line) });
      assert.match(lines[0] ?? '', /"halves again"\.both.* was broken .* it showed: select .*gone/is);
      await using session = await server.connect();
      const found = await session.rows('SELECT (SELECT COUNT(*) FROM `halves again`.fine) AS rows_counted');
      assert.equal(Number(found[0]?.['rows_counted']), 2);
      await server.run('DROP DATABASE halves', 'DROP DATABASE `halves again`');
    });

    test('an unchanged database gives the same bytes', async () => {
      const again = await save(bySaver(), context());
      assert.deepEqual([...again.contents], [...saved.contents]);
    });

    test('a password is not sent over a bare network', { skip: onOneRelease(series) }, async () => {
      await server.run('SET GLOBAL require_secure_transport = OFF', 'FLUSH PRIVILEGES');
      const { address } = bySaver();
      const bare = { ...address, tls: 'off' as const };
      const path = join(folder, 'bare.sock');
      {
        await using relay = await openRelay(path, bare);
        const words = [
          '--no-defaults',
          '--protocol=socket',
          `--socket=${path}`,
          '-usaver',
          `-p${password}`,
          'everything',
        ];
        const child = spawn(join(programsOf(release), 'mysqldump'), words, { stdio: 'ignore' });
        await assert.rejects(relay.ready, /wants the password itself, and the connection is not encrypted/);
        if (child.exitCode === null) await once(child, 'exit');
      }
      // A session of ours has proved the password before, by a key of the server.
      const bareSaved = await save({ ...bySaver(), address: bare }, context());
      assert.deepEqual([...bareSaved.contents], [...saved.contents]);
      await server.run('SET GLOBAL require_secure_transport = ON');
    });

    test('all databases are of one moment, beside writers', async () => {
      await server.run(
        ...['bank_a', 'bank_b'].flatMap((name) => [
          `CREATE DATABASE ${name}`,
          `CREATE TABLE ${name}.t (id int PRIMARY KEY, balance int)`,
          `INSERT INTO ${name}.t VALUES (1, 500), (2, 500)`,
          `CREATE TABLE ${name}.moves (id int AUTO_INCREMENT PRIMARY KEY, x varchar(500))`,
        ]),
      );
      const stop = new AbortController();
      const write = async (): Promise<void> => {
        await using session = await server.connect();
        while (!stop.signal.aborted) {
          await session.run('BEGIN');
          await session.run('UPDATE bank_a.t SET balance = balance - 1 WHERE id = 1');
          await session.run("INSERT INTO bank_a.moves (x) VALUES (REPEAT('x', 400))");
          await session.run('UPDATE bank_b.t SET balance = balance + 1 WHERE id = 2');
          await session.run("INSERT INTO bank_b.moves (x) VALUES (REPEAT('y', 400))");
          await session.run('COMMIT');
        }
      };
      const writing = write();
      const both = await save(settingsFor(server, { databases: ['bank_a', 'bank_b'] }), context());
      stop.abort();
      await writing;
      await load(both, { to: 'bank_c', only: ['bank_a'], settings: settingsFor(server) }, context());
      await load(both, { to: 'bank_d', only: ['bank_b'], settings: settingsFor(server) }, context());
      await using session = await server.connect();
      const [sum] = await session.rows(
        `SELECT (SELECT SUM(balance) FROM bank_c.t) + (SELECT SUM(balance) FROM bank_d.t) AS whole,
         (SELECT COUNT(*) FROM bank_c.moves) AS one, (SELECT COUNT(*) FROM bank_d.moves) AS other`,
      );
      assert.deepEqual([Number(sum?.['whole']), sum?.['one']], [2000, sum?.['other']]);
    });

    test(
      'users come back with their passwords, rights and roles',
      { skip: !isMysql && 'load.test.ts has the users of MariaDB' },
      async () => {
        const hasRoles = series >= 800;
        await server.run(
          'CREATE DATABASE owned',
          "CREATE USER own@localhost IDENTIFIED BY 'secret'",
          'CREATE DEFINER=own@localhost VIEW owned.v AS SELECT 1 AS one',
          'GRANT SELECT, INSERT ON owned.* TO own@localhost WITH GRANT OPTION',
          ...(hasRoles ? ['CREATE ROLE boss', 'GRANT SELECT ON *.* TO boss', 'GRANT BACKUP_ADMIN ON *.* TO boss'] : []),
          ...(hasRoles ? ['GRANT boss TO own@localhost', 'SET DEFAULT ROLE boss TO own@localhost'] : []),
        );
        const owned = await save(settingsFor(server, { databases: ['owned'] }), context());
        const shown = async (): Promise<unknown> => {
          await using session = await server.connect();
          return [await session.rows('SHOW GRANTS FOR own@localhost')];
        };
        const earlier = await shown();
        await server.run('DROP USER own@localhost', ...(hasRoles ? ['DROP ROLE boss'] : []));
        const target = { to: 'owned again', settings: settingsFor(server) };
        await assert.rejects(load(owned, target, context()), /run as "own@localhost", not known there/);
        await load(owned, { ...target, createsOwners: true }, context());
        assert.deepEqual(await shown(), earlier);
        await using session = await openSession({ ...server.address, user: 'own', password: 'secret' });
        const [role] = hasRoles ? await session.rows('SELECT CURRENT_ROLE() AS role') : [];
        if (hasRoles) assert.equal(role?.['role'], '`boss`@`%`');
      },
    );

    test('names that break out of quotes stay as they are', { skip: onOneRelease(series) }, async () => {
      const names = hostileNames.filter((_, at) => at % 3 === 2);
      for (const name of names) {
        const [quoted, place] = [identifier(name), `${identifier(name)}.${identifier(name)}`];
        await server.run(
          `CREATE DATABASE ${quoted}`,
          `CREATE TABLE ${place} (${quoted} float PRIMARY KEY, x text)`,
          `INSERT INTO ${place} VALUES (1.2345678, 'x')`,
          `CREATE VIEW ${quoted}.${identifier(`view ${name}`)} AS SELECT * FROM ${place}`,
          `CREATE TRIGGER ${place} BEFORE INSERT ON ${place} FOR EACH ROW SET NEW.x = 'y'`,
          `CREATE PROCEDURE ${place} () SELECT 1`,
        );
      }
      const hostile = await save(settingsFor(server, { databases: names }), context());
      for (const name of names) {
        await load(hostile, { to: `copy ${name}`, only: [name], settings: settingsFor(server) }, context());
        await using session = await server.connect();
        assert.deepEqual(await rowsOf(session, `copy ${name}`), await rowsOf(session, name));
      }
    });

    test('a dump program that is killed leaves no snapshot and nothing behind', async () => {
      let killed = false;
      const kill = async (): Promise<void> => {
        if (killed) return;
        killed = true;
        for (const pid of dumpsOf(folder)) process.kill(pid, 'SIGKILL');
      };
      await assert.rejects(save(settingsFor(server), context(), kill), { code: 'SOURCE_COMMAND_FAILED' });
      assert.deepEqual(readdirSync(folder), []);
    });

    test(
      'a dump program of the other family or an older series is refused',
      { skip: !isMysql && 'it is about the programs of MySQL' },
      async () => {
        const tools = mkdtempSync(join(tmpdir(), 'coffre-tools-'));
        try {
          const other = release === 'mysql-5.7' ? undefined : skipWithoutServer('mysql-5.7', 'usr/bin/mysqldump');
          if (other === false) symlinkSync(join(programsOf('mysql-5.7'), 'mysqldump'), join(tools, 'mysqldump'));
          const without = { ...context(), searchPath: tools };
          const message = /no dump program for MySQL \d.* is installed(?:: .*mysqldump is of MySQL 5\.7\.\d+)?$/;
          await assert.rejects(mysql.preflight(bySaver(), without, undefined), (error: Error & { code?: string }) => {
            assert.equal(error.code, 'SOURCE_TOOL_MISSING');
            assert.match(error.message, message);
            return true;
          });
        } finally {
          rmSync(tools, { recursive: true, force: true });
        }
      },
    );
  });
}

/** Processes whose password file is in that folder. */
function dumpsOf(folder: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(`--defaults-file=${folder}`);
      } catch {
        return false;
      }
    });
}
