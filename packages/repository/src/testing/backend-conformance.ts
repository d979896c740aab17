import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { describe, test } from 'node:test';
import { fileKinds } from '../backend/backend.ts';
import type { Backend, FileHandle, FileKind, ListedFile } from '../backend/backend.ts';
import { isCoffreError } from '../errors.ts';
import type { ErrorCode } from '../errors.ts';

export type ConformanceSubject = {
  backend: Backend;
  /** Puts a file beside the repository's own, as a person or another program might; absent where that cannot be done. */
  putStranger?: (kind: FileKind, name: string) => Promise<void>;
  dispose?: () => Promise<void>;
};

const largeBytes = 32 * 1024 * 1024;

/** The contract of `Backend` as tests. `makeSubject` gives an empty storage on which `create` has not been called. */
export function backendConformance(name: string, makeSubject: () => Promise<ConformanceSubject>): void {
  function contract(sentence: string, body: (subject: ConformanceSubject) => Promise<void>): void {
    test(sentence, async () => {
      const subject = await makeSubject();
      try {
        await subject.backend.create();
        await body(subject);
      } finally {
        await subject.backend.close();
        await subject.dispose?.();
      }
    });
  }

  describe(`${name} keeps the storage contract`, () => {
    describe('saving and loading', () => savingAndLoading(contract));
    describe('listing and removing', () => listingAndRemoving(contract));
    describe('stopping and racing', () => stoppingAndRacing(contract));
  });
}

type Contract = (sentence: string, body: (subject: ConformanceSubject) => Promise<void>) => void;

function savingAndLoading(contract: Contract): void {
  contract('every kind of file comes back as it was saved', async ({ backend }) => {
    for (const kind of fileKinds) {
      const { file, bytes } = sample(kind, 1000);
      await backend.save(file, [bytes]);
      assert.deepEqual(await backend.load(file), bytes);
      assert.deepEqual(await backend.stat(file), { sizeBytes: 1000 });
    }
  });

  contract('the config has no id and is saved, loaded and asked for like other files', async ({ backend }) => {
    const config: FileHandle = { kind: 'config' };
    await rejectsWith('BACKEND_NOT_FOUND', backend.stat(config));
    await rejectsWith('BACKEND_NOT_FOUND', backend.load(config));
    const bytes = randomBytes(155);
    await backend.save(config, [bytes]);
    assert.deepEqual(await backend.load(config), bytes);
    assert.deepEqual(await backend.stat(config), { sizeBytes: 155 });
  });

  contract('many parts, empty ones among them, are stored one after the other', async ({ backend }) => {
    const parts = Array.from({ length: 3000 }, (_, i) => randomBytes(i % 7));
    const bytes = Buffer.concat(parts);
    const { file } = named('data', bytes);
    await backend.save(file, parts);
    assert.deepEqual(await backend.load(file), bytes);
  });

  contract('an empty file is a file', async ({ backend }) => {
    const { file } = named('snapshots', Buffer.alloc(0));
    await backend.save(file, []);
    assert.equal((await backend.load(file)).byteLength, 0);
    assert.deepEqual(await listed(backend, 'snapshots'), [{ name: nameOf(file), sizeBytes: 0 }]);
  });

  contract('a file of 32 MiB comes back, whole and in ranges', async ({ backend }) => {
    const { file, bytes } = sample('data', largeBytes);
    await backend.save(file, [bytes.subarray(0, 5), bytes.subarray(5, largeBytes / 2), bytes.subarray(largeBytes / 2)]);
    assert.ok((await backend.load(file)).equals(bytes));
    const middle = await backend.load(file, { offset: largeBytes / 2 - 100_000, length: 200_000 });
    assert.ok(middle.equals(bytes.subarray(largeBytes / 2 - 100_000, largeBytes / 2 + 100_000)));
  });

  contract('any range inside a file can be read', async ({ backend }) => {
    const { file, bytes } = sample('data', 5000);
    await backend.save(file, [bytes]);
    const ranges = [
      [0, 1],
      [0, 5000],
      [4999, 1],
      [17, 3000],
      [0, 0],
      [5000, 0],
    ] as const;
    for (const [offset, length] of ranges) {
      assert.deepEqual(await backend.load(file, { offset, length }), bytes.subarray(offset, offset + length));
    }
    assert.deepEqual(await backend.load(file, { offset: 4000 }), bytes.subarray(4000));
    assert.deepEqual(await backend.load(file, { length: 10 }), bytes.subarray(0, 10));
  });

  contract('a range past the end is a short read, never fewer bytes', async ({ backend }) => {
    const { file, bytes } = sample('data', 100);
    await backend.save(file, [bytes]);
    await rejectsWith('BACKEND_SHORT_READ', backend.load(file, { offset: 50, length: 51 }));
    await rejectsWith('BACKEND_SHORT_READ', backend.load(file, { offset: 200, length: 1 }));
    await rejectsWith('BACKEND_SHORT_READ', backend.load(file, { offset: 101 }));
  });

  contract('the loaded buffer belongs to the caller alone', async ({ backend }) => {
    const { file, bytes } = sample('index', 100);
    await backend.save(file, [bytes]);
    const first = await backend.load(file);
    first.fill(0);
    assert.equal(first.buffer.byteLength, 100, 'it can be handed to a worker without dragging a pool along');
    assert.deepEqual(await backend.load(file), bytes);
  });

  contract('the saved bytes are not tied to the buffer of the caller', async ({ backend }) => {
    const { file, bytes } = sample('index', 100);
    const passed = Buffer.from(bytes);
    await backend.save(file, [passed]);
    passed.fill(0);
    assert.deepEqual(await backend.load(file), bytes);
  });

  contract('an existing name is replaced, or refused where the storage does not replace', async ({ backend }) => {
    const { file } = sample('keys', 10);
    await backend.save(file, [Buffer.from('first')]);
    if (backend.replacesAtomically) {
      await backend.save(file, [Buffer.from('the second')]);
      assert.equal((await backend.load(file)).toString(), 'the second');
      await backend.save(file, [Buffer.from('3')]);
      assert.equal((await backend.load(file)).toString(), '3');
    } else {
      await rejectsWith('BACKEND_EXISTS', backend.save(file, [Buffer.from('the second')]));
      assert.equal((await backend.load(file)).toString(), 'first');
    }
  });

  contract(
    'a range read before a file was replaced or removed is not read again from the old one',
    async ({ backend }) => {
      const { file } = sample('data', 10);
      await backend.save(file, [Buffer.from('first content')]);
      assert.equal((await backend.load(file, { offset: 0, length: 5 })).toString(), 'first');
      if (!backend.replacesAtomically) await backend.remove(file);
      await backend.save(file, [Buffer.from('other content')]);
      assert.equal((await backend.load(file, { offset: 0, length: 5 })).toString(), 'other');
      await backend.remove(file);
      await rejectsWith('BACKEND_NOT_FOUND', backend.load(file, { offset: 0, length: 5 }));
    },
  );

  contract('create can be called again without harm', async ({ backend }) => {
    const { file, bytes } = sample('keys', 10);
    await backend.save(file, [bytes]);
    await backend.create();
    assert.deepEqual(await backend.load(file), bytes);
  });
}

function listingAndRemoving(contract: Contract): void {
  contract('a missing file is BACKEND_NOT_FOUND, and no later try is promised to help', async ({ backend }) => {
    for (const kind of fileKinds) {
      const { file } = sample(kind, 10);
      const calls = [
        () => backend.load(file),
        () => backend.load(file, { length: 1 }),
        () => backend.stat(file),
        () => backend.remove(file),
      ];
      for (const call of calls) {
        await assert.rejects(call(), (error) => isCoffreError(error, 'BACKEND_NOT_FOUND') && !error.retryable);
      }
    }
  });

  contract('a list has each file once, with its size, and only of its kind', async ({ backend }) => {
    const expected = new Map<FileKind, ListedFile[]>();
    for (const kind of fileKinds) {
      const samples = Array.from({ length: 70 }, (_, i) => sample(kind, i));
      await Promise.all(samples.map(({ file, bytes }) => backend.save(file, [bytes])));
      expected.set(
        kind,
        samples.map(({ file, bytes }) => ({ name: nameOf(file), sizeBytes: bytes.byteLength })),
      );
    }
    await backend.save({ kind: 'config' }, [Buffer.from('config')]);
    for (const kind of fileKinds) {
      assert.deepEqual(await listed(backend, kind), (expected.get(kind) ?? []).toSorted(byName));
    }
  });

  contract('names that are not 64 hex digits are not listed', async ({ backend, putStranger }) => {
    const { file, bytes } = sample('index', 10);
    await backend.save(file, [bytes]);
    const strangers = [
      'notes.txt',
      `${nameOf(file)}-tmp-123`,
      nameOf(file).slice(1),
      'A'.repeat(64),
      `${'a'.repeat(64)}.bak`,
    ];
    for (const kind of fileKinds) for (const name of strangers) await putStranger?.(kind, name);
    assert.deepEqual(await listed(backend, 'index'), [{ name: nameOf(file), sizeBytes: 10 }]);
    for (const kind of ['data', 'keys', 'locks', 'snapshots'] as const)
      assert.deepEqual(await listed(backend, kind), []);
  });

  contract('a list can be left before its end', async ({ backend }) => {
    const samples = Array.from({ length: 5 }, () => sample('data', 10));
    await Promise.all(samples.map(({ file, bytes }) => backend.save(file, [bytes])));
    for await (const { sizeBytes } of backend.list('data')) {
      assert.equal(sizeBytes, 10);
      break;
    }
    assert.equal((await listed(backend, 'data')).length, 5);
  });

  contract('files may be removed while they are listed', async ({ backend }) => {
    const samples = Array.from({ length: 150 }, () => sample('locks', 10));
    await Promise.all(samples.map(({ file, bytes }) => backend.save(file, [bytes])));
    for await (const { name } of backend.list('locks')) await backend.remove({ kind: 'locks', name });
    assert.deepEqual(await listed(backend, 'locks'), []);
  });

  contract('a removed file is gone, and others stay', async ({ backend }) => {
    const [gone, stays] = [sample('snapshots', 10), sample('snapshots', 20)];
    for (const { file, bytes } of [gone, stays]) await backend.save(file, [bytes]);
    await backend.remove(gone.file);
    await rejectsWith('BACKEND_NOT_FOUND', backend.load(gone.file));
    await rejectsWith('BACKEND_NOT_FOUND', backend.remove(gone.file));
    assert.deepEqual(await listed(backend, 'snapshots'), [{ name: nameOf(stays.file), sizeBytes: 20 }]);
    await backend.save(gone.file, [gone.bytes]);
    assert.deepEqual(await backend.load(gone.file), gone.bytes);
  });

  contract('a name that is no id never reaches the storage', async ({ backend }) => {
    for (const name of ['../config', 'ab', '', `${'a'.repeat(63)}/`]) {
      const file: FileHandle = { kind: 'keys', name };
      await assert.rejects(backend.save(file, [Buffer.from('x')]));
      await assert.rejects(backend.load(file));
      await assert.rejects(backend.remove(file));
    }
  });
}

function stoppingAndRacing(contract: Contract): void {
  contract('an aborted save leaves nothing, and rejects with the reason', async ({ backend }) => {
    const { file, bytes } = sample('data', 1000);
    const reason = new Error('stop');
    await assert.rejects(backend.save(file, [bytes], AbortSignal.abort(reason)), (error) => error === reason);
    await assert.rejects(backend.load(file, { signal: AbortSignal.abort(reason) }), (error) => error === reason);
    assert.deepEqual(await listed(backend, 'data'), []);
  });

  contract('a save aborted on its way is there whole or not at all', async ({ backend }) => {
    for (let waitMs = 0; waitMs < 8; waitMs += 1) {
      const { file, bytes } = sample('data', 3_000_000);
      const stop = new AbortController();
      const timer = setTimeout(() => stop.abort(), waitMs);
      const saved = await backend.save(file, [bytes], stop.signal).then(
        () => true,
        () => false,
      );
      clearTimeout(timer);
      if (saved) assert.ok((await backend.load(file)).equals(bytes));
      for (const { name, sizeBytes } of await listed(backend, 'data')) {
        if (name === nameOf(file)) assert.equal(sizeBytes, bytes.byteLength);
      }
    }
  });

  contract('saves of many files at once all succeed', async ({ backend }) => {
    const samples = Array.from({ length: 64 }, (_, i) => sample(i % 2 === 0 ? 'data' : 'index', 10_000 + i));
    await Promise.all(samples.map(({ file, bytes }) => backend.save(file, [bytes])));
    const loads = await Promise.all(samples.map(({ file }) => backend.load(file)));
    for (const [i, { bytes }] of samples.entries()) assert.ok(loads[i]?.equals(bytes));
  });

  contract('saves of one name at once leave one whole file', async ({ backend }) => {
    const { file, bytes } = sample('data', 300_000);
    const outcomes = await Promise.allSettled(Array.from({ length: 8 }, () => backend.save(file, [bytes])));
    for (const outcome of outcomes) {
      if (outcome.status === 'fulfilled') continue;
      assert.ok(!backend.replacesAtomically && isCoffreError(outcome.reason, 'BACKEND_EXISTS'), String(outcome.reason));
    }
    assert.ok((await backend.load(file)).equals(bytes));
    assert.equal((await listed(backend, 'data')).length, 1);
  });

  contract('a reader beside a replacing writer sees the old file or the new', async ({ backend }) => {
    if (!backend.replacesAtomically) return;
    const { file } = sample('data', 1);
    const [old, fresh] = [Buffer.alloc(200_000, 1), Buffer.alloc(200_000, 2)];
    await backend.save(file, [old]);
    const race = { over: false };
    const writer = (async () => {
      for (let round = 0; round < 10; round += 1) await backend.save(file, [round % 2 === 0 ? fresh : old]);
    })().finally(() => (race.over = true));
    do {
      const seen = await backend.load(file);
      assert.ok(seen.equals(old) || seen.equals(fresh), 'a mixture was read');
    } while (!race.over);
    await writer;
  });
}

type Sample = { file: FileHandle & { kind: FileKind; name: string }; bytes: Buffer };

function sample(kind: FileKind, size: number): Sample {
  return named(kind, randomBytes(size), randomBytes(8));
}

function named(kind: FileKind, bytes: Buffer, salt: Buffer = Buffer.alloc(0)): Sample {
  return { file: { kind, name: createHash('sha256').update(bytes).update(salt).digest('hex') }, bytes };
}

function nameOf(file: Sample['file']): string {
  return file.name;
}

/** In the order of names, without the times, which not every storage tells. */
export async function listed(backend: Backend, kind: FileKind): Promise<ListedFile[]> {
  const files = await Array.fromAsync(backend.list(kind), ({ name, sizeBytes }) => ({ name, sizeBytes }));
  return files.toSorted(byName);
}

function byName(a: ListedFile, b: ListedFile): number {
  return a.name < b.name ? -1 : 1;
}

export async function rejectsWith(code: ErrorCode, call: Promise<unknown>): Promise<void> {
  await assert.rejects(call, (error) => {
    assert.ok(isCoffreError(error, code), `${code} was expected, not ${String(error)}`);
    return true;
  });
}
