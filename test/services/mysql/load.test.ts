/** Loading into a MariaDB: other names, other servers, single tables; whole or not at all, and never what a dump must not do. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { messageOf } from '@coffre/repository';
import { after, before, describe, test } from 'node:test';
import type { Session } from '../../../packages/coffre/src/source/mysql/session.ts';
import { startMariadb, type MariadbServer } from '../mariadb.ts';
import { startTcpProxy } from '../tcp-proxy.ts';
import { skipWithoutService } from '../programs.ts';
import { load, mysql, contextFor, save, settingsFor, sumsOf, withContent, type Saved } from './scene.ts';

describe('loading', { skip: skipWithoutService('mariadbd') }, () => {
  let server: MariadbServer;
  let session: Session;
  let saved: Saved;
  before(async () => {
    server = await startMariadb();
    session = await server.connect();
    await server.run(
      "CREATE USER app@localhost IDENTIFIED BY 'secret'",
      'GRANT SELECT, INSERT, TRIGGER ON *.* TO app@localhost',
      'CREATE DATABASE shop',
      'USE shop',
      'CREATE TABLE shop.parents (id int PRIMARY KEY, x int)',
      'CREATE TABLE shop.children (id int PRIMARY KEY, parent int, FOREIGN KEY (parent) REFERENCES shop.parents (id))',
      'CREATE TABLE shop.alone (id int PRIMARY KEY, x text)',
      'INSERT INTO shop.parents SELECT seq, seq FROM seq_1_to_500',
      'INSERT INTO shop.children SELECT seq, seq FROM seq_1_to_400',
      "INSERT INTO shop.alone SELECT seq, CONCAT('text ', seq) FROM seq_1_to_300",
      'CREATE DEFINER=app@localhost VIEW shop.seen AS SELECT COUNT(*) AS n FROM shop.children',
      'CREATE DEFINER=app@localhost TRIGGER shop.mark BEFORE INSERT ON shop.alone FOR EACH ROW SET NEW.x = COALESCE(NEW.x, 1)',
      'CREATE PROCEDURE shop.tell() SELECT 1',
      "CREATE EVENT shop.often ON SCHEDULE EVERY 1 HOUR STARTS '2031-01-01 00:00:00' DO DELETE FROM parents WHERE id < 0",
    );
    saved = await save(settingsFor(server, { databases: ['shop'] }));
  });
  after(async () => {
    session?.destroy();
    await server?.[Symbol.asyncDispose]();
  });

  const settings = (): ReturnType<typeof settingsFor> => settingsFor(server);
  const leftovers = async (): Promise<string[]> =>
    (
      await session.rows("SELECT SCHEMA_NAME AS name FROM information_schema.SCHEMATA WHERE SCHEMA_NAME LIKE 'coffre%'")
    ).map(({ name }) => String(name));
  const programs = async (database: string): Promise<unknown> =>
    (await mysql.present(settingsFor(server, { databases: [database] }), contextFor())).databases[0]?.objects;

  test('nothing that is there is overwritten unless it is said', async () => {
    await assert.rejects(load(saved, { settings: settings() }), { code: 'SOURCE_TARGET_REFUSED' });
    await session.run('UPDATE shop.alone SET x = NULL');
    await session.run('CREATE TABLE shop.newer (id int)');
    await session.run('DROP EVENT shop.often');
    await load(saved, { settings: settings(), overwrite: true });
    const again = await mysql.present(settingsFor(server, { databases: ['shop'] }), contextFor());
    assert.deepEqual(mysql.differences(saved.truth, again), []);
    assert.deepEqual(await leftovers(), []);
  });

  test('a single table comes back beside the others, with its triggers', async () => {
    const before = await programs('shop');
    await session.run('DELETE FROM shop.alone');
    await assert.rejects(load(saved, { settings: settings(), only: ['alone'] }), { code: 'SOURCE_TARGET_REFUSED' });
    await load(saved, { settings: settings(), only: ['alone'], overwrite: true });
    assert.equal((await session.rows('SELECT COUNT(*) AS n FROM shop.alone'))[0]?.['n'], 300);
    assert.deepEqual(await programs('shop'), before);
    await load(saved, { to: 'one table', settings: settings(), only: ['shop.alone'] });
    assert.deepEqual(Object.keys(await sumsOf(session, 'one table')), ['alone']);
    await assert.rejects(load(saved, { settings: settings(), only: ['nowhere'] }), { code: 'PATH_NOT_IN_SNAPSHOT' });
  });

  test('a table that others refer to is not replaced alone', async () => {
    const sums = await sumsOf(session, 'shop');
    await assert.rejects(
      load(saved, { settings: settings(), only: ['parents'], overwrite: true }),
      /refers to shop.parents/,
    );
    assert.deepEqual(await sumsOf(session, 'shop'), sums);
  });

  test('who owns views and triggers is looked for first; they may go to whoever loads, or be made', async () => {
    await using other = await startMariadb();
    const target = { to: 'mysql:///copy?socket=' + encodeURIComponent(socketOf(other)), settings: undefined };
    const asRoot = { ...target, settings: settingsFor(other) };
    await assert.rejects(load(saved, asRoot), /run as "app@localhost", not known there/);
    await using there = await other.connect();
    const [none] = await there.rows("SELECT COUNT(*) AS n FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = 'copy'");
    assert.equal(none?.['n'], 0);
    await load(saved, { ...asRoot, withoutOwners: true });
    const [view] = await there.rows(
      "SELECT DEFINER AS definer FROM information_schema.VIEWS WHERE TABLE_SCHEMA = 'copy'",
    );
    assert.equal(view?.['definer'], 'root@localhost');
    await load(saved, { ...asRoot, to: `${target.to}&definer=current`, overwrite: true });
    await load(saved, { ...asRoot, overwrite: true, createsOwners: true });
    const [made] = await there.rows('SHOW CREATE VIEW copy.seen');
    assert.match(String(made?.['Create View']), /DEFINER=`app`@`localhost`/);
    const grants = await there.rows('SHOW GRANTS FOR app@localhost');
    assert.match(JSON.stringify(grants), /SELECT, INSERT, TRIGGER ON \*\.\*/);
  });

  test('user and password may stand in an option file, so that they are in no address', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'coffre-login-'));
    try {
      const path = join(folder, 'login.cnf');
      writeFileSync(path, '[client]\nuser = loader\npassword = "l#\\\\d"\n', { mode: 0o600 });
      await server.run("CREATE USER loader@localhost IDENTIFIED BY 'l#\\\\d'", 'GRANT ALL ON *.* TO loader@localhost');
      const to = `mysql:///logged_in?socket=${encodeURIComponent(socketOf(server))}&login=${encodeURIComponent(path)}`;
      assert.match(await load(saved, { to }), /^logged_in on loader@/);
      assert.deepEqual(await sumsOf(session, 'logged_in'), await sumsOf(session, 'shop'));
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  test('a database that is gone or empty since the last backup is named before the next', async () => {
    await server.run('CREATE DATABASE emptied', 'CREATE TABLE emptied.t (id int)', 'CREATE DATABASE dropped');
    const settings = settingsFor(server, { excludeDatabases: ['logged_in'] });
    const { truth } = await save(settings);
    await server.run('DROP TABLE emptied.t', 'DROP DATABASE dropped');
    const { warnings } = await mysql.preflight(settings, contextFor(), truth);
    assert.ok(warnings.includes('all tables of emptied are gone since the last backup'));
    assert.ok(warnings.includes('the database dropped of the last backup is not there any more'));
  });

  test('a load that fails anywhere leaves the target as it was', async () => {
    const [sums, before] = [await sumsOf(session, 'shop'), await programs('shop')];
    const path = saved.truth.databases[0]!.stream;
    const whole = saved.contents.get(path)!;
    const text = whole.toString();
    const broken: readonly string[] = [
      text.slice(0, text.length / 2),
      text.replace('-- Dump completed', ''),
      text.replace("(1,'text 1')", "(1,'text 1'),(1,'twice')"),
      text.replace("(1,'text 1'),\n", ''),
      text.replace('INSERT INTO `parents`', 'UPDATE `parents` SET x=1;\nINSERT INTO `parents`'),
      text.replace('INSERT INTO `parents`', 'INSERT INTO `shop`.`parents`'),
      text.replace('INSERT INTO `parents`', '\\! touch pwned\nINSERT INTO `parents`'),
      text.replace('`id` int(11) NOT NULL', '`id` bigint(11) NOT NULL'),
    ];
    for (const content of broken) {
      assert.notEqual(content, text);
      const other = withContent(saved, path, Buffer.from(content));
      await assert.rejects(load(other, { settings: settings(), overwrite: true }), /./, content.slice(0, 200));
      await assert.rejects(load(other, { settings: settings(), to: 'never' }));
    }
    // Only what cannot be proved aside: the event fails where everything else is in place already.
    const badEvent = Buffer.from(text.replace('DELETE FROM parents WHERE id < 0', 'DELETE FROM WHERE'));
    assert.notDeepEqual(badEvent, whole);
    await assert.rejects(
      load(withContent(saved, path, badEvent), { settings: settings(), overwrite: true }),
      /often|event/i,
    );
    await assert.rejects(load(withContent(saved, path, badEvent), { settings: settings(), to: 'never' }));
    assert.deepEqual(await sumsOf(session, 'shop'), sums);
    assert.deepEqual(await programs('shop'), before);
    const [never] = await session.rows(
      "SELECT COUNT(*) AS n FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = 'never'",
    );
    assert.equal(never?.['n'], 0);
    assert.deepEqual(await leftovers(), []);
  });

  test('a network that breaks anywhere in a load leaves the old or the new, whole', async () => {
    await server.run("CREATE USER net@'127.0.0.1' IDENTIFIED BY 'n'", "GRANT ALL ON *.* TO net@'127.0.0.1'");
    const state = async (): Promise<string> =>
      JSON.stringify([await sumsOf(session, 'target'), await programs('target')]);
    const renew = async (): Promise<string> => {
      await load(saved, { settings: settings(), to: 'target', overwrite: true });
      await session.run('UPDATE target.alone SET x = 1');
      await session.run('DROP TRIGGER target.mark');
      await session.run('CREATE TRIGGER target.own AFTER INSERT ON target.alone FOR EACH ROW SET @x = 1');
      return await state();
    };
    const old = await renew();
    const ends = { old: 0, loaded: 0 };
    for (let bytes = 500; ends.loaded === 0; bytes += 700) {
      await using proxy = await startTcpProxy(server.port);
      proxy.cutAfter(bytes);
      const to = `mysql://net:n@127.0.0.1:${proxy.port}/target?tls=off`;
      const failure = await load(saved, { to, overwrite: true }).then(
        () => undefined,
        (error: unknown) => error,
      );
      if (failure === undefined) {
        ends.loaded += 1;
        assert.notEqual(await state(), old);
      } else {
        ends.old += 1;
        assert.equal(await state(), old, `cut after ${bytes} bytes: ${messageOf(failure)}`);
      }
      // Every connection is cut after so many bytes, also the one that cleans up.
      if (bytes > 4000) assert.deepEqual(await leftovers(), [], `cut after ${bytes} bytes`);
      for (const name of await leftovers()) await session.run(`DROP DATABASE ${name}`);
    }
    assert.ok(ends.old > 12, JSON.stringify(ends));
  });

  test('a connection that is lost while tables change places leaves everything as it was', async () => {
    for (const waitsAt of ['DROP TRIGGER', 'RENAME TABLE']) {
      await load(saved, { settings: settings(), to: 'killed', overwrite: true });
      await session.run('UPDATE killed.alone SET x = 1');
      if (waitsAt === 'RENAME TABLE') await session.run('DROP TRIGGER killed.mark');
      const before = JSON.stringify([await sumsOf(session, 'killed'), await programs('killed')]);
      await using user = await server.connect();
      await user.run('BEGIN');
      await user.run('SELECT * FROM killed.alone');
      const loading = load(saved, { settings: settings(), to: 'killed', overwrite: true });
      const failure = assert.rejects(loading, { code: 'SOURCE_UNREACHABLE' });
      let waiting: number | undefined;
      while (waiting === undefined) {
        const [row] = await session.rows(
          `SELECT ID AS id FROM information_schema.PROCESSLIST WHERE STATE LIKE 'Waiting for table metadata%' AND INFO LIKE '${waitsAt}%'`,
        );
        waiting = row === undefined ? undefined : Number(row['id']);
      }
      await session.run(`KILL CONNECTION ${waiting}`);
      await user.run('COMMIT');
      await failure;
      assert.equal(JSON.stringify([await sumsOf(session, 'killed'), await programs('killed')]), before, waitsAt);
      assert.deepEqual(await leftovers(), []);
    }
  });

  test('what a killed load left is removed by the next one, and never what another load still needs', async () => {
    await session.run('CREATE DATABASE coffre_load_0123456789ab');
    await session.run('CREATE DATABASE coffre_load_needed');
    await using other = await server.connect();
    await other.run("DO GET_LOCK('coffre_load_aaaaaaaaaaaa', 0)");
    await other.run('CREATE DATABASE coffre_load_aaaaaaaaaaaa');
    await load(saved, { settings: settings(), to: 'swept' });
    assert.deepEqual((await leftovers()).toSorted(), ['coffre_load_aaaaaaaaaaaa', 'coffre_load_needed']);
    for (const name of await leftovers()) await session.run(`DROP DATABASE ${name}`);
  });

  test('a target in use is not replaced, and nobody waits for long', async () => {
    await using user = await server.connect();
    await user.run('BEGIN');
    await user.run('SELECT * FROM shop.alone');
    const before = await programs('shop');
    await assert.rejects(load(saved, { settings: settings(), only: ['alone'], overwrite: true }), {
      code: 'SOURCE_BUSY',
    });
    await user.run('COMMIT');
    assert.deepEqual(await programs('shop'), before);
    assert.deepEqual(await leftovers(), []);
  });
});

function socketOf({ address }: MariadbServer): string {
  return 'socket' in address.place ? address.place.socket : '';
}
