import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { toByteString, type ByteString } from '../format/bytestring.ts';
import type { Handles } from './handles.ts';
import { createHandles } from './open-handles.ts';

const name = (text: string): ByteString => toByteString(text);

function scratchFolder(): { path: string } & Disposable {
  const path = mkdtempSync(join(tmpdir(), 'coffre-handles-'));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

const kinds: [string, () => Handles][] = [
  ['libc', () => createHandles()],
  ['node:fs alone', () => createHandles(null)],
];

for (const [kind, create] of kinds) {
  test(`files are made, written at any place, and read back through ${kind}`, () => {
    using folder = scratchFolder();
    const handles = create();
    const root = handles.openRoot(toByteString(folder.path));
    handles.makeFolder(root, name('a'));
    const a = handles.openFolder(root, name('a'));
    const file = handles.createFile(a, 'na\xefve' as ByteString);
    handles.resize(file, 10);
    handles.write(file, Buffer.from('end'), 7);
    handles.write(file, Buffer.from('begin'), 0);
    handles.setMode(file, 0o4711);
    handles.setTimes(file, { sec: 1, nsec: 0 }, { sec: 3_000_000_000, nsec: 250_000_000 });
    handles.sync(file);
    const stat = handles.statOf(file);
    assert.equal(stat.stMode, 0o104711);
    assert.deepEqual(stat.mtime, { sec: 3_000_000_000, nsec: 250_000_000 });
    assert.throws(() => handles.createFile(a, 'na\xefve' as ByteString), { code: 'EEXIST' });
    handles.close(file);
    const back = handles.openFile(a, 'na\xefve' as ByteString, 'read');
    const bytes = Buffer.alloc(20);
    assert.equal(handles.read(back, bytes, 20, 0), 10);
    assert.equal(bytes.toString('latin1', 0, 10), 'begin\0\0end');
    handles.close(back);
    assert.deepEqual(handles.listNames(a), ['na\xefve']);
    handles.makeLink(a, 'na\xefve' as ByteString, root, name('second'));
    assert.equal(handles.stat(root, name('second')).links, 2);
    handles.unlink(root, name('second'));
    assert.throws(() => handles.removeFolder(root, name('a')), { code: 'ENOTEMPTY' });
    handles.unlink(a, 'na\xefve' as ByteString);
    handles.removeFolder(root, name('a'));
    handles.syncAll(root);
    handles.close(a);
    handles.close(root);
  });

  test(`a link is never followed through ${kind}, and what is set on it stays on it`, () => {
    using folder = scratchFolder();
    const handles = create();
    writeFileSync(join(folder.path, 'victim'), 'victim');
    mkdirSync(join(folder.path, 'elsewhere'));
    mkdirSync(join(folder.path, 'root'));
    const root = handles.openRoot(toByteString(join(folder.path, 'root')));
    symlinkSync('../elsewhere', join(folder.path, 'root/folder'));
    symlinkSync('../victim', join(folder.path, 'root/file'));
    assert.throws(() => handles.openFolder(root, name('folder')), { code: /ENOTDIR|ELOOP/ });
    assert.throws(() => handles.createFile(root, name('file')), { code: 'EEXIST' });
    for (const access of ['read', 'write'] as const) {
      assert.throws(() => handles.openFile(root, name('file'), access), { code: 'ELOOP' });
    }
    assert.equal(handles.stat(root, name('file')).type, 'symlink');
    assert.equal(handles.readLink(root, name('file')), '../victim');
    const before = handles.statOf(handles.openEntry(handles.openRoot(toByteString(folder.path)), name('victim')));
    const entry = handles.openEntry(root, name('file'));
    assert.equal(handles.statOf(entry).type, 'symlink');
    handles.setTimes(entry, { sec: 5, nsec: 0 }, { sec: 6, nsec: 0 });
    if (process.getuid?.() === 0) handles.setOwner(entry, 12, 34);
    handles.close(entry);
    const link = handles.stat(root, name('file'));
    assert.equal(link.mtime.sec, 6);
    if (process.getuid?.() === 0) assert.deepEqual([link.uid, link.gid], [12, 34]);
    assert.deepEqual(
      handles.statOf(handles.openEntry(handles.openRoot(toByteString(folder.path)), name('victim'))),
      before,
    );
    assert.equal(readFileSync(join(folder.path, 'victim'), 'utf8'), 'victim');
    handles.makeSymlink(root, name('new'), '\xff/..' as ByteString);
    assert.equal(handles.readLink(root, name('new')), '\xff/..');
    handles.close(root);
  });

  test(`a fifo in place of a file does not hang ${kind}`, () => {
    using folder = scratchFolder();
    const native = createHandles();
    if (!native.keepsXattrs) return;
    const handles = create();
    const root = handles.openRoot(toByteString(folder.path));
    native.makeNode(native.openRoot(toByteString(folder.path)), name('fifo'), 0o010600, 0);
    assert.throws(() => handles.openFile(root, name('fifo'), 'write'), { code: 'ENXIO' });
    const fifo = handles.openFile(root, name('fifo'), 'read');
    assert.equal(handles.statOf(fifo).type, 'fifo');
    handles.close(fifo);
    handles.close(root);
  });
}
