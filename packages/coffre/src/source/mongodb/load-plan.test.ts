import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isCoffreError } from '@coffre/repository';
import { placeOf, planFor, planLoad } from './load-plan.ts';
import type { CollectionTruth } from './mongodb-truth.ts';

function collection(name: string, type: CollectionTruth['type'] = 'collection'): CollectionTruth {
  const dot = name.indexOf('.');
  const [database, rest] = [name.slice(0, dot), name.slice(dot + 1)];
  return { database, collection: rest, type, documents: 1, options: {}, indexes: [] };
}

const one = [collection('shop.a'), collection('shop.b')];
const two = [...one, collection('crm.a'), collection('crm.c.d')];
const isUsage = (error: unknown): boolean => isCoffreError(error, 'USAGE');

function finals(collections: readonly CollectionTruth[], only: readonly string[] = []): string[] {
  const { steps } = planLoad(collections, { databaseOf: (name) => name, only, token: 't' });
  return steps.map(({ final }) => `${final.database}.${final.collection}`);
}

test('a name is of the one database, a star stands for each old name, an address may have either', () => {
  const settings = { host: 'h' };
  const databaseOf = (to: string | undefined, collections: CollectionTruth[], name = 'shop'): string =>
    placeOf(to, settings, { collections }).databaseOf(name);
  assert.equal(databaseOf(undefined, two), 'shop');
  assert.equal(databaseOf('copy', one), 'copy');
  assert.equal(databaseOf('old_*', two, 'crm'), 'old_crm');
  assert.equal(databaseOf('$&*', one), '$&shop');
  assert.equal(databaseOf('mongodb://other/', two), 'shop');
  assert.equal(databaseOf('mongodb://other/copy', one), 'copy');
  assert.throws(() => databaseOf('copy', two), isUsage);
  assert.throws(() => placeOf('copy', undefined, { collections: one }), isUsage);
  assert.equal(placeOf('mongodb://other/', settings, { collections: one }).connection.shown, 'mongodb://other');
});

test('only what was asked for is loaded, and what is not clear is refused', () => {
  assert.deepEqual(finals(two), ['shop.a', 'shop.b', 'crm.a', 'crm.c.d']);
  assert.deepEqual(finals(two, ['b', 'c.d', 'shop.b']), ['shop.b', 'crm.c.d']);
  assert.deepEqual(finals(two, ['shop.a']), ['shop.a']);
  assert.deepEqual(finals(two, ['crm']), ['crm.a', 'crm.c.d']);
  assert.throws(() => finals(two, ['a']), isUsage);
  assert.throws(() => finals(two, ['nothing']), isUsage);
});

test('what belongs to the server is not loaded among the data', () => {
  const server = ['admin.system.users', 'config.settings', 'local.x', 'shop.$admin.system.users'].map((name) =>
    collection(name),
  );
  assert.deepEqual(finals([...server, ...one, collection('admin.mine')]), ['shop.a', 'shop.b', 'admin.mine']);
});

test('data is loaded under a temporary name, but not what cannot be renamed', () => {
  const odd = [
    collection('s.v', 'view'),
    collection('s.t', 'timeseries'),
    collection('s.system.js'),
    collection('s.a.b'),
  ];
  const plan = planLoad(odd, { databaseOf: (name) => name, only: [], token: 't' });
  const temporary = (steps: typeof plan.steps): (string | undefined)[] =>
    steps.map((step) => step.temporary?.collection);
  assert.deepEqual(temporary(plan.steps), [undefined, undefined, undefined, 'coffre_load_t_3']);
  assert.deepEqual(temporary(planFor('ferretdb', plan).steps), [undefined, undefined, undefined, undefined]);
  assert.deepEqual(planFor('mongod', plan), plan);
});
