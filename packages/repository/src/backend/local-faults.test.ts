import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { isCoffreError } from '../errors.ts';
import type { ErrorCode } from '../errors.ts';
import { listed, rejectsWith } from '../testing/backend-conformance.ts';
import { withLocalFaults } from '../testing/local-faults.ts';
import type { LocalFault, LocalFaultPlan, LocalOperation } from '../testing/local-faults.ts';
import { createLocalBackend } from './local.ts';
import type { LocalBackend } from './local.ts';
import { nodeLocalFiles } from './local-files.ts';

const codes: Record<string, ErrorCode> = {
  EIO: 'BACKEND_IO',
  EMFILE: 'BACKEND_IO',
  ESTALE: 'BACKEND_IO',
  ENOSPC: 'BACKEND_FULL',
  EDQUOT: 'BACKEND_FULL',
  EACCES: 'BACKEND_DENIED',
  EPERM: 'BACKEND_DENIED',
  EROFS: 'BACKEND_DENIED',
};

describe('a local save under faults', () => {
  let top = '';
  before(async () => (top = await mkdtemp(join(tmpdir(), 'coffre-faults-'))));
  after(() => rm(top, { recursive: true }));

  async function freshRepository(): Promise<string> {
    const path = await mkdtemp(join(top, 'repo-'));
    // No data/xx folder yet: making it on demand is part of what is tried.
    for (const kind of ['data', 'keys']) await nodeLocalFiles.makeFolder(join(path, kind), 0o700);
    return path;
  }

  function open(path: string, plan: LocalFaultPlan): LocalBackend {
    return createLocalBackend({ path, files: withLocalFaults(nodeLocalFiles, plan) });
  }

  const file = { kind: 'data', name: 'ab'.repeat(32) } as const;
  const bytes = randomBytes(100_000);
  const parts = [bytes.subarray(0, 1), bytes.subarray(1, 50_000), Buffer.alloc(0), bytes.subarray(50_000)];

  for (const [code, expected] of Object.entries(codes)) {
    test(`${code} at any call ends in a save that worked or a clean ${expected}`, async () => {
      const { places, passed } = await tryEachCall(
        (index) => fails(index, code),
        async (path, backend) => {
          const error = await backend.save(file, parts).then(
            () => undefined,
            (thrown: unknown) => thrown,
          );
          assert.ok(error === undefined || isCoffreError(error, expected), String(error));
          const [seen, strangers] = await lookAt(path);
          assert.deepEqual(strangers, [], 'no temporary file stays');
          assert.ok(seen === undefined || seen.equals(bytes), 'nothing partial under the final name');
          if (error === undefined) assert.ok(seen !== undefined, 'what was reported as saved is there');
          return error === undefined;
        },
      );
      // stat, space, createFile twice, makeFolder, syncFolder, write, sync, close, chmod, rename, syncFolder
      assert.equal(places, 12);
      // chmod is allowed to fail, and so is the question for free space.
      assert.equal(passed, 2);
    });
  }

  test('a kill at any call leaves nothing or the whole file under the final name, and a later save works', async () => {
    const { places } = await tryEachCall(
      (index) => (call) => (call.index === index ? { kind: 'crash' } : undefined),
      async (path, backend) => {
        await assert.rejects(backend.save(file, parts));
        const [seen, strangers] = await lookAt(path);
        assert.ok(seen === undefined || seen.equals(bytes));
        assert.ok(strangers.length <= 1);
        const again = createLocalBackend({ path });
        assert.deepEqual(
          await listed(again, 'data'),
          seen === undefined ? [] : [{ name: file.name, sizeBytes: 100_000 }],
        );
        await again.save(file, parts);
        assert.ok((await again.load(file)).equals(bytes));
        return false;
      },
    );
    assert.equal(places, 12);
  });

  test('a fault while an existing file is replaced keeps the old one or has the new one', async () => {
    const { places } = await tryEachCall(
      (index) => fails(index, 'EIO'),
      async (path, backend) => {
        const old = Buffer.from('old');
        await createLocalBackend({ path }).save(file, [old]);
        await backend.save(file, parts).catch(() => undefined);
        const [seen] = await lookAt(path);
        assert.ok(seen?.equals(old) || seen?.equals(bytes));
        return false;
      },
    );
    assert.equal(places, 9);
  });

  test('the bytes are flushed before the name appears, and the folder after', async () => {
    const files = withLocalFaults(nodeLocalFiles, () => undefined);
    const path = await freshRepository();
    await createLocalBackend({ path, files }).save(file, parts);
    const operations = files.calls.map(({ operation, path: place }) => `${operation} ${place.slice(path.length + 1)}`);
    const shown = operations.map((operation) =>
      operation.replace(/-tmp-[0-9a-f]{16}$/, '-tmp').replace(file.name, 'ID'),
    );
    assert.deepEqual(shown, [
      'stat config',
      'space data',
      'createFile data/ab/ID-tmp',
      'makeFolder data/ab',
      'syncFolder data',
      'createFile data/ab/ID-tmp',
      'write data/ab/ID-tmp',
      'sync data/ab/ID-tmp',
      'close data/ab/ID-tmp',
      'chmod data/ab/ID-tmp',
      'rename data/ab/ID-tmp',
      'syncFolder data/ab',
    ]);
  });

  test('a full disk that also refuses the removal of the temporary file is still BACKEND_FULL', async () => {
    const path = await freshRepository();
    const backend = open(
      path,
      atOperations({ write: { kind: 'error', code: 'ENOSPC' }, unlink: { kind: 'error', code: 'EIO' } }),
    );
    await rejectsWith('BACKEND_FULL', backend.save(file, parts));
    assert.deepEqual(await listed(backend, 'data'), []);
  });

  test('short writes are continued, down to one byte at a time', async () => {
    const path = await freshRepository();
    for (const most of [1, 7, 30_000]) {
      const small = bytes.subarray(0, most * 50);
      const backend = open(path, atOperations({ write: { kind: 'short', bytes: most } }));
      await backend.save(file, [small.subarray(0, 3), small.subarray(3, 3), small.subarray(3)]);
      assert.ok((await backend.load(file)).equals(small));
    }
  });

  test('a write that moves nothing is an error, not an endless loop', async () => {
    const backend = open(await freshRepository(), atOperations({ write: { kind: 'short', bytes: 0 } }));
    await rejectsWith('BACKEND_IO', backend.save(file, parts));
  });

  test('short reads of the system are continued; the end of the file is BACKEND_SHORT_READ', async () => {
    const path = await freshRepository();
    await createLocalBackend({ path }).save(file, parts);
    const backend = open(path, atOperations({ read: { kind: 'short', bytes: 999 } }));
    assert.ok((await backend.load(file)).equals(bytes));
    const ending = open(path, atOperations({ read: { kind: 'short', bytes: 0 } }));
    await rejectsWith('BACKEND_SHORT_READ', ending.load(file));
  });

  test('a storage that cannot flush is used all the same; a flush that fails is an error', async () => {
    const path = await freshRepository();
    for (const code of ['ENOTSUP', 'EINVAL', 'ENOSYS']) {
      const fault: LocalFault = { kind: 'error', code };
      await open(path, atOperations({ sync: fault, syncFolder: fault })).save(file, parts);
    }
    const failing = open(path, atOperations({ syncFolder: { kind: 'error', code: 'EIO' } }));
    await rejectsWith('BACKEND_IO', failing.save(file, parts));
    await rejectsWith('BACKEND_IO', failing.remove(file));
  });

  test('every error of load, stat, remove and list has its code', async () => {
    const path = await freshRepository();
    await createLocalBackend({ path }).save(file, parts);
    for (const [code, expected] of Object.entries(codes)) {
      for (const at of ['openFile', 'size', 'read'] as const) {
        await rejectsWith(expected, open(path, atOperations({ [at]: { kind: 'error', code } })).load(file));
      }
      const denied = open(path, atOperations({ stat: { kind: 'error', code }, unlink: { kind: 'error', code } }));
      await rejectsWith(expected, denied.stat(file));
      await rejectsWith(expected, denied.remove(file));
      await rejectsWith(expected, listed(denied, 'data'));
      await rejectsWith(expected, listed(open(path, atOperations({ readFolder: { kind: 'error', code } })), 'data'));
    }
  });

  /** A new repository and backend per place; counts the places and those where `body` says that it went through. */
  async function tryEachCall(
    planAt: (index: number) => LocalFaultPlan,
    body: (path: string, backend: LocalBackend) => Promise<boolean>,
  ): Promise<{ places: number; passed: number }> {
    let passed = 0;
    for (let index = 0; ; index += 1) {
      let met = false;
      const plan = planAt(index);
      const path = await freshRepository();
      const went = await body(
        path,
        open(path, (call) => {
          const fault = plan(call);
          met ||= fault !== undefined;
          return fault;
        }),
      ).catch((error: unknown) => {
        // Beyond the last call nothing is left to fail.
        if (met) throw error;
        return false;
      });
      if (!met) return { places: index, passed };
      passed += went ? 1 : 0;
    }
  }

  async function lookAt(path: string): Promise<[Buffer | undefined, string[]]> {
    const backend = createLocalBackend({ path });
    const seen = await backend.load(file).catch(() => undefined);
    const names = await readdir(join(path, 'data'), { recursive: true });
    return [seen, names.filter((name) => name.includes('tmp'))];
  }
});

function fails(index: number, code: string): LocalFaultPlan {
  return (call) => (call.index === index ? { kind: 'error', code } : undefined);
}

function atOperations(faults: Partial<Record<LocalOperation, LocalFault>>): LocalFaultPlan {
  return ({ operation }) => faults[operation];
}
