import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import type { Snapshot, StoredSnapshot } from '@coffre/repository';
import { readKindOf } from './full-read.ts';
import { viewsOf } from './restore-views.ts';
import { tagsOf } from './tags.ts';
import type { BackupFacts } from './tags.ts';

const startMs = Date.UTC(2026, 7, 20, 12);
const shop = { plan: 'nightly', source: 'lyon/shop', kind: 'auto' } as const;
const mib = 1024 * 1024;

type More = { readonly added?: number; readonly read?: unknown } & Partial<
  Pick<Snapshot, 'parent' | 'original' | 'paths'>
>;

/** One a minute, in the order of the letters. */
function saved(letter: string, facts: Partial<BackupFacts>, { added = 1, read, ...more }: More = {}): StoredSnapshot {
  const time = new Date(startMs + (letter.codePointAt(0) ?? 0) * 60_000).toISOString();
  const summary = {
    total_bytes_processed: 100 * mib,
    data_added: added * mib,
    data_added_packed: (added * mib) / 2,
    ...(read === undefined ? {} : { bytes_read: read }),
  };
  return {
    id: letter,
    snapshot: { time, tree: '', paths: [], hostname: 'web', tags: tagsOf(facts), summary, ...more },
  } as never;
}

const parent = (id: string): Pick<More, 'parent'> => ({ parent: id as never });
const original = (id: string): Pick<More, 'original'> => ({ original: id as never });

const views = (snapshots: readonly StoredSnapshot[], id: string) => {
  const found = viewsOf(
    snapshots,
    snapshots.find((one) => one.id === id)!,
  );
  return found.views.map(({ since, sizeBytes }) => [since?.id, sizeBytes === undefined ? undefined : sizeBytes / mib]);
};

test('a backup of a plan is seen whole, since the last full read and since the one before', () => {
  const all = [
    saved('a', { ...shop, isFull: true }, { added: 100 }),
    saved('b', shop, { added: 3, ...parent('a') }),
    saved('c', shop, { added: 4, ...parent('b') }),
    saved('d', { ...shop, isFull: true }, { added: 0, ...parent('c') }),
    saved('e', shop, { added: 5, ...parent('d') }),
  ];
  assert.deepEqual(views(all, 'c'), [
    [undefined, 100],
    ['a', 7],
    ['b', 4],
  ]);
  assert.deepEqual(views(all, 'e'), [
    [undefined, 100],
    ['d', 5],
    ['d', 5],
  ]);
});

test('nothing changed since a full read that is itself the one asked about', () => {
  const all = [saved('a', shop, { added: 100 }), saved('b', { ...shop, isFull: true }, { added: 2, ...parent('a') })];
  assert.deepEqual(views(all, 'a'), [
    [undefined, 100],
    ['a', 0],
    [undefined, undefined],
  ]);
  assert.deepEqual(views(all, 'b'), [
    [undefined, 100],
    ['b', 0],
    ['a', 2],
  ]);
  assert.equal(viewsOf(all, all[1]!).type, 'full');
});

test('backups of other plans, sources, hosts and paths, and those put aside before a restore, are another chain', () => {
  const all = [
    saved('a', shop, { added: 100 }),
    saved('b', { ...shop, source: 'lyon/other', isFull: true }),
    saved('c', { ...shop, plan: 'weekly', isFull: true }),
    saved('d', { ...shop, kind: 'temp', isFull: true }),
    saved('e', {}, { paths: ['/srv'] }),
    saved('f', {}, { paths: ['/home'] }),
    saved('g', shop, { added: 2, ...parent('a') }),
    saved('h', {}, { added: 3, paths: ['/srv'], ...parent('e') }),
  ];
  assert.deepEqual(views(all, 'g').slice(1), [
    ['a', 2],
    ['a', 2],
  ]);
  assert.deepEqual(views(all, 'h').slice(1), [
    ['e', 3],
    ['e', 3],
  ]);
});

test('a later backup is never what an earlier one is compared with', () => {
  const all = [saved('a', shop), saved('b', shop, parent('a')), saved('c', { ...shop, isFull: true }, parent('b'))];
  assert.deepEqual(
    views(all, 'b').map(([since]) => since),
    [undefined, 'a', 'a'],
  );
});

test('a full read with gaps counts only where no complete one is there', () => {
  const gaps = { ...shop, isFull: true, isIncomplete: true };
  const all = [saved('a', shop), saved('b', gaps, parent('a')), saved('c', shop, parent('b'))];
  assert.deepEqual(
    views(all, 'c').map(([since]) => since),
    [undefined, 'a', 'b'],
  );
  assert.deepEqual(views(all.slice(1), 'c')[1]?.[0], 'b');
});

test('copies say by their tag what was read, or not at all', () => {
  const tagged = [
    saved('a', { ...shop, isFull: true }, original('1')),
    saved('b', shop, original('2')),
    saved('c', shop, original('3')),
  ];
  assert.deepEqual(
    views(tagged, 'c').map(([since]) => since),
    [undefined, 'a', 'b'],
  );
  const plain = ['a', 'b', 'c'].map((id) => saved(id, {}, original(`${id}${id}`)));
  assert.equal(readKindOf(plain[1]!.snapshot), 'unknown');
  assert.deepEqual(
    views(plain, 'c').map(([since]) => since),
    [undefined, 'a', 'b'],
  );
});

test('without a full read there is no differential view', () => {
  const all = [saved('b', shop, parent('a')), saved('c', shop, parent('b'))];
  assert.deepEqual(views(all, 'c'), [
    [undefined, 100],
    [undefined, undefined],
    ['b', 1],
  ]);
});

test('a parent whose tags were changed is still found, and one that is gone is replaced by the one before', () => {
  const pinned = saved('b', { ...shop, isPinned: true }, { ...parent('a'), ...original('0') });
  const all = [saved('a', shop), pinned, saved('c', shop, parent('0'))];
  assert.deepEqual(views(all, 'c')[2]?.[0], 'b');
  assert.deepEqual(views([all[0]!, all[2]!], 'c')[2]?.[0], 'a');
});

test('what was read is written down, known without a parent, or unknown', () => {
  const read = (more: More): number | undefined => {
    const one = saved('a', {}, more);
    return viewsOf([one], one).bytesRead;
  };
  assert.equal(read({ read: 5, ...parent('0') }), 5);
  assert.equal(read({}), 100 * mib);
  assert.equal(read(parent('0')), undefined);
  assert.equal(read(original('0')), undefined);
  for (const wrong of ['5', -1, 1.5, null]) assert.equal(read({ read: wrong, ...parent('0') }), undefined);
});
