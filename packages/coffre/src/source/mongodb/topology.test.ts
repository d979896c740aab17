import assert from 'node:assert/strict';
import { test } from 'node:test';
import { archiveNameOf, chooseDatabases, factsOf, type Answers } from './topology.ts';

const member: Answers = {
  hello: { setName: 'rs0', hosts: ['a:1'] },
  buildInfo: { version: '7.0.5' },
  replicaSetConfig: { config: { _id: 'rs0' } },
  shardingState: { enabled: false },
  hasReadableOplog: true,
  accounts: 'something',
};

function whyNot(change: Partial<Answers>): string | undefined {
  const { oplog } = factsOf({ ...member, ...change });
  return oplog.usable ? undefined : oplog.why;
}

test('the oplog is taken of a replica set that stands alone, and of nothing else', () => {
  assert.equal(whyNot({}), undefined);
  assert.equal(factsOf(member).replicaSet, 'rs0');
  assert.match(whyNot({ hello: {} }) ?? '', /no replica set/);
  assert.match(whyNot({ hello: { msg: 'isdbgrid' } }) ?? '', /router/);
  assert.match(whyNot({ shardingState: { enabled: true } }) ?? '', /part of a sharded cluster/);
  assert.match(whyNot({ replicaSetConfig: { config: { configsvr: true } } }) ?? '', /configuration server/);
  assert.match(whyNot({ shardingState: undefined }) ?? '', /clusterMonitor/);
  assert.match(whyNot({ hasReadableOplog: false }) ?? '', /may not read its oplog/);
});

test('FerretDB is known by what it says of itself', () => {
  const facts = factsOf({ ...member, hello: {}, buildInfo: { version: '7.0.42', ferretdbVersion: 'v1.24.2' } });
  assert.deepEqual([facts.program, facts.version, facts.accounts], ['ferretdb', '7.0.42', 'none']);
  assert.deepEqual([factsOf(member).program, factsOf(member).accounts], ['mongod', 'saved']);
});

test('users are saved where there are any and they may be read', () => {
  const accounts = (['something', 'nothing', 'denied'] as const).map((one) => factsOf({ ...member, accounts: one }));
  assert.deepEqual(
    accounts.map((facts) => facts.accounts),
    ['saved', 'none', 'denied'],
  );
});

test('nothing chosen is the whole server; else each database by itself, and one that is not there is told', () => {
  const present = ['admin', 'b', 'local', 'a', 'config'];
  assert.deepEqual(chooseDatabases(present, [], []), { kind: 'whole' });
  assert.deepEqual(chooseDatabases(present, [], ['b']), { kind: 'databases', names: ['a'], missing: [] });
  assert.deepEqual(chooseDatabases(present, ['b', 'c', 'b'], []), { kind: 'databases', names: ['b'], missing: ['c'] });
  assert.deepEqual(chooseDatabases(present, ['a', 'b'], ['b']), { kind: 'databases', names: ['a'], missing: [] });
});

test('every database name has a file name of its own', () => {
  const names = ['a', 'A', 'a b', 'a%20b', '../x', 'ü', '-rf', '%', 'all', ''];
  const files = [null, ...names].map(archiveNameOf);
  assert.equal(new Set(files).size, files.length);
  assert.ok(
    files.every((file) => /^[A-Za-z0-9_%-]+\.archive$/.test(file)),
    files.join(' '),
  );
});
