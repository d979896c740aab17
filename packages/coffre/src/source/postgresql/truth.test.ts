import assert from 'node:assert/strict';
import { test } from 'node:test';
import { destinationOf } from './load-target.ts';
import { differencesOf, type DatabaseTruth, type PostgresTruth } from './truth.ts';

type Table = DatabaseTruth['relations'][number];

function table(name: string, more: Partial<Table> = {}): Table {
  return { kind: 'table', schema: 'public', name, columns: 'c', definition: 'd', rows: 5, contentSum: null, ...more };
}

function truth(...databases: (Partial<DatabaseTruth> & { name: string })[]): PostgresTruth {
  const usual = {
    path: '/x',
    format: 'custom' as const,
    serverMajor: 15,
    sizeBytes: 1,
    owner: 'ann',
    encoding: 'UTF8',
    collate: 'C',
    ctype: 'C',
    localeProvider: 'libc' as const,
    locale: null,
    settings: [],
    roleSettings: [],
    rights: null,
    comment: null,
    connectionLimit: -1,
    extensions: {},
    roles: [],
    largeObjects: 0,
    relations: [table('orders')],
    objects: [],
    sequences: [],
  };
  return {
    server: { version: '15.1', isReplica: false, isEncrypted: false },
    toolVersion: '15.1',
    globals: null,
    isPart: false,
    databases: databases.map((one) => ({ ...usual, ...one })),
  };
}

test('what differs is said in the words of a person', () => {
  const before = truth({
    name: 'shop',
    relations: [table('a'), table('b'), table('c'), table('gone'), table('sum', { contentSum: '1' })],
    extensions: { pg_trgm: '1.6' },
    sequences: [{ name: 'public.s', value: '4' }],
    objects: [{ kind: 'function', schema: 'public', name: 'f()', definition: 'x' }],
  });
  const after = truth({
    name: 'shop',
    relations: [
      table('a', { rows: 4 }),
      table('b', { columns: 'other' }),
      table('c', { definition: 'other' }),
      table('sum', { contentSum: '2' }),
      table('new'),
    ],
    sequences: [{ name: 'public.s', value: '9' }],
    largeObjects: 2,
  });
  assert.deepEqual(differencesOf(before, after), [
    'extension pg_trgm is missing',
    'table public.b has other columns',
    'table public.c is defined otherwise',
    'table public.gone is missing',
    'function public."f()" is missing',
    'table public.new was not there',
    'table public.a has 4 rows instead of 5',
    'table public.sum has as many rows, and not the same',
    'sequence public.s is at 9 instead of 4',
    'there are 2 large objects instead of 0',
  ]);
  assert.deepEqual(differencesOf(before, before), []);
});

test('definitions are compared between servers of one version only', () => {
  const before = truth({ name: 'shop' });
  const after = truth({
    name: 'shop',
    serverMajor: 18,
    relations: [table('orders', { definition: 'as 18 renders it' })],
  });
  assert.deepEqual(differencesOf(before, after), []);
});

test('of a part nothing more is promised than the part', () => {
  const before = { ...truth({ name: 'shop' }), isPart: true };
  const after = truth({ name: 'shop', relations: [table('orders'), table('more')] });
  assert.deepEqual(differencesOf(before, after), []);
});

test('tables and databases are chosen by the words that people use', () => {
  const saved = truth(
    { name: 'shop', relations: [table('orders'), table('log'), table('log', { schema: 'old' })] },
    { name: 'blog', relations: [table('posts')] },
  );
  const chosen = (only: readonly string[], to?: string): unknown =>
    destinationOf(saved, { to: to ?? 'postgres://h/', only, settings: undefined }).chosen.map(
      ({ database, name, tables }) => [database.name, name, tables.map((one) => `${one.schema}.${one.name}`)],
    );
  assert.deepEqual(chosen([]), [
    ['shop', 'shop', []],
    ['blog', 'blog', []],
  ]);
  assert.deepEqual(chosen(['blog'], 'postgres://h/other'), [['blog', 'other', []]]);
  assert.deepEqual(chosen(['orders', 'old.log']), [['shop', 'shop', ['public.orders', 'old.log']]]);
  assert.deepEqual(chosen(['shop', 'orders']), [['shop', 'shop', []]]);
  assert.deepEqual(chosen(['shop.public.log']), [['shop', 'shop', ['public.log']]]);
  assert.throws(() => chosen(['log']), { code: 'USAGE', message: /several tables/ });
  assert.throws(() => chosen(['nothing']), { code: 'PATH_NOT_IN_SNAPSHOT' });
  assert.throws(() => chosen([], 'postgres://h/one'), { code: 'USAGE', message: /2 databases cannot all become/ });
  assert.throws(() => chosen(['blog'], '/srv/blog'), { code: 'USAGE', message: /is a path/ });
  assert.throws(() => destinationOf(saved, { to: undefined, only: [], settings: undefined }), { code: 'USAGE' });
});
