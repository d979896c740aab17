import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  constants,
  linkSync,
  lstatSync,
  mkdtempSync,
  openSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { toByteString, type ByteString } from '../format/bytestring.ts';
import { createAccounts } from './accounts.ts';
import { createFiles } from './files.ts';
import { oldStatusCalls, type StatusCalls } from './native-calls.ts';
import { codeOf, loadFfi, openNative, putPath } from './native.ts';
import { statReader } from './stat.ts';
import { systemClock, systemIdentity } from './system.ts';
import { listXattrs, removeXattr, setXattr, xattrNames } from './xattr.ts';

function scratchFolder(): { path: string; at(name: string): ByteString } & Disposable {
  const path = mkdtempSync(join(tmpdir(), 'coffre-host-'));
  return {
    path,
    at: (name) => `${toByteString(path)}/${name}` as ByteString,
    [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }),
  };
}

const isRoot = process.getuid?.() === 0;

test('the two ways of reading a status agree on every kind of file', () => {
  using folder = scratchFolder();
  writeFileSync(join(folder.path, 'file'), 'twelve bytes');
  chmodSync(join(folder.path, 'file'), 0o4755);
  linkSync(join(folder.path, 'file'), join(folder.path, 'second name'));
  symlinkSync('nowhere', join(folder.path, 'link'));
  execFileSync('touch', ['-h', '-d', '@-1.5', join(folder.path, 'link')]);
  execFileSync('mkfifo', [join(folder.path, 'fifo')]);
  const fast = createFiles();
  const slow = createFiles(null);
  const paths = ['file', 'link', 'fifo', '.'].map((name) => folder.at(name));
  for (const path of [...paths, toByteString('/dev/null'), toByteString('/proc/self/status'), toByteString('/')]) {
    const [a, b] = [fast.lstat(path), slow.lstat(path)];
    assert.deepEqual({ ...a, atime: 0 }, { ...b, atime: 0 }, path);
  }
  assert.equal(fast.lstat(folder.at('file')).links, 2);
  assert.equal(fast.lstat(folder.at('file')).stMode, 0o104755);
  assert.deepEqual(fast.lstat(folder.at('link')).mtime, { sec: -2, nsec: 500_000_000 });
  const fd = fast.open(folder.at('file'));
  assert.deepEqual(fast.fstat(fd), fast.lstat(folder.at('file')));
  fast.close(fd);
});

test('the status calls of older libraries say the same as those of today', () => {
  using folder = scratchFolder();
  writeFileSync(join(folder.path, 'file'), 'twelve bytes');
  const native = openNative();
  const ffi = loadFfi();
  if (native === undefined || ffi === undefined) return;
  let old: StatusCalls;
  try {
    old = oldStatusCalls(ffi);
  } catch {
    return; // musl never had them
  }
  const [status, other] = [native.scratch(256), native.scratch(256)];
  const path = putPath(native.path, folder.at('file'));
  assert.equal(native.calls.lstat(path, status.address), 0);
  assert.equal(old.lstat(path, other.address), 0);
  assert.deepEqual(statReader(other.buffer, process.arch)(), statReader(status.buffer, process.arch)());
  assert.equal(old.fstatat(-100, path, other.address, 0x100), 0);
  assert.deepEqual(statReader(other.buffer, process.arch)(), statReader(status.buffer, process.arch)());
});

test('a missing path, a file used as a folder, a path too long and a NUL each have their code', () => {
  using folder = scratchFolder();
  writeFileSync(join(folder.path, 'file'), '');
  for (const files of [createFiles(), createFiles(null)]) {
    const codeAt = (path: ByteString): string | undefined => {
      try {
        files.lstat(path);
        return undefined;
      } catch (error) {
        return codeOf(error);
      }
    };
    assert.equal(codeAt(folder.at('absent')), 'ENOENT');
    assert.equal(codeAt(folder.at('file/below')), 'ENOTDIR');
    assert.equal(codeAt(folder.at('x'.repeat(300))), 'ENAMETOOLONG');
    assert.equal(codeAt(folder.at('x/'.repeat(3000))), 'ENAMETOOLONG');
    assert.match(codeAt(folder.at('file\0hidden')) ?? '', /EINVAL|ERR_INVALID_ARG_VALUE/);
  }
});

test('names that are not UTF-8 are listed, read and opened as bytes', () => {
  using folder = scratchFolder();
  const name = 'caf\xe9-\xff-\xf0\x9f' as ByteString;
  const files = createFiles();
  writeFileSync(Buffer.from(folder.at(name), 'latin1'), 'content');
  symlinkSync(Buffer.from(name, 'latin1'), join(folder.path, 'link'));
  assert.deepEqual(files.listNames(folder.at('.')).sort(), [name, 'link'].sort());
  assert.equal(files.readLink(folder.at('link')), name);
  const fd = files.open(folder.at(name), { noAtime: true, noFollow: true });
  const buffer = Buffer.alloc(20);
  assert.equal(files.read(fd, buffer, 0, 20, null), 7);
  assert.equal(files.read(fd, buffer, 0, 20, null), 0);
  files.close(fd);
  assert.throws(() => files.open(folder.at('link'), { noFollow: true }), { code: 'ELOOP' });
});

test(
  'extended attributes are listed, read, written and removed, on links too',
  { skip: !isRoot && 'needs root for trusted.*' },
  (t) => {
    using folder = scratchFolder();
    const native = openNative();
    assert.ok(native);
    writeFileSync(join(folder.path, 'file'), '');
    symlinkSync('file', join(folder.path, 'link'));
    assert.deepEqual(listXattrs(native, folder.at('file')), []);
    const onLink = openSync(join(folder.path, 'link'), 0o10000000 | constants.O_NOFOLLOW); // O_PATH
    const linkHandle = `/proc/self/fd/${onLink}` as ByteString;
    const first = { name: 'user.first', value: Buffer.from([0, 255, 10]) };
    try {
      setXattr(native, folder.at('file'), first);
    } catch (error) {
      if (codeOf(error) === 'ENOTSUP') return t.skip('the temporary folder has no extended attributes');
      throw error;
    }
    setXattr(native, folder.at('file'), { name: 'user.empty', value: null });
    setXattr(native, linkHandle, { name: 'trusted.link', value: Buffer.from('on the link') });
    const byName = (a: { name: string }, b: { name: string }) => (a.name < b.name ? -1 : 1);
    assert.deepEqual([...listXattrs(native, folder.at('file'))].sort(byName), [
      { name: 'user.empty', value: Buffer.alloc(0) },
      first,
    ]);
    assert.deepEqual(
      listXattrs(native, folder.at('link')).map((a) => a.name),
      ['trusted.link'],
    );
    const large = { name: 'trusted.large', value: Buffer.alloc(3000, 7) };
    setXattr(native, linkHandle, large);
    assert.deepEqual(
      listXattrs(native, folder.at('link')).find((a) => a.name === large.name),
      large,
    );
    removeXattr(native, folder.at('file'), 'user.empty');
    assert.deepEqual(createFiles().listXattrs(folder.at('file')), [first]);
    assert.throws(() => removeXattr(native, folder.at('file'), 'user.empty'), { code: 'ENODATA' });
    assert.deepEqual(xattrNames(native, linkHandle).sort(), ['trusted.large', 'trusted.link']);
    closeSync(onLink);
    assert.throws(() => listXattrs(native, folder.at('absent')), { code: 'ENOENT' });
  },
);

test('libc answers the same from a worker thread, and nothing is printed', () => {
  const script = `
    const { isMainThread, Worker } = require('node:worker_threads');
    import(${JSON.stringify(new URL('./files.ts', import.meta.url).href)}).then(({ createFiles }) => {
      const files = createFiles();
      const fd = files.open('/etc/passwd');
      const status = files.fstat(fd);
      files.close(fd);
      console.log(files.readsXattrs, status.type, files.userName(0));
    });
    if (isMainThread) new Worker(process.env.SCRIPT, { eval: true });`;
  const run = spawnSync(process.execPath, ['-e', script], {
    env: { ...process.env, SCRIPT: script, NODE_OPTIONS: '' },
    encoding: 'utf8',
  });
  assert.equal(run.stderr, '');
  assert.equal(run.stdout, `${createFiles().readsXattrs} file root\n`.repeat(2));
});

test('other experimental warnings still come through', () => {
  const script = `import(${JSON.stringify(new URL('./native.ts', import.meta.url).href)}).then(({ openNative }) => {
    openNative();
    process.emitWarning('something else', 'ExperimentalWarning');
  });`;
  const run = spawnSync(process.execPath, ['-e', script], {
    env: { ...process.env, NODE_OPTIONS: '' },
    encoding: 'utf8',
  });
  assert.match(run.stderr, /ExperimentalWarning: something else/);
  assert.doesNotMatch(run.stderr, /FFI/);
});

test('users and groups are found in the files of the system and, failing that, through the name service', () => {
  using folder = scratchFolder();
  writeFileSync(
    join(folder.path, 'passwd'),
    '# comment\nanna:x:4242:1::/:/bin/sh\nanna2:x:4242:1::/:\nbroken\nhuge:x:99999999999:1::/:\n',
  );
  writeFileSync(join(folder.path, 'group'), 'staff:x:77:anna\n');
  const accounts = createAccounts(undefined, folder.path);
  assert.equal(accounts.userName(4242), 'anna');
  assert.equal(accounts.userId('anna2'), 4242);
  assert.equal(accounts.groupName(77), 'staff');
  assert.equal(accounts.groupId('staff'), 77);
  assert.equal(accounts.userName(1), undefined);
  assert.equal(accounts.userId('huge'), undefined);
  const native = openNative();
  if (native === undefined) return;
  const throughLibc = createAccounts(native, join(folder.path, 'absent'));
  assert.equal(throughLibc.userName(0), 'root');
  assert.equal(throughLibc.groupName(0), 'root');
  assert.equal(throughLibc.userId('root'), 0);
  assert.equal(throughLibc.groupId('root'), 0);
  assert.equal(throughLibc.userName(4_000_000_123), undefined);
  assert.equal(throughLibc.userId('nobody-has-this-name'), undefined);
});

test('libc sets times to the nanosecond, makes nodes and syncs', () => {
  using folder = scratchFolder();
  const native = openNative();
  if (native === undefined) return;
  writeFileSync(join(folder.path, 'file'), '');
  const times = native.scratch(32);
  times.buffer.writeBigInt64LE(-1n, 0);
  times.buffer.writeBigInt64LE(1n, 8);
  times.buffer.writeBigInt64LE(4_000_000_000n, 16);
  times.buffer.writeBigInt64LE(123_456_789n, 24);
  assert.equal(native.calls.utimensat(-100, putPath(native.path, folder.at('file')), times.address, 0x100), 0);
  const stats = lstatSync(join(folder.path, 'file'), { bigint: true });
  assert.equal(stats.atimeNs, -999_999_999n);
  assert.equal(stats.mtimeNs, 4_000_000_000_123_456_789n);
  assert.equal(native.calls.mknodat(-100, putPath(native.path, folder.at('fifo')), 0o010640, 0n), 0);
  assert.equal(createFiles().lstat(folder.at('fifo')).type, 'fifo');
  const fd = openSync(folder.path, 'r');
  assert.equal(native.calls.syncfs(fd), 0);
  closeSync(fd);
  assert.equal(native.calls.syncfs(-1), -1);
  assert.equal(native.errno(), 9);
});

test('the identity names the user of the password file', () => {
  const identity = systemIdentity();
  assert.equal(identity.pid, process.pid);
  assert.equal(identity.username, createAccounts(openNative()).userName(identity.uid) ?? process.env['USER'] ?? '');
});

test('a sleep ends at once when it is aborted', async () => {
  const clock = systemClock();
  const start = clock.monotonicMs();
  await assert.rejects(clock.sleep(60_000, AbortSignal.abort()), { name: 'AbortError' });
  assert.ok(clock.monotonicMs() - start < 10_000);
  assert.ok(clock.nowNs() > 1_600_000_000_000_000_000n);
});
