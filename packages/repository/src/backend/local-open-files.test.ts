import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createOpenFiles } from './local-open-files.ts';
import type { LocalFile, LocalFiles } from './local-files.ts';
import { nodeLocalFiles } from './local-files.ts';

type Watched = { files: LocalFiles; open: Set<string>; opened: string[] };

/** Files that exist only as names; `missing` cannot be opened. */
function watched(): Watched {
  const open = new Set<string>();
  const opened: string[] = [];
  const files: LocalFiles = {
    ...nodeLocalFiles,
    async openFile(path) {
      await new Promise(setImmediate);
      if (path === 'missing') throw Object.assign(new Error('missing'), { code: 'ENOENT' });
      const name = `${path}#${opened.length}`;
      open.add(name);
      opened.push(path);
      const file: Partial<LocalFile> = {
        async close() {
          assert.ok(open.delete(name), 'closed once');
        },
      };
      return file as LocalFile;
    },
  };
  return { files, open, opened };
}

test('a file read again is not opened again, also by two readers at once', async () => {
  const { files, opened, open } = watched();
  const openFiles = createOpenFiles(files);
  const [a, b] = await Promise.all([openFiles.borrow('x'), openFiles.borrow('x')]);
  assert.equal(a.file, b.file);
  await a[Symbol.asyncDispose]();
  await b[Symbol.asyncDispose]();
  await (await openFiles.borrow('x'))[Symbol.asyncDispose]();
  assert.deepEqual(opened, ['x']);
  await openFiles.close();
  assert.equal(open.size, 0);
});

test('few files stay open, however many are read', async () => {
  const { files, open } = watched();
  const openFiles = createOpenFiles(files);
  for (let i = 0; i < 1000; i += 1) await (await openFiles.borrow(`f${i % 300}`))[Symbol.asyncDispose]();
  assert.equal(open.size, 32);
  await openFiles.close();
  assert.equal(open.size, 0);
});

test('a file in use is closed by its last reader, not under it', async () => {
  const { files, open, opened } = watched();
  const openFiles = createOpenFiles(files);
  const [a, b] = [await openFiles.borrow('x'), await openFiles.borrow('x')];
  await openFiles.forget('x');
  assert.equal(open.size, 1);
  await a[Symbol.asyncDispose]();
  assert.equal(open.size, 1);
  const fresh = await openFiles.borrow('x');
  assert.deepEqual(opened, ['x', 'x']);
  await b[Symbol.asyncDispose]();
  assert.equal(open.size, 1);
  await openFiles.close();
  assert.equal(open.size, 1);
  await fresh[Symbol.asyncDispose]();
  assert.equal(open.size, 0);
});

test('a file that could not be opened is tried anew', async () => {
  const { files, open } = watched();
  const openFiles = createOpenFiles(files);
  const both = await Promise.allSettled([openFiles.borrow('missing'), openFiles.borrow('missing')]);
  assert.ok(both.every(({ status }) => status === 'rejected'));
  await assert.rejects(openFiles.borrow('missing'), /missing/);
  await openFiles.forget('missing');
  await openFiles.close();
  assert.equal(open.size, 0);
});
