/** All databases at one moment beside writers, whom nobody holds up for long; by users of few rights, over TLS too. */
import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { readFacts } from '../../../packages/coffre/src/source/mysql/server-facts.ts';
import { underLock } from '../../../packages/coffre/src/source/mysql/lock.ts';
import { addressOf, readUrl } from '../../../packages/coffre/src/source/mysql/settings.ts';
import { makeCertificates } from '../certificates.ts';
import { startMariadb, type MariadbServer } from '../mariadb.ts';
import { skipWithoutService } from '../programs.ts';
import { contextFor, everyStep, load, mysql, save, settingsFor } from './scene.ts';

const accounts = 300;
const startBalance = 1000;

describe('one moment', { skip: skipWithoutService('mariadbd') }, () => {
  let server: MariadbServer;
  const folder = mkdtempSync(join(tmpdir(), 'coffre-moment-'));
  before(async () => {
    chmodSync(folder, 0o755);
    const { serverKeyFile } = makeCertificates(folder);
    const serverCertFile = join(folder, 'localhost.pem');
    writeFileSync(join(folder, 'localhost.ext'), 'subjectAltName=DNS:localhost\n');
    const signed = [
      '-CA',
      'root.pem',
      '-CAkey',
      'root.key',
      '-days',
      '2',
      '-extfile',
      'localhost.ext',
      '-out',
      serverCertFile,
    ];
    execFileSync('openssl', ['x509', '-req', '-in', 'server.csr', ...signed], { cwd: folder, stdio: 'ignore' });
    for (const name of readdirSync(folder)) chmodSync(join(folder, name), 0o644);
    server = await startMariadb(`--ssl-cert=${serverCertFile}`, `--ssl-key=${serverKeyFile}`);
    for (const bank of ['bank_a', 'bank_b']) {
      await server.run(
        `CREATE DATABASE ${bank}`,
        `USE ${bank}`,
        'CREATE TABLE accounts (id int PRIMARY KEY, balance int NOT NULL, note varchar(500))',
        `INSERT INTO accounts SELECT seq, ${startBalance}, REPEAT('x', 400) FROM seq_1_to_${accounts}`,
        'CREATE TABLE moves (id int PRIMARY KEY AUTO_INCREMENT, amount int, account int)',
      );
    }
  });
  after(async () => {
    await server?.[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  });

  test('money that moves between databases is in every dump exactly once, row for row', async () => {
    await using writers = await startWriters(server, 3);
    for (let round = 0; round < 4; round += 1) {
      const before = writers.moves();
      const saved = await save(settingsFor(server, { name: 'banks' }), contextFor());
      assert.equal(saved.truth.lock, 'backup stage');
      assert.ok(saved.truth.position !== null && /^changes\.\d+$/.test(saved.truth.position.file));
      const verification = round === 0 ? await mysql.verify(saved, contextFor(), everyStep) : undefined;
      assert.deepEqual(verification?.differences ?? [], []);
      for (const name of ['bank_a', 'bank_b']) {
        await load(saved, { to: `${name}_copy`, only: [name], overwrite: true, settings: settingsFor(server) });
      }
      await using session = await server.connect();
      const [sums] = await session.rows(
        `SELECT (SELECT SUM(balance) FROM bank_a_copy.accounts) + (SELECT SUM(balance) FROM bank_b_copy.accounts) AS total,
           (SELECT COUNT(*) FROM bank_a_copy.moves) AS a, (SELECT COUNT(*) FROM bank_b_copy.moves) AS b,
           (SELECT SUM(amount) FROM bank_a_copy.moves) AS a_sum, (SELECT SUM(amount) FROM bank_b_copy.moves) AS b_sum,
           (SELECT SUM(balance) FROM bank_a_copy.accounts) AS balance`,
      );
      assert.equal(Number(sums?.['total']), 2 * accounts * startBalance);
      assert.equal(sums?.['a'], sums?.['b']);
      assert.equal(sums?.['a_sum'], sums?.['b_sum']);
      assert.equal(Number(sums?.['balance']), accounts * startBalance - Number(sums?.['a_sum'] ?? 0));
      // Each row of an account is what the moves of the same moment make of it.
      for (const [bank, sign] of [
        ['bank_a_copy', '-'],
        ['bank_b_copy', '+'],
      ] as const) {
        const odd = await session.rows(
          `SELECT a.id FROM ${bank}.accounts a LEFT JOIN (SELECT account, COUNT(*) AS n FROM ${bank}.moves GROUP BY account) m
           ON m.account = a.id WHERE a.balance <> ${startBalance} ${sign} COALESCE(m.n, 0)`,
        );
        assert.deepEqual(odd, []);
      }
      const counted = saved.truth.databases.map(({ tables }) => tables.find(({ name }) => name === 'moves')?.rows);
      assert.deepEqual(counted, [sums?.['a'], sums?.['a']]);
      await session.run('DROP DATABASE bank_a_copy');
      await session.run('DROP DATABASE bank_b_copy');
      assert.ok(writers.moves() > before, 'they went on writing');
    }
  });

  test('an unchanged database is dumped to the same bytes', async () => {
    const [one, two] = [await save(settingsFor(server)), await save(settingsFor(server))];
    assert.deepEqual([...one.contents.keys()], [...two.contents.keys()]);
    for (const [path, bytes] of one.contents) assert.ok(bytes.equals(two.contents.get(path)!), path);
  });

  test('who may lock less locks less, and who may not lock at all is told what to grant', async () => {
    await server.run(
      "CREATE USER reader@localhost IDENTIFIED BY 'r'",
      'GRANT SELECT, SHOW VIEW, TRIGGER, EVENT ON *.* TO reader@localhost',
    );
    const { place } = server.address;
    const socket = 'socket' in place ? place.socket : '';
    const settings = settingsFor(server, { address: addressOf({ socket, user: 'reader', password: 'r' }) });
    await assert.rejects(save(settings), (error: Error & { hint?: string; code?: string }) => {
      assert.match(error.hint ?? '', /GRANT RELOAD/);
      return error.code === 'SOURCE_DENIED';
    });
    await server.run('GRANT LOCK TABLES ON *.* TO reader@localhost');
    const saved = await save(settings);
    assert.equal(saved.truth.lock, 'table locks');
    assert.equal(saved.truth.position, null);
    await server.run('GRANT RELOAD, BINLOG MONITOR ON *.* TO reader@localhost');
    const more = await save(settings);
    assert.equal(more.truth.lock, 'backup stage');
    assert.notEqual(more.truth.position, null);
    await server.run(
      "CREATE USER few@localhost IDENTIFIED BY 'f'",
      'GRANT SELECT, LOCK TABLES ON bank_a.* TO few@localhost',
    );
    const few = settingsFor(server, { address: addressOf({ socket, user: 'few', password: 'f' }) });
    const { warnings } = await mysql.preflight(few, contextFor(), undefined);
    assert.ok(warnings.some((line) => line.includes('users and their rights are not saved')));
    assert.ok(warnings.some((line) => line.includes('no right TRIGGER')));
    assert.ok(warnings.some((line) => line.includes('no right EVENT')));
    await server.run("ALTER USER few@localhost IDENTIFIED BY 'other'");
    await assert.rejects(save(few), { code: 'SOURCE_UNREACHABLE' });
  });

  test('a lock that cannot be had is not waited for without end', async () => {
    await using blocker = await server.connect();
    await blocker.run('LOCK TABLES bank_a.accounts WRITE');
    await using session = await server.connect();
    const facts = { ...(await readFacts(session)), number: 100_300 };
    const work = async (): Promise<void> => assert.fail('the lock is held by another');
    const patience = { waitS: 1, tries: 2, pauseMs: 10 };
    await assert.rejects(underLock(session, facts, [], contextFor(), work, patience), { code: 'SOURCE_BUSY' });
    await blocker.run('UNLOCK TABLES');
    await server.run('UPDATE bank_a.accounts SET note = 1 WHERE id = 1');
    const { kind } = await underLock(session, facts, [], contextFor(), async () => 1, patience);
    assert.equal(kind, 'read lock');
  });

  test('tables without transactions are warned of, and counted when nobody writes them', async () => {
    await server.run(
      'CREATE DATABASE loose',
      'CREATE TABLE loose.old (id int) ENGINE=MyISAM',
      'CREATE TABLE loose.aria (id int) ENGINE=Aria',
      'INSERT INTO loose.old VALUES (1), (2)',
    );
    const settings = settingsFor(server, { databases: ['loose', 'bank_a'] });
    const { warnings } = await mysql.preflight(settings, contextFor(), undefined);
    assert.match(warnings.join('\n'), /loose\.aria \(Aria\), loose\.old \(MyISAM\) cannot be read at one moment/);
    const rows = async (seen?: () => Promise<void>): Promise<unknown> =>
      (await save(settings, contextFor(), seen)).truth.databases
        .find(({ name }) => name === 'loose')
        ?.tables.map((table) => table.rows);
    assert.deepEqual(await rows(), [0, 2]);
    assert.deepEqual(await rows(async () => await server.run('INSERT INTO loose.aria VALUES (1)')), [null, 2]);
  });

  test('tables may be left out, with or without their definition', async () => {
    const settings = settingsFor(server, {
      databases: ['bank_a'],
      dumpArguments: ['--ignore-table=bank_a.moves', '--ignore-table-data=bank_a.accounts'],
    });
    const saved = await save(settings);
    assert.deepEqual(
      saved.truth.databases[0]?.tables.map(({ name, rows }) => [name, rows]),
      [['accounts', null]],
    );
    assert.deepEqual((await mysql.verify(saved, contextFor(), everyStep)).differences, []);
    await assert.rejects(save(settingsFor(server, { dumpArguments: ['--where=1=0'] })), { code: 'USAGE' });
  });

  test('everything goes over TLS where it is demanded, to the right server only', async () => {
    await server.run("CREATE USER secure@'%' IDENTIFIED BY 's' REQUIRE SSL", "GRANT ALL ON *.* TO secure@'%'");
    const over = (parts: object): ReturnType<typeof settingsFor> =>
      settingsFor(server, {
        databases: ['bank_a'],
        address: addressOf({ host: '127.0.0.1', port: server.port, user: 'secure', password: 's', ...parts }),
      });
    const caFile = join(folder, 'root.pem');
    for (const parts of [{}, { tls: 'require' }, { tls: 'verify', caFile, host: 'localhost' }]) {
      const saved = await save(over(parts));
      assert.equal(saved.truth.databases[0]?.tables[0]?.rows, accounts);
    }
    await assert.rejects(save(over({ tls: 'off' })), { code: 'SOURCE_UNREACHABLE' });
    await assert.rejects(save(over({ tls: 'verify', host: 'localhost' })), { code: 'SOURCE_UNREACHABLE' });
    await assert.rejects(save(over({ tls: 'verify', caFile, host: '127.1' })), { code: 'SOURCE_UNREACHABLE' });
    assert.throws(() => over({ tls: 'verify' }), { code: 'USAGE' });
    await using plain = await startMariadb('--skip-ssl');
    await plain.run('CREATE DATABASE d', "CREATE USER u@'%' IDENTIFIED BY ''", "GRANT ALL ON *.* TO u@'%'");
    const to = (tls: 'prefer' | 'require'): ReturnType<typeof settingsFor> =>
      settingsFor(plain, {
        databases: ['d'],
        address: addressOf({ host: '127.0.0.1', port: plain.port, user: 'u', tls }),
      });
    await save(to('prefer'));
    await assert.rejects(save(to('require')), { code: 'SOURCE_UNREACHABLE' });
  });

  test('who is logged in to the machine needs no password where the server takes its word', async () => {
    const own = userInfo().username;
    await using other = await startMariadb();
    const user = `\`${own}\`@localhost`;
    await other.run(
      'CREATE DATABASE d',
      `CREATE OR REPLACE USER ${user} IDENTIFIED VIA unix_socket`,
      `GRANT ALL ON *.* TO ${user}`,
    );
    const saved = await save(settingsFor(other, { address: addressOf({ socket: other.folder }) }));
    assert.deepEqual(
      saved.truth.databases.map(({ name }) => name),
      ['d'],
    );
  });

  test('a slow reader is waited for, longer than the server waits for others', async () => {
    await using impatient = await startMariadb(
      '--net-write-timeout=1',
      '--wait-timeout=1',
      '--idle-transaction-timeout=1',
    );
    for (const name of ['one', 'two']) {
      await impatient.run(
        `CREATE DATABASE ${name}`,
        `USE ${name}`,
        'CREATE TABLE t (id int PRIMARY KEY, x varchar(1000))',
        "INSERT INTO t SELECT seq, REPEAT('slow ', 150) FROM seq_1_to_10000",
      );
    }
    let slept = 0;
    const saved = await save(settingsFor(impatient), contextFor(), async () => {
      slept += 1;
      if (slept === 3) await pause(3500);
    });
    assert.deepEqual(
      saved.truth.databases.map(({ tables }) => tables[0]?.rows),
      [10_000, 10_000],
    );
  });

  test('a quick check says that it answers, and what is missing is an error', async () => {
    const { proved, passed } = await mysql.quickCheck(settingsFor(server), contextFor());
    assert.deepEqual(passed, ['open']);
    assert.match(proved.join(), /MariaDB 10\.11\.\d+.* answers/);
    await assert.rejects(mysql.quickCheck(settingsFor(server, { databases: ['nowhere'] }), contextFor()), {
      code: 'SOURCE_MISSING',
    });
    const none = { ...contextFor(), searchPath: '/nonexistent' };
    await assert.rejects(mysql.quickCheck(settingsFor(server), none), /no dump program for MariaDB/);
    assert.equal(readUrl('mysql://u:p%40ss@h:3307/d?tls=verify').address.password, 'p@ss');
  });
});

type Writers = AsyncDisposable & { moves(): number };

/** Each moves money from one database to the other, in transactions over both. */
async function startWriters(server: MariadbServer, count: number): Promise<Writers> {
  const stop = new AbortController();
  let moves = 0;
  const one = async (seed: number): Promise<void> => {
    await using session = await server.connect();
    for (let at = seed; !stop.signal.aborted; at += 7) {
      const [from, to] = [(at % accounts) + 1, ((at * 13) % accounts) + 1];
      try {
        for (const sql of [
          'BEGIN',
          `UPDATE bank_a.accounts SET balance = balance - 1, note = '${at}' WHERE id = ${from}`,
          `INSERT INTO bank_a.moves (amount, account) VALUES (1, ${from})`,
          `UPDATE bank_b.accounts SET balance = balance + 1 WHERE id = ${to}`,
          `INSERT INTO bank_b.moves (amount, account) VALUES (1, ${to})`,
          'COMMIT',
        ]) {
          await session.run(sql);
        }
        moves += 1;
      } catch {
        await session.run('ROLLBACK');
      }
    }
  };
  const all = Array.from({ length: count }, (_, seed) => one(seed));
  return {
    moves: () => moves,
    [Symbol.asyncDispose]: async () => {
      stop.abort();
      await Promise.all(all);
    },
  };
}
