import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addressUrl } from './address-url.ts';
import { databaseWord, fileNameOf, literal, showName } from './names.ts';
import { readService } from './service-file.ts';
import { addressOf, checkDumpArguments, readUrl, showAddress, withPassword } from './settings.ts';

test('addresses are read as libpq reads them, and never shown with a password', () => {
  const { address, database } = readUrl('postgresql://ann:p%40ss@[::1]:6543/my%20shop?sslmode=verify-full');
  assert.deepEqual(address, {
    host: '::1',
    port: 6543,
    user: 'ann',
    password: 'p@ss',
    tls: 'verify',
    caFile: undefined,
  });
  assert.equal(database, 'my shop');
  assert.equal(showAddress(address), 'ann@::1:6543');
  assert.equal(addressUrl(address, 'a/b'), 'postgres://ann@[::1]:6543/a%2Fb?sslmode=verify-full');
  assert.equal(readUrl('postgres://ann@/shop?host=%2Frun%2Fpg').address.host, '/run/pg');
  assert.equal(readUrl('postgres:///shop?host=/run/pg&port=7').address.port, 7);
  assert.deepEqual(readUrl(addressUrl(addressOf({ socket: '/a b/.s.PGSQL.99', user: "x'y" }), 'ü')), {
    address: addressOf({ host: '/a b', port: 99, user: "x'y" }),
    database: 'ü',
  });
  for (const text of ['mysql://x/y', 'postgres://h:port/x', 'shop', 'postgres://h/x?sslmode=maybe']) {
    assert.throws(() => readUrl(text), { code: 'USAGE' }, text);
  }
});

test('a password of the environment is for addresses without one only', () => {
  assert.equal(readUrl(withPassword('postgres://ann@h/x?sslmode=require', 'p&w')).address.password, 'p&w');
  assert.equal(readUrl(withPassword('postgres://ann:own@h/x', 'other')).address.password, 'own');
  assert.equal(withPassword('shop', 'secret'), 'shop');
});

test('an entry of pg_service.conf gives what it says', () => {
  const text = '# c\n[other]\nhost=x\n[shop]\nhost = db1\nport=5433\nuser=ann\ndbname=shop\nsslmode=require\n';
  const { parts, database } = readService(text, 'shop');
  assert.deepEqual([parts.host, parts.port, parts.user, parts.tls, database], ['db1', 5433, 'ann', 'require', 'shop']);
  assert.throws(() => readService(text, 'none'), { code: 'SOURCE_MISSING' });
});

test('arguments of pg_dump choose what is saved and nothing else', () => {
  checkDumpArguments(['--exclude-table-data=log*', '-N', 'inner', '-Tx', '--no-comments']);
  for (const word of [
    '-f',
    '--file=x',
    '-Fp',
    '--format=p',
    '-Z9',
    '--snapshot=1',
    '-hx',
    '--dbname=x',
    '--fil=x',
    '-j4',
  ]) {
    assert.throws(() => checkDumpArguments([word]), { code: 'USAGE' }, word);
  }
});

test('names and texts stay what they are in SQL, connection strings and file names', () => {
  assert.equal(literal("it's"), "'it''s'");
  assert.equal(literal('a\\b'), " E'a\\\\b'");
  assert.equal(showName('public', 'Orders "x"'), 'public."Orders ""x"""');
  assert.equal(databaseWord("a'b\\c=d"), "dbname='a\\'b\\\\c=d'");
  const names = ['a/b', 'a%2Fb', 'a\nb', '..', 'ü'].map(fileNameOf);
  assert.equal(new Set(names).size, names.length);
  assert.ok(names.every((name) => !/[/\n]/.test(name)));
});
