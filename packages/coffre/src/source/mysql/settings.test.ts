import assert from 'node:assert/strict';
import { test } from 'node:test';
import { planLoad } from './load-target.ts';
import { compareTruths, type DatabaseTruth, type MysqlTruth } from './mysql-truth.ts';
import { fileNameOf } from './names.ts';
import { readOptionGroup } from './option-file.ts';
import { addressOf, readDumpArguments, readUrl, showAddress } from './settings.ts';

const hash = (digit: string): string => digit.repeat(64);

const database = (name: string, ...tables: readonly string[]): DatabaseTruth => ({
  name,
  stream: `/sources/x/databases/${name}.sql`,
  charset: 'utf8mb4',
  collation: 'utf8mb4_general_ci',
  tables: tables.map((table) => ({
    name: table,
    engine: 'InnoDB',
    rows: 3,
    sha256: hash('a'),
    columnsSha256: hash('b'),
  })),
  objects: [{ kind: 'view', name: 'v', sha256: hash('c') }],
  definers: [],
  brokenViews: [],
});

const truth = (...databases: readonly DatabaseTruth[]): MysqlTruth => ({
  family: 'mariadb',
  version: '10.11.19-MariaDB',
  dumpedBy: '',
  lock: 'backup stage',
  lockedMs: 1,
  position: null,
  usersStream: null,
  databases: [...databases],
});

test('an address is understood as the clients of the engine understand it', () => {
  assert.deepEqual(addressOf({}).place, { socket: '/run/mysqld/mysqld.sock' });
  assert.deepEqual(addressOf({ host: 'localhost' }).place, { socket: '/run/mysqld/mysqld.sock' });
  assert.deepEqual(addressOf({ host: 'localhost', port: 3307 }).place, { host: 'localhost', port: 3307 });
  assert.deepEqual(addressOf({ port: 3307 }).place, { host: '127.0.0.1', port: 3307 });
  assert.deepEqual(addressOf({ socket: '/srv/db' }).place, { socket: '/srv/db/mysqld.sock' });
  const {
    address,
    database: name,
    definer,
  } = readUrl('mariadb://a%40b:p%3A%2F@db.example:3307/my%20shop?tls=verify&definer=current');
  assert.deepEqual(address.place, { host: 'db.example', port: 3307 });
  assert.deepEqual([address.user, address.password, name, definer], ['a@b', 'p:/', 'my shop', 'current']);
  assert.equal(showAddress(address), 'a@b@db.example:3307');
  assert.deepEqual(readUrl('mysql://root@/x?socket=%2Ftmp%2Fs.sock').address.place, { socket: '/tmp/s.sock' });
  for (const bad of ['postgres://x', 'mysql://h/d?sll=1', 'mysql://h/d?tls=maybe', 'mysql://h:x/d', 'shop']) {
    assert.throws(() => readUrl(bad), { code: 'USAGE' }, bad);
  }
});

test('groups of option files are read with their quotes, escapes and comments', () => {
  const text =
    '[client]\nuser=other\n[backup]\n# no\nuser = "b#ckup"\npassword=a\\\\b\\sc # end\nssl-verify-server-cert\nport=3307\n';
  const parts = readOptionGroup(text, 'backup');
  assert.deepEqual([parts?.user, parts?.password, parts?.tls, parts?.port], ['b#ckup', 'a\\b c', 'verify', 3307]);
  assert.equal(readOptionGroup(text, 'nowhere'), undefined);
});

test('the dump program gets no options but those that leave tables out', () => {
  const { tables, rows } = readDumpArguments(['--ignore-table=a.b', '--ignore-table-data=a.c d']);
  assert.deepEqual([[...tables], [...rows]], [['a.b'], ['a.c d']]);
  for (const bad of ['--where=1', '--result-file=/etc/passwd', '-T/tmp', 'shop', '--ignore-table=b', '--tab=/x']) {
    assert.throws(() => readDumpArguments([bad]), { code: 'USAGE' }, bad);
  }
});

test('what to load is a database, a table of the only one, or both with a point', () => {
  const settings = { name: 'x', address: addressOf({}), databases: [], excludeDatabases: [], dumpArguments: [] };
  const target = { overwrite: false, settings, to: undefined };
  const two = truth(database('a', 't', 'b.c'), database('a.b', 'c'));
  assert.deepEqual(
    planLoad(two, { ...target, only: ['a.t'] }).databases.map(({ to, tables }) => [to, [...(tables ?? [])]]),
    [['a', ['t']]],
  );
  assert.throws(() => planLoad(two, { ...target, only: ['a.b.c'] }), /several tables/);
  assert.throws(() => planLoad(two, { ...target, only: ['t'] }), { code: 'PATH_NOT_IN_SNAPSHOT' });
  assert.throws(() => planLoad(two, { ...target, only: [], to: 'one' }), { code: 'USAGE' });
  assert.deepEqual(planLoad(truth(database('a', 't')), { ...target, only: ['t'], to: 'z' }).databases[0]?.to, 'z');
  assert.throws(() => planLoad(two, { ...target, only: [], settings: undefined }), { code: 'USAGE' });
});

test('servers of another series are compared by columns, since they write definitions in other words', () => {
  const now = database('a', 't');
  const other = { ...now, tables: now.tables.map((table) => ({ ...table, sha256: hash('d') })) };
  assert.deepEqual(compareTruths(truth(now), { ...truth(other), version: '11.4.2-MariaDB' }), []);
  assert.deepEqual(compareTruths(truth(now), truth(other)), ['table a.t is made differently']);
  const less = {
    ...other,
    tables: other.tables.map((table) => ({ ...table, columnsSha256: hash('e'), rows: 2 })),
    objects: [],
  };
  assert.deepEqual(compareTruths(truth(now), { ...truth(less), version: '11.4.2-MariaDB' }), [
    'table a.t is made differently',
    'view a.v is missing',
    'table a.t has 2 rows instead of 3',
  ]);
});

test('names of databases become names of files, each its own', () => {
  assert.equal(fileNameOf('my shop'), 'my shop.sql');
  assert.equal(fileNameOf('../up'), '..%2Fup.sql');
  assert.equal(fileNameOf('..%2Fup'), '..%252Fup.sql');
  assert.equal(fileNameOf('a\nb'), 'a%0Ab.sql');
});
