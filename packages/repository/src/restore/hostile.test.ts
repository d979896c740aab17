import assert from 'node:assert/strict';
import { lstatSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { isCoffreError } from '../errors.ts';
import type { ByteString } from '../format/bytestring.ts';
import { attemptRestore as attempt, makeYard, saveTree } from '../testing/restore-yard.ts';
import { saveSampleTree, type SampleTree } from '../testing/sample-repository.ts';

const isRoot = process.getuid?.() === 0;
const mine = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };

const node = (name: string, more = ''): string =>
  `{"name":${JSON.stringify(name)},"type":"file","mode":420,"mtime":"2024-01-01T00:00:00Z",` +
  `"atime":"2024-01-01T00:00:00Z","ctime":"2024-01-01T00:00:00Z","uid":0,"gid":0,"content":[]${more}}`;

test('names that lead elsewhere are refused with their whole folder, and nothing outside changes', async () => {
  const names = ['..', '.', '', '/', '/etc/passwd', '../precious', 'a/../../precious', 'a/b', 'nul\0byte', './x', 'x/'];
  for (const name of names) {
    using yard = makeYard();
    const world = await saveTree(async (writer) => {
      const bad = await writer.saveBlob('tree', Buffer.from(`{"nodes":[${node(name)}]}\n`));
      return await saveSampleTree(writer, { bad: { type: 'dir', subtree: bad.id }, good: 'good' });
    });
    const { error, failed } = await attempt(world, yard.target, { delete: true });
    assert.ok(isCoffreError(error, 'RESTORE_INCOMPLETE'), name);
    assert.deepEqual(failed, ['/bad'], name);
    assert.equal(readFileSync(join(yard.target, 'good'), 'utf8'), 'good');
    assert.deepEqual(readdirSync(join(yard.target, 'bad')), []);
    yard.assertUntouched();
  }
});

test('the same name twice is restored once: the second would pass through the first', async () => {
  using yard = makeYard();
  const world = await saveTree(async (writer) => {
    const inner = (await writer.saveBlob('tree', Buffer.from(`{"nodes":[${node('precious')}]}\n`))).id;
    const link = node('x', ',"linktarget":"../outside"')
      .replace('"file"', '"symlink"')
      .replace('"content":[]', '"content":null');
    const folder = node('x', `,"subtree":"${inner}"`)
      .replace('"file"', '"dir"')
      .replace('"content":[]', '"content":null');
    return (await writer.saveBlob('tree', Buffer.from(`{"nodes":[${link},${folder}]}\n`))).id;
  });
  const { error } = await attempt(world, yard.target);
  assert.ok(isCoffreError(error));
  yard.assertUntouched();
});

test('a link in the snapshot is never a way to somewhere, restored once or again', async () => {
  using yard = makeYard();
  const link = { type: 'symlink', linkTarget: '../outside' as ByteString } as const;
  const file = { type: 'symlink', linkTarget: '../precious' as ByteString } as const;
  await attempt(await saveTree({ way: link, precious: file }), yard.target);
  const { result } = await attempt(
    await saveTree({ way: { precious: 'overwritten' }, precious: 'overwritten' }),
    yard.target,
  );
  assert.ok(result !== undefined);
  assert.ok(lstatSync(join(yard.target, 'way')).isDirectory());
  assert.equal(readFileSync(join(yard.target, 'precious'), 'utf8'), 'overwritten');
  yard.assertUntouched();
});

test('deleting does not follow links either', async () => {
  using yard = makeYard();
  const link = { type: 'symlink', linkTarget: '../outside' as ByteString } as const;
  await attempt(await saveTree({ folder: { way: link, deeper: { way: link } } }), yard.target);
  const { result } = await attempt(await saveTree({ other: 'x' }), yard.target, { delete: true });
  assert.ok(result !== undefined);
  assert.deepEqual(readdirSync(yard.target), ['other']);
  yard.assertUntouched();
});

test('names that claim to be one file stay inside, whatever they claim', async () => {
  using yard = makeYard();
  const claim = { type: 'file', links: 2, inode: 1, deviceId: 1, ...mine } as const;
  const world = await saveTree({
    a: { ...claim, chunks: ['a'] },
    b: { ...claim, chunks: ['entirely different'] },
    zero: { type: 'file', links: 9, inode: 0, deviceId: 0, chunks: ['zero'], ...mine },
    zero2: { type: 'file', links: 9, inode: 0, deviceId: 0, chunks: ['zero2'], ...mine },
  });
  const { result } = await attempt(world, yard.target);
  assert.ok(result !== undefined);
  assert.equal(statSync(join(yard.target, 'a')).ino, statSync(join(yard.target, 'b')).ino);
  assert.equal(readFileSync(join(yard.target, 'zero2'), 'utf8'), 'zero2');
  yard.assertUntouched();
});

test(
  'safe leaves out setuid, devices and capabilities, and counts them',
  { skip: !isRoot && 'needs root' },
  async () => {
    const setuid = 2 ** 23 + 2 ** 22 + 0o755;
    const capability = {
      name: 'security.capability',
      value: Buffer.from('0100000200200000000000000000000000000000', 'hex'),
    };
    const world = await saveTree({
      program: { type: 'file', chunks: ['#!'], mode: setuid, extendedAttributes: [capability] },
      device: { type: 'chardev', mode: 2 ** 26 + 2 ** 21 + 0o666, device: 259 },
      disk: { type: 'dev', mode: 2 ** 26 + 0o666, device: 1793 },
      shared: { type: 'dir', mode: 2 ** 31 + 2 ** 22 + 0o775, entries: {} },
    });
    using safeYard = makeYard();
    const safe = safeYard.target;
    const { result } = await attempt(world, safe, { safe: true });
    assert.deepEqual(readdirSync(safe).toSorted(), ['program', 'shared']);
    assert.equal(statSync(join(safe, 'program')).mode & 0o7777, 0o755);
    assert.equal(statSync(join(safe, 'shared')).mode & 0o7777, 0o2775);
    assert.deepEqual(result?.counters.dropped, { owners: 0, xattrs: 0, privileges: 1, devices: 2 });
    using exactYard = makeYard();
    const exact = exactYard.target;
    await attempt(world, exact);
    assert.equal(statSync(join(exact, 'program')).mode & 0o7777, 0o6755);
    assert.equal(statSync(join(exact, 'device')).rdev, 259);
  },
);

test('a tree that multiplies itself, or goes down for ever, meets the budget', async () => {
  const world = await saveTree(async (writer) => {
    let level = await saveSampleTree(writer, { leaf: '' });
    for (let i = 0; i < 60; i++) {
      const sub = { type: 'dir', subtree: level } as const;
      level = await saveSampleTree(writer, { a: sub, b: sub });
    }
    return level;
  });
  using yard = makeYard();
  const many = await attempt(world, yard.target, { dryRun: true, budget: { entriesMax: 10_000 } });
  assert.ok(isCoffreError(many.error, 'REPO_TREE_DAMAGED'));
  const deep = await attempt(world, yard.target, { dryRun: true, budget: { depthMax: 20 } });
  assert.ok(isCoffreError(deep.error, 'REPO_TREE_DAMAGED'));
  const large = await saveTree({ file: { type: 'file', chunks: Array.from({ length: 100 }, () => 'x'.repeat(1000)) } });
  const bytes = await attempt(large, yard.target, { budget: { bytesMax: 50_000 } });
  assert.ok(isCoffreError(bytes.error, 'RESTORE_TARGET_REFUSED'));
  assert.deepEqual(readdirSync(yard.target), []);
});

test('a folder five hundred deep is restored, although no path could name its end', async () => {
  let entries: SampleTree = { end: 'found' };
  for (let i = 0; i < 500; i++) entries = { ['long-name-'.repeat(3)]: entries };
  using yard = makeYard();
  const { error, result } = await attempt(await saveTree(entries), yard.target);
  assert.equal(error, undefined);
  assert.equal(result?.counters.filesRestored, 501);
  const again = await attempt(await saveTree({ other: 'x' }), yard.target, { delete: true });
  assert.equal(again.error, undefined);
  assert.deepEqual(readdirSync(yard.target), ['other']);
});
