import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { isCoffreError } from '../errors.ts';
import { rejectsWith } from '../testing/backend-conformance.ts';
import { createFakeClock } from '../testing/fake-clock.ts';
import { systemError } from '../testing/local-faults.ts';
import { createLocalBackend } from './local.ts';
import type { LocalBackendOptions } from './local.ts';
import { nodeLocalFiles } from './local-files.ts';
import type { LocalFiles } from './local-files.ts';
import type { MountNote } from './local-volume.ts';

const mib = 2 ** 20;
const config = { kind: 'config' } as const;
const pack = (n: number) => ({ kind: 'data', name: n.toString(16).padStart(64, '0') }) as const;
const snapshot = { kind: 'snapshots', name: 'cd'.repeat(32) } as const;

/** A real folder whose file system can be told to be another one, to fill up, or to grow stale. */
async function yard() {
  const top = await mkdtemp(join(tmpdir(), 'coffre-volume-'));
  const mount = join(top, 'nas');
  const path = join(mount, 'backup', 'repo');
  const told = { mounted: true, freeBytes: 1000 * mib, totalBytes: 2000 * mib, asked: 0, stale: 0 };
  const files: LocalFiles = {
    ...nodeLocalFiles,
    async stat(place) {
      const found = await nodeLocalFiles.stat(place);
      return told.mounted && `${place}/`.startsWith(`${mount}/`) ? { ...found, device: -1 } : found;
    },
    async space() {
      told.asked += 1;
      return told;
    },
    async openFile(place) {
      const open = await nodeLocalFiles.openFile(place);
      return {
        ...open,
        async read(...range) {
          if (told.stale === 0) return open.read(...range);
          told.stale -= 1;
          throw systemError('ESTALE', 'read');
        },
      };
    },
  };
  let text: string | undefined;
  const note: MountNote = {
    read: async () => text,
    write: async (fresh) => void (text = fresh),
  };
  const clock = createFakeClock();
  const open = (options: Partial<LocalBackendOptions> = {}) =>
    createLocalBackend({ path, files, clock, mountNote: note, ...options });
  const first = open();
  await first.create();
  await first.save(config, [Buffer.from('config')]);
  await first.stat(config);
  return {
    told,
    clock,
    open,
    first,
    mount,
    note: () => text,
    [Symbol.asyncDispose]: () => rm(top, { recursive: true }),
  };
}

describe('a repository on a mount', () => {
  test('is refused when the mount is gone, also where a folder with a repository lies beneath', async () => {
    await using place = await yard();
    assert.equal(place.note(), place.mount);
    place.told.mounted = false;
    await rejectsWith('BACKEND_NOT_MOUNTED', place.open().stat(config));
    await rejectsWith('BACKEND_NOT_MOUNTED', place.open().create());
    await rm(place.mount, { recursive: true });
    await rejectsWith('BACKEND_NOT_MOUNTED', place.open().stat(config));
  });

  test('is found again when the mount is back, and forgotten when it was moved on purpose', async () => {
    await using place = await yard();
    place.told.mounted = false;
    await rejectsWith('BACKEND_NOT_MOUNTED', place.open().stat(config));
    place.told.mounted = true;
    await place.open().stat(config);
    place.told.mounted = false;
    await place.open({ anyMount: true }).stat(config);
    assert.equal(place.note(), '');
    await place.open().stat(config);
  });

  test('gets nothing more once it was unmounted under a running backup', async () => {
    await using place = await yard();
    await place.first.save(pack(1), [Buffer.alloc(10)]);
    place.told.mounted = false;
    await rejectsWith('BACKEND_NOT_MOUNTED', place.first.save(snapshot, [Buffer.alloc(10)]));
    await place.clock.advance(1000);
    await rejectsWith('BACKEND_NOT_MOUNTED', place.first.save(pack(2), [Buffer.alloc(10)]));
  });

  test('gets no folder made on what lies beneath, even within the second', async () => {
    await using place = await yard();
    await place.first.save(pack(1), [Buffer.alloc(10)]);
    place.told.mounted = false;
    await rm(place.mount, { recursive: true });
    await rejectsWith('BACKEND_NOT_MOUNTED', place.first.save(pack(2), [Buffer.alloc(10)]));
    await assert.rejects(nodeLocalFiles.stat(place.mount));
  });

  test('that cannot be noted is used all the same', async () => {
    await using place = await yard();
    const broken = async (): Promise<never> => {
      throw systemError('EACCES', 'note');
    };
    await place.open({ mountNote: { read: broken, write: broken } }).stat(config);
  });
});

describe('room on the disk', () => {
  test('is asked for before a pack is written, once a second at most, and what was written counts', async () => {
    await using place = await yard();
    place.told.freeBytes = 22 * mib;
    place.told.asked = 0;
    await place.first.save(pack(1), [Buffer.alloc(mib)]);
    await rejectsWith('BACKEND_FULL', place.first.save(pack(2), [Buffer.alloc(2 * mib)]));
    assert.equal(place.told.asked, 1);
    await place.clock.advance(1000);
    await place.first.save(pack(2), [Buffer.alloc(2 * mib)]);
    assert.equal(place.told.asked, 2);
  });

  test('is kept in reserve for indexes, snapshots and locks', async () => {
    await using place = await yard();
    place.told.freeBytes = 2 * mib;
    const refused = await place.first.save(pack(1), [Buffer.alloc(mib)]).catch((error: unknown) => error);
    assert.ok(isCoffreError(refused, 'BACKEND_FULL'));
    assert.match(refused.message, /has 2\.0 MiB free, too little to save data\/0+1 \(21\.0 MiB with the reserve\)$/);
    await place.first.save(snapshot, [Buffer.alloc(mib)]);
    place.told.freeBytes = 0;
    await rejectsWith('BACKEND_FULL', place.first.save(snapshot, [Buffer.alloc(mib)]));
    await place.first.save({ kind: 'locks', name: snapshot.name }, [Buffer.alloc(100)]);
  });

  test('does not matter where the file system does not tell', async () => {
    await using place = await yard();
    Object.assign(place.told, { freeBytes: 0, totalBytes: 0 });
    await place.first.save(pack(1), [Buffer.alloc(mib)]);
  });
});

test('a stale handle can be tried again, and the next try opens the file anew', async () => {
  await using place = await yard();
  await place.first.save(pack(1), [Buffer.from('0123456789')]);
  const range = { offset: 2, length: 3 };
  assert.equal((await place.first.load(pack(1), range)).toString(), '234');
  place.told.stale = 1;
  const failed = await place.first.load(pack(1), range).catch((error: unknown) => error);
  assert.ok(isCoffreError(failed, 'BACKEND_IO') && failed.retryable);
  assert.equal((await place.first.load(pack(1), range)).toString(), '234');
});
