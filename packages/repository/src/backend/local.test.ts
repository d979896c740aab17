import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { chmod, mkdir, mkdtemp, readdir, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { isCoffreError } from '../errors.ts';
import { backendConformance, listed, rejectsWith } from '../testing/backend-conformance.ts';
import { createFakeClock } from '../testing/fake-clock.ts';
import { fileKinds } from './backend.ts';
import type { FileHandle } from './backend.ts';
import { createLocalBackend } from './local.ts';

const isRoot = process.getuid?.() === 0;

backendConformance('local', async () => {
  const top = await mkdtemp(join(tmpdir(), 'coffre-local-'));
  const path = join(top, 'deep', 'repo');
  return {
    backend: createLocalBackend({ path }),
    async putStranger(kind, name) {
      await writeFile(join(path, kind, name), 'stranger');
      if (kind === 'data') await writeFile(join(path, 'data', '00', name), 'stranger');
    },
    dispose: () => rm(top, { recursive: true }),
  };
});

describe('a repository in a folder', () => {
  let top = '';
  before(async () => (top = await mkdtemp(join(tmpdir(), 'coffre-local-'))));
  after(() => rm(top, { recursive: true }));
  const freshFolder = (): Promise<string> => mkdtemp(join(top, 'repo-'));

  test('has the layout of restic: 256 data folders, everything private, files read-only', async () => {
    const path = join(await freshFolder(), 'repo');
    const backend = createLocalBackend({ path });
    await backend.create();
    assert.deepEqual((await readdir(path)).toSorted(), ['data', 'index', 'keys', 'locks', 'snapshots']);
    assert.equal((await readdir(join(path, 'data'))).length, 256);
    const name = 'ab'.repeat(32);
    for (const kind of fileKinds) await backend.save({ kind, name }, [Buffer.from('x')]);
    await backend.save({ kind: 'config' }, [Buffer.from('x')]);
    for (const folder of ['', 'data', 'data/ab', 'index', 'keys', 'locks', 'snapshots']) {
      assert.equal((await stat(join(path, folder))).mode & 0o7777, 0o700, folder);
    }
    for (const file of ['config', `data/ab/${name}`, `index/${name}`, `keys/${name}`, `locks/${name}`]) {
      assert.equal((await stat(join(path, file))).mode & 0o7777, 0o400, file);
    }
  });

  test('is shared with the group when its config is', async () => {
    const path = await freshFolder();
    await writeFile(join(path, 'config'), 'x');
    await chmod(join(path, 'config'), 0o440);
    await createLocalBackend({ path }).save({ kind: 'data', name: 'ab'.repeat(32) }, [Buffer.from('x')]);
    assert.equal((await stat(join(path, 'data', 'ab', 'ab'.repeat(32)))).mode & 0o777, 0o440);
    // The umask of the machine may take bits away from the folder; it is never wider.
    assert.equal((await stat(join(path, 'data', 'ab'))).mode & 0o757, 0o750);
  });

  test('gets back folders that vanished', async () => {
    const path = await freshFolder();
    const backend = createLocalBackend({ path });
    const name = 'cd'.repeat(32);
    for (const kind of fileKinds) {
      await backend.save({ kind, name }, [Buffer.from('x')]);
      assert.deepEqual(await listed(backend, kind), [{ name, sizeBytes: 1 }]);
    }
  });

  test('that is not there lists nothing before it was ever seen, and is an error once it vanished', async () => {
    const path = await freshFolder();
    const backend = createLocalBackend({ path });
    for (const kind of fileKinds) assert.deepEqual(await listed(backend, kind), []);
    await backend.create();
    await backend.save({ kind: 'config' }, [Buffer.from('x')]);
    await rename(path, `${path}-unmounted`);
    for (const kind of fileKinds) await rejectsWith('BACKEND_NOT_FOUND', listed(backend, kind));
    await mkdir(path);
    for (const kind of fileKinds) await rejectsWith('BACKEND_NOT_FOUND', listed(backend, kind));
  });

  test('lists nothing for a kind whose folder alone is missing', async () => {
    const path = await freshFolder();
    const backend = createLocalBackend({ path });
    await backend.save({ kind: 'config' }, [Buffer.from('x')]);
    assert.deepEqual(await listed(backend, 'snapshots'), []);
  });

  test('does not list packs in the folder of another, nor folders and links to nowhere', async () => {
    const path = await freshFolder();
    const backend = createLocalBackend({ path });
    await backend.create();
    await writeFile(join(path, 'data', '00', 'ab'.repeat(32)), 'misplaced');
    await writeFile(join(path, 'data', 'ab'.repeat(32)), 'misplaced');
    await mkdir(join(path, 'index', 'cd'.repeat(32)));
    for (const kind of fileKinds) assert.deepEqual(await listed(backend, kind), []);
  });

  test('is swept of temporary files older than a day, restic’s too, and of nothing else', async () => {
    const path = await freshFolder();
    const clock = createFakeClock({ start: new Date('2026-05-05T12:00:00Z') });
    const backend = createLocalBackend({ path });
    await backend.create();
    const id = 'ab'.repeat(32);
    const old = [`data/ab/${id}-tmp-deadbeef01`, `index/${id}-tmp-1234567890`, 'config-tmp-00ff'];
    const young = [`data/ab/${id}-tmp-cafe`];
    const others = ['notes-tmp-1', `index/${id}.bak`, `snapshots/${id}`, 'config'];
    for (const name of [...old, ...young, ...others]) {
      await writeFile(join(path, name), 'x');
      const at = new Date(young.includes(name) ? '2026-05-04T12:00:01Z' : '2026-05-04T11:59:00Z');
      await utimes(join(path, name), at, at);
    }
    assert.equal(await backend.removeLeftovers(clock), old.length);
    const left = await readdir(path, { recursive: true });
    for (const name of old) assert.ok(!left.includes(name), name);
    for (const name of [...young, ...others]) assert.ok(left.includes(name), name);
  });

  test('with thousands of packs is listed completely', async () => {
    const path = await freshFolder();
    const backend = createLocalBackend({ path });
    await backend.create();
    const names = Array.from({ length: 5000 }, (_, i) => createHash('sha256').update(String(i)).digest('hex'));
    await Promise.all(names.map((name) => writeFile(join(path, 'data', name.slice(0, 2), name), 'x')));
    assert.deepEqual(
      (await listed(backend, 'data')).map(({ name }) => name),
      names.toSorted(),
    );
  });

  test(
    'that may not be written gives BACKEND_DENIED, and still reads',
    { skip: isRoot ? false : 'needs root' },
    async () => {
      const path = await freshFolder();
      const backend = createLocalBackend({ path });
      await backend.create();
      await backend.save(pack(1).file, [pack(1).bytes]);
      for (const folder of [top, path, join(path, 'data'), join(path, 'data', pack(1).file.name.slice(0, 2))]) {
        await chmod(folder, 0o755);
      }
      await chmod(join(path, 'data', pack(1).file.name.slice(0, 2), pack(1).file.name), 0o444);
      process.seteuid?.(65534);
      try {
        await rejectsWith('BACKEND_DENIED', backend.save(pack(2).file, [pack(2).bytes]));
        await rejectsWith('BACKEND_DENIED', backend.remove(pack(1).file));
        assert.ok((await backend.load(pack(1).file)).equals(pack(1).bytes));
      } finally {
        process.seteuid?.(0);
      }
    },
  );
});

describe('a repository on a small disk', { skip: isRoot ? false : 'mounting a tmpfs needs root' }, () => {
  let disk = '';
  let mounted = false;
  before(async () => {
    disk = await mkdtemp(join(tmpdir(), 'coffre-disk-'));
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', disk], { stdio: 'pipe' });
      mounted = true;
    } catch {
      // No right to mount in this container: the tests below say so.
    }
  });
  after(async () => {
    if (mounted) execFileSync('umount', [disk]);
    await rm(disk, { recursive: true });
  });

  test('says BACKEND_FULL, keeps no part of the file, and goes on once there is room', async (t) => {
    if (!mounted) return t.skip('a tmpfs cannot be mounted here');
    const backend = createLocalBackend({ path: disk });
    await backend.create();
    const saved: Pack[] = [];
    for (let size = 300_000; ; size += 7919) {
      const next = pack(size);
      const error = await backend.save(next.file, [next.bytes]).then(
        () => undefined,
        (thrown: unknown) => thrown,
      );
      if (error !== undefined) {
        assert.ok(isCoffreError(error, 'BACKEND_FULL'));
        assert.equal(error.retryable, false);
        break;
      }
      saved.push(next);
    }
    assert.ok(saved.length > 5);
    assert.ok(!(await readdir(disk, { recursive: true })).some((name) => name.includes('tmp')));
    assert.equal((await listed(backend, 'data')).length, saved.length);
    for (const { file, bytes } of saved) assert.ok((await backend.load(file)).equals(bytes));
    const [first] = saved;
    assert.ok(first !== undefined);
    await backend.remove(first.file);
    await backend.save(pack(200_000).file, [pack(200_000).bytes]);
  });

  test('that is mounted read-only says BACKEND_DENIED', async (t) => {
    if (!mounted) return t.skip('a tmpfs cannot be mounted here');
    const backend = createLocalBackend({ path: disk });
    await backend.create();
    execFileSync('mount', ['-o', 'remount,ro', disk]);
    try {
      await rejectsWith('BACKEND_DENIED', backend.save({ kind: 'locks', name: 'ab'.repeat(32) }, [Buffer.from('x')]));
    } finally {
      execFileSync('mount', ['-o', 'remount,rw', disk]);
    }
  });
});

type Pack = { file: FileHandle & { kind: 'data' }; bytes: Buffer };

const salt = randomBytes(8);

function pack(sizeBytes: number): Pack {
  const bytes = Buffer.alloc(sizeBytes, salt);
  return { file: { kind: 'data', name: createHash('sha256').update(bytes).digest('hex') }, bytes };
}
