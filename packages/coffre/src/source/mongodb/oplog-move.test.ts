import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BSON } from 'mongodb';
import { OplogMover } from './oplog-move.ts';

type Entry = Record<string, unknown>;
const place = (collection: string): { database: string; collection: string } => ({ database: 'copy', collection });

function createMover(): OplogMover {
  let made = 0;
  return new OplogMover({
    loaded: new Map([
      ['shop.a', place('t0')],
      ['shop.b.c', place('t1')],
      ['shop.times', place('times')],
    ]),
    newPlace: ({ database }) => (database === 'shop' ? place(`new${(made += 1)}`) : undefined),
  });
}

function moved(mover: OplogMover, entry: Entry): Entry | undefined {
  const bytes = mover.entry(BSON.serialize({ ts: new BSON.Timestamp({ t: 1, i: 1 }), ...entry }));
  if (bytes === undefined) return undefined;
  const { ts: _, ...rest } = BSON.deserialize(bytes);
  return rest;
}

const command = (o: Entry, database = 'shop'): Entry => ({ op: 'c', ns: `${database}.$cmd`, ui: 1, o, o2: { n: 1 } });
const insert = (ns: string): Entry => ({ op: 'i', ns, ui: 1, o: { _id: 1 } });

test('changes go where their collection is now, and others nowhere', () => {
  const mover = createMover();
  assert.deepEqual(moved(mover, insert('shop.a')), { op: 'i', ns: 'copy.t0', o: { _id: 1 } });
  const update = { op: 'u', ns: 'shop.b.c', o: { $v: 2, diff: { u: { n: 5 } } }, o2: { _id: 1 } };
  assert.deepEqual(moved(mover, update), { ...update, ns: 'copy.t1' });
  assert.equal(moved(mover, insert('shop.system.buckets.times'))?.['ns'], 'copy.system.buckets.times');
  const others = ['crm.a', 'shop.other', 'admin.system.users', 'config.transactions', 'shop.system.views'];
  for (const name of others) assert.equal(moved(mover, insert(name)), undefined, name);
  assert.equal(moved(mover, { op: 'n', ns: '', o: { msg: 'periodic noop' } }), undefined);
});

test('a collection that is made on the way gets a place; one that is there is not made again', () => {
  const mover = createMover();
  assert.equal(moved(mover, command({ create: 'a' })), undefined);
  assert.deepEqual(moved(mover, command({ create: 'n', capped: true })), {
    op: 'c',
    ns: 'copy.$cmd',
    o: { create: 'new1', capped: true },
    o2: { n: 1 },
  });
  assert.equal(moved(mover, insert('shop.n'))?.['ns'], 'copy.new1');
  assert.deepEqual(moved(mover, command({ drop: 'n' }))?.['o'], { drop: 'new1' });
  assert.equal(moved(mover, insert('shop.n')), undefined);
  assert.deepEqual(moved(mover, command({ drop: 'a' }))?.['o'], { drop: 't0' });
  assert.deepEqual(moved(mover, command({ create: 'a' }))?.['o'], { create: 't0' });
  assert.deepEqual(moved(mover, command({ create: 'n' }))?.['o'], { create: 'new1' });
  assert.deepEqual([...mover.made], [['shop.n', place('new1')]]);
  for (const o of [{ create: 'x' }, { drop: 'x' }]) assert.equal(moved(mover, command(o, 'crm')), undefined);
  for (const o of [{ dropDatabase: 1 }, { startIndexBuild: 'a' }]) assert.equal(moved(mover, command(o)), undefined);
});

test('transactions keep their order and their end, and lose what is not wanted', () => {
  const mover = createMover();
  const nested = [insert('shop.a'), insert('crm.a'), insert('shop.b.c')];
  const entry = { op: 'c', ns: 'admin.$cmd', lsid: { id: 1 }, txnNumber: 2, o: { applyOps: nested, prepare: true } };
  const { o, ...rest } = moved(mover, entry) as { o: { applyOps: Entry[]; prepare: boolean } };
  assert.deepEqual(rest, { op: 'c', ns: 'admin.$cmd', lsid: { id: 1 }, txnNumber: 2 });
  assert.deepEqual(
    o.applyOps.map(({ ns }) => ns),
    ['copy.t0', 'copy.t1'],
  );
  assert.equal(o.prepare, true);
  const empty = moved(mover, { ...entry, o: { applyOps: [insert('crm.a')] } });
  assert.deepEqual(empty?.['o'], { applyOps: [] });
  const commit = { op: 'c', ns: 'admin.$cmd', o: { commitTransaction: 1 } };
  assert.deepEqual(moved(mover, commit), commit);
});

test('indexes come with the collection, and what is done to one that is there is done by us', () => {
  const mover = createMover();
  const built = moved(mover, command({ createIndexes: 'a', v: 2, key: { n: 1 }, name: 'n_1' }));
  assert.deepEqual(built?.['o'], { createIndexes: 't0', v: 2, key: { n: 1 }, name: 'n_1' });
  assert.equal(moved(mover, command({ dropIndexes: 'a', index: 'old' })), undefined);
  assert.equal(moved(mover, command({ collMod: 'a', index: { name: 'n_1', hidden: true } })), undefined);
  assert.deepEqual(moved(mover, command({ collMod: 'a', validationLevel: 'off' }))?.['o'], {
    collMod: 't0',
    validationLevel: 'off',
  });
  assert.deepEqual(
    mover.indexCommands.map((one) => [
      one.command,
      one.place.collection,
      BSON.deserialize(one.bson)['index'] as unknown,
    ]),
    [
      ['dropIndexes', 't0', 'old'],
      ['collMod', 't0', { name: 'n_1', hidden: true }],
    ],
  );
});
