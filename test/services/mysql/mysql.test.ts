/** MySQL and MariaDB as a source, against a real MariaDB: everything comes back, or nothing does. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { startMariadb, type MariadbServer } from '../mariadb.ts';
import { skipWithoutService } from '../programs.ts';
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
});
