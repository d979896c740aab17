/** MySQL and MariaDB as a source, against a real MariaDB: everything comes back, or nothing does. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { identifier } from '../../../packages/coffre/src/source/mysql/names.ts';
import { startMariadb, type MariadbServer } from '../mariadb.ts';
import { skipWithoutService } from '../programs.ts';
import { everything, hostileNames } from './contents.ts';
import { contextFor, everyStep, load, mysql, save, settingsFor, sumsOf } from './scene.ts';

describe('a MariaDB', { skip: skipWithoutService('mariadbd') }, () => {
  let server: MariadbServer;
  before(async () => {
    server = await startMariadb();
  });
  after(async () => await server?.[Symbol.asyncDispose]());

  test('is saved, proved in a private server, and loaded under another name', async () => {
    await server.run(
      'CREATE DATABASE first',
      'CREATE TABLE first.items (id int PRIMARY KEY AUTO_INCREMENT, label text, data blob)',
      "INSERT INTO first.items (label, data) SELECT CONCAT('label ', seq), UNHEX(SHA2(seq, 256)) FROM mysql.help_topic JOIN (SELECT 1 AS seq) s LIMIT 300",
      'CREATE VIEW first.labels AS SELECT label FROM first.items',
    );
    const saved = await save(settingsFor(server, { databases: ['first'] }));
    const verification = await mysql.verify(saved, contextFor(), everyStep);
    assert.deepEqual(verification.differences, []);
    assert.deepEqual(verification.passed, ['archive', 'open', 'schema', 'row_counts']);
    const place = await load(saved, { to: 'second', settings: settingsFor(server) });
    assert.match(place, /^second on /);
    await using session = await server.connect();
    assert.deepEqual(await sumsOf(session, 'second'), await sumsOf(session, 'first'));
    assert.equal((await session.rows('SELECT count(*) AS n FROM second.labels'))[0]?.['n'], 300);
    const [others] = await session.rows(
      "SELECT count(*) AS n FROM information_schema.SCHEMATA WHERE SCHEMA_NAME LIKE 'coffre%'",
    );
    assert.equal(others?.['n'], 0);
  });

  test('brings back every kind of column, row and object, byte for byte', async () => {
    await server.run(...everything);
    const saved = await save(settingsFor(server, { databases: ['everything'] }));
    const verification = await mysql.verify(saved, contextFor(), everyStep);
    assert.deepEqual(verification.differences, []);
    await load(saved, { to: 'everything again', settings: settingsFor(server) });
    await using session = await server.connect();
    assert.deepEqual(await sumsOf(session, 'everything again'), await sumsOf(session, 'everything'));
    const now = await mysql.present(settingsFor(server, { databases: ['everything'] }), contextFor());
    const again = await mysql.present(settingsFor(server, { databases: ['everything again'] }), contextFor());
    const renamed = { ...again, databases: again.databases.map((one) => ({ ...one, name: 'everything' })) };
    assert.deepEqual(mysql.differences(now, renamed), []);
    await session.run('INSERT INTO `everything again`.numbered (x) VALUES (NULL)');
    const [last] = await session.rows('SELECT MAX(id) AS id FROM `everything again`.numbered');
    const [other] = await session.rows('SELECT MAX(id) AS id FROM everything.numbered');
    assert.ok(Number(last?.['id']) > Number(other?.['id']), 'the default takes a number of its own sequence');
    const [history] = await session.rows('SELECT COUNT(*) AS n FROM `everything again`.history FOR SYSTEM_TIME ALL');
    assert.equal(history?.['n'], 4);
    await load(saved, { to: 'everything again', overwrite: true, settings: settingsFor(server) });
    assert.deepEqual(await sumsOf(session, 'everything again'), await sumsOf(session, 'everything'));
  });

  test('keeps hostile names of databases, tables, columns and users as they are', async () => {
    for (const name of hostileNames) {
      const database = identifier(name);
      await server.run(
        `CREATE DATABASE ${database}`,
        `CREATE TABLE ${database}.${identifier(name)} (${identifier(name)} int PRIMARY KEY, x text)`,
        `INSERT INTO ${database}.${identifier(name)} VALUES (1, 'x')`,
        `CREATE VIEW ${database}.${identifier(`view ${name}`)} AS SELECT * FROM ${database}.${identifier(name)}`,
        `CREATE USER ${identifier(name)}@'local%' IDENTIFIED BY 'x'`,
        `CREATE DEFINER=${identifier(name)}@'local%' TRIGGER ${database}.${identifier(name)} BEFORE INSERT
           ON ${database}.${identifier(name)} FOR EACH ROW SET NEW.x = 'y'`,
        `CREATE DEFINER=${identifier(name)}@'local%' PROCEDURE ${database}.${identifier(name)} () SELECT 1`,
      );
    }
    const saved = await save(settingsFor(server, { databases: hostileNames }));
    assert.equal(new Set(saved.truth.databases.map(({ stream }) => stream)).size, hostileNames.length);
    const verification = await mysql.verify(saved, contextFor(), everyStep);
    assert.deepEqual(verification.differences, []);
    for (const name of hostileNames) {
      await load(saved, { to: `copy ${name}`, only: [name], settings: settingsFor(server) });
    }
    await using session = await server.connect();
    for (const name of hostileNames) {
      assert.deepEqual(await sumsOf(session, `copy ${name}`), await sumsOf(session, name));
    }
    await load(saved, { overwrite: true, settings: settingsFor(server) });
  });
});
