import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { isCoffreError } from '../errors.ts';
import { toByteString, type ByteString } from '../format/bytestring.ts';
import type { BlobId } from '../ids.ts';
import type { BlobWriter } from '../index/blob-writer.ts';
import type { IndexedRepository } from '../index/indexed-repository.ts';
import { createSampleRepository, saveSampleTree, type SampleTree } from '../testing/sample-repository.ts';
import type { RestoreOptions } from './options.ts';
import type { RestoreEvent } from './report.ts';
import { restore, type RestoreResult } from './restore.ts';

const scratch = mkdtempSync(join(tmpdir(), 'coffre-hostile-'));
after(() => rmSync(scratch, { recursive: true, force: true }));
const isRoot = process.getuid?.() === 0;
const mine = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };

/** A folder with things around the target that must stay as they are. */
function makeYard(name: string): { target: string; assertUntouched(): void } {
  const yard = join(scratch, name);
  const target = join(yard, 'target');
  mkdirSync(target, { recursive: true });
  mkdirSync(join(yard, 'outside'));
  writeFileSync(join(yard, 'outside/precious'), 'precious');
  writeFileSync(join(yard, 'precious'), 'precious');
  const look = (): unknown[] =>
    ['.', 'outside', 'outside/precious', 'precious'].map((path) => {
      const { mode, uid, mtimeMs, nlink } = lstatSync(join(yard, path));
      return path === '.' ? [mode, uid] : [mode, uid, mtimeMs, nlink];
    });
  const before = look();
  return {
    target,
    assertUntouched() {
      assert.deepEqual(readdirSync(yard).sort(compareText), ['outside', 'precious', 'target']);
      assert.deepEqual(readdirSync(join(yard, 'outside')), ['precious']);
      assert.equal(readFileSync(join(yard, 'outside/precious'), 'utf8'), 'precious');
      assert.equal(readFileSync(join(yard, 'precious'), 'utf8'), 'precious');
      assert.deepEqual(look(), before);
    },
  };
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : 1;
}

async function hostile(
  build: (writer: BlobWriter) => Promise<BlobId>,
): Promise<{ indexed: IndexedRepository; tree: BlobId }> {
  const { repository } = await createSampleRepository();
  const writer = (await repository.loadIndex()).openWriter();
  const tree = await build(writer);
  await writer.flush();
  return { indexed: await repository.loadIndex(), tree };
}

async function tree(entries: SampleTree): Promise<{ indexed: IndexedRepository; tree: BlobId }> {
  return await hostile(async (writer) => await saveSampleTree(writer, entries));
}

type Attempt = { readonly result: RestoreResult | undefined; readonly error: unknown; readonly failed: string[] };

async function attempt(
  world: { indexed: IndexedRepository; tree: BlobId },
  target: string,
  options: Partial<RestoreOptions> = {},
): Promise<Attempt> {
  const failed: string[] = [];
  const report = (event: RestoreEvent): void => {
    if (event.kind === 'error') failed.push(event.path);
  };
  try {
    const result = await restore(world.indexed, { tree: world.tree, target: toByteString(target), report, ...options });
    return { result, error: undefined, failed };
  } catch (error) {
    return { result: undefined, error, failed };
  }
}

const node = (name: string, more = ''): string =>
  `{"name":${JSON.stringify(name)},"type":"file","mode":420,"mtime":"2024-01-01T00:00:00Z",` +
  `"atime":"2024-01-01T00:00:00Z","ctime":"2024-01-01T00:00:00Z","uid":0,"gid":0,"content":[]${more}}`;

test('names that lead elsewhere are refused with their whole folder, and nothing outside changes', async () => {
  const names = ['..', '.', '', '/', '/etc/passwd', '../precious', 'a/../../precious', 'a/b', 'nul\0byte', './x', 'x/'];
  for (const [i, name] of names.entries()) {
    const yard = makeYard(`names-${i}`);
    const world = await hostile(async (writer) => {
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
  const yard = makeYard('twice');
  const world = await hostile(async (writer) => {
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
  const yard = makeYard('links');
  const link = { type: 'symlink', linkTarget: '../outside' as ByteString } as const;
  const file = { type: 'symlink', linkTarget: '../precious' as ByteString } as const;
  await attempt(await tree({ way: link, precious: file }), yard.target);
  const { result } = await attempt(
    await tree({ way: { precious: 'overwritten' }, precious: 'overwritten' }),
    yard.target,
  );
  assert.ok(result !== undefined);
  assert.ok(lstatSync(join(yard.target, 'way')).isDirectory());
  assert.equal(readFileSync(join(yard.target, 'precious'), 'utf8'), 'overwritten');
  yard.assertUntouched();
});

test('deleting does not follow links either', async () => {
  const yard = makeYard('delete');
  const link = { type: 'symlink', linkTarget: '../outside' as ByteString } as const;
  await attempt(await tree({ folder: { way: link, deeper: { way: link } } }), yard.target);
  const { result } = await attempt(await tree({ other: 'x' }), yard.target, { delete: true });
  assert.ok(result !== undefined);
  assert.deepEqual(readdirSync(yard.target), ['other']);
  yard.assertUntouched();
});

test('names that claim to be one file stay inside, whatever they claim', async () => {
  const yard = makeYard('hardlinks');
  const claim = { type: 'file', links: 2, inode: 1, deviceId: 1, ...mine } as const;
  const world = await tree({
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
    const world = await tree({
      program: { type: 'file', chunks: ['#!'], mode: setuid, extendedAttributes: [capability] },
      device: { type: 'chardev', mode: 2 ** 26 + 2 ** 21 + 0o666, device: 259 },
      disk: { type: 'dev', mode: 2 ** 26 + 0o666, device: 1793 },
      shared: { type: 'dir', mode: 2 ** 31 + 2 ** 22 + 0o775, entries: {} },
    });
    const safe = makeYard('safe').target;
    const { result } = await attempt(world, safe, { safe: true });
    assert.deepEqual(readdirSync(safe).sort(compareText), ['program', 'shared']);
    assert.equal(statSync(join(safe, 'program')).mode & 0o7777, 0o755);
    assert.equal(statSync(join(safe, 'shared')).mode & 0o7777, 0o2775);
    assert.deepEqual(result?.counters.dropped, { owners: 0, xattrs: 0, privileges: 1, devices: 2 });
    const exact = makeYard('exact').target;
    await attempt(world, exact);
    assert.equal(statSync(join(exact, 'program')).mode & 0o7777, 0o6755);
    assert.equal(statSync(join(exact, 'device')).rdev, 259);
  },
);

test('a tree that multiplies itself, or goes down for ever, meets the budget', async () => {
  const world = await hostile(async (writer) => {
    let level = await saveSampleTree(writer, { leaf: '' });
    for (let i = 0; i < 60; i++) {
      const sub = { type: 'dir', subtree: level } as const;
      level = await saveSampleTree(writer, { a: sub, b: sub });
    }
    return level;
  });
  const yard = makeYard('bomb');
  const many = await attempt(world, yard.target, { dryRun: true, budget: { entriesMax: 10_000 } });
  assert.ok(isCoffreError(many.error, 'REPO_TREE_DAMAGED'));
  const deep = await attempt(world, yard.target, { dryRun: true, budget: { depthMax: 20 } });
  assert.ok(isCoffreError(deep.error, 'REPO_TREE_DAMAGED'));
  const large = await tree({ file: { type: 'file', chunks: Array.from({ length: 100 }, () => 'x'.repeat(1000)) } });
  const bytes = await attempt(large, yard.target, { budget: { bytesMax: 50_000 } });
  assert.ok(isCoffreError(bytes.error, 'RESTORE_TARGET_REFUSED'));
  assert.deepEqual(readdirSync(yard.target), []);
});

test('a folder five hundred deep is restored, although no path could name its end', async () => {
  let entries: SampleTree = { end: 'found' };
  for (let i = 0; i < 500; i++) entries = { ['long-name-'.repeat(3)]: entries };
  const yard = makeYard('deep');
  const { error, result } = await attempt(await tree(entries), yard.target);
  assert.equal(error, undefined);
  assert.equal(result?.counters.filesRestored, 501);
  const again = await attempt(await tree({ other: 'x' }), yard.target, { delete: true });
  assert.equal(again.error, undefined);
  assert.deepEqual(readdirSync(yard.target), ['other']);
});

/** Swaps folders of the target for links to the outside and back, as fast as it can. */
const swapper = `
  const fs = require('node:fs');
  const [target, outside] = process.argv.slice(1);
  const names = Array.from({ length: 8 }, (_, i) => target + '/folder' + i);
  process.on('message', () => process.exit());
  let swaps = 0;
  const step = () => {
    for (let round = 0; round < 50; round++) {
      for (const name of names) {
        try {
          fs.renameSync(name, name + '.away');
          fs.symlinkSync(outside, name);
          swaps++;
          fs.unlinkSync(name);
          fs.renameSync(name + '.away', name);
        } catch {}
      }
    }
    if (swaps > 0) process.send(swaps);
    setImmediate(step);
  };
  step();`;

test('a process that swaps folders for links while we write gets nothing outside', async () => {
  const entries: { [name: string]: SampleTree } = {};
  for (let folder = 0; folder < 8; folder++) {
    const files: { [name: string]: SampleTree[string] } = {};
    for (let i = 0; i < 120; i++)
      files[`file${i}`] = { type: 'file', chunks: [`${folder} ${i}`], mode: 0o777, ...mine };
    files['link'] = { type: 'symlink', linkTarget: 'x' as ByteString };
    files['deeper'] = { inner: 'inner', precious: 'hostile' };
    files['precious'] = 'hostile';
    entries[`folder${folder}`] = files;
  }
  const world = await tree(entries);
  const yard = makeYard('race');
  const outside = join(yard.target, '../outside');
  const child = spawn(process.execPath, ['-e', swapper, yard.target, outside], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  let swaps = 0;
  child.on('message', (count: number) => {
    swaps = count;
  });
  let rounds = 0;
  try {
    const end = Date.now() + 15_000;
    for (; rounds < 3 || (swaps < 100 && Date.now() < end); rounds++) {
      for (const options of [{}, { delete: true }, { overwrite: 'if-changed' as const, verify: true }]) {
        await attempt(world, yard.target, options);
        assert.deepEqual(readdirSync(outside), ['precious'], `round ${rounds}`);
      }
      if (rounds % 3 === 2)
        for (const name of readdirSync(yard.target)) rmSync(join(yard.target, name), { recursive: true, force: true });
    }
  } finally {
    const ended = once(child, 'exit');
    child.send('stop');
    await ended;
  }
  assert.ok(swaps > 0, 'the other process never got a turn');
  yard.assertUntouched();
  assert.ok(existsSync(yard.target));
});
