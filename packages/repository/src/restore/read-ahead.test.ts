import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { withCounts } from '../backend/counting.ts';
import { createMemoryBackend } from '../backend/memory.ts';
import { isCoffreError } from '../errors.ts';
import type { BlobId } from '../ids.ts';
import type { IndexedRepository } from '../index/indexed-repository.ts';
import { createSampleRepository } from '../testing/sample-repository.ts';
import { readContents } from './read-ahead.ts';

type File = { readonly name: string; readonly content: readonly BlobId[]; readonly bytes: Buffer };

/** So many files of so many pieces of so many bytes, all new. */
async function saved(files: number, pieces: number, pieceBytes: number) {
  const memory = createMemoryBackend();
  const backend = withCounts(memory);
  const { repository, host } = await createSampleRepository({ backend });
  const writer = (await repository.loadIndex()).openWriter();
  const written: File[] = [];
  for (let i = 0; i < files; i++) {
    const parts = Array.from({ length: pieces }, () => randomBytes(pieceBytes));
    const content: BlobId[] = [];
    for (const part of parts) content.push((await writer.saveBlob('data', part)).id);
    written.push({ name: `file ${i}`, content, bytes: Buffer.concat(parts) });
  }
  await writer.flush();
  return { memory, backend, host, indexed: await repository.loadIndex(), files: written };
}

async function contentsOf(indexed: IndexedRepository, files: readonly File[]): Promise<Map<string, Buffer | Error>> {
  const found = new Map<string, Buffer | Error>();
  await readContents(indexed, files, async ({ name }, bytes) => {
    try {
      const parts: Buffer[] = [];
      for await (const part of bytes) parts.push(part);
      found.set(name, Buffer.concat(parts));
    } catch (error) {
      assert.ok(error instanceof Error);
      found.set(name, error);
    }
  });
  return found;
}

test('many small pieces come with few reads of the storage, in order', async () => {
  const { backend, indexed, files } = await saved(300, 2, 2000);
  const before = backend.tally('load', 'data').calls;
  const found = await contentsOf(indexed, files);
  for (const { name, bytes } of files) assert.deepEqual(found.get(name), bytes);
  assert.ok(backend.tally('load', 'data').calls - before <= 4);
});

test('much is opened in threads, whatever order its packs have, and repeated pieces are whole each time', async () => {
  const { indexed, files } = await saved(6, 9, 600_000);
  const repeated = files.map(({ name, content, bytes }): File => {
    return { name, content: [...content, ...content, content[0] as BlobId], bytes };
  });
  const found = await contentsOf(indexed, repeated.toReversed());
  for (const { name, bytes } of files) {
    const twice = Buffer.concat([bytes, bytes, bytes.subarray(0, 600_000)]);
    assert.ok((found.get(name) as Buffer).equals(twice), name);
  }
});

for (const [size, pieceBytes] of [
  ['little', 1000],
  ['much', 700_000],
] as const) {
  test(`a damaged piece costs its own file only, with ${size} to read`, async () => {
    const { memory, indexed, files } = await saved(12, 2, pieceBytes);
    const hurt = files[5] as File;
    const place = indexed.place('data', hurt.content[1] as BlobId);
    assert.ok(place !== undefined);
    const pack = { kind: 'data', name: place.packId } as const;
    const bytes = Buffer.from(await memory.load(pack));
    bytes[place.offset + 40] = (bytes[place.offset + 40] as number) ^ 1;
    await memory.remove(pack);
    await memory.save(pack, [bytes]);
    const found = await contentsOf(indexed, files);
    for (const { name, bytes: whole } of files) {
      if (name === hurt.name) assert.ok(isCoffreError(found.get(name), 'REPO_BLOB_DAMAGED'));
      else assert.ok((found.get(name) as Buffer).equals(whole), name);
    }
  });
}

test('a pack that is gone is named by the file that needs it', async () => {
  const { memory, indexed, files } = await saved(3, 1, 3000);
  const place = indexed.place('data', (files[0] as File).content[0] as BlobId);
  await memory.remove({ kind: 'data', name: place?.packId ?? '' });
  const found = await contentsOf(indexed, files);
  for (const { name } of files) assert.ok(isCoffreError(found.get(name), 'REPO_BLOB_MISSING'));
});

test('what is left unread is passed over, and a reader that stops leaves no work behind', async () => {
  const { indexed, files } = await saved(10, 4, 400_000);
  const begins: Buffer[] = [];
  await readContents(indexed, files, async (_, bytes) => {
    for await (const part of bytes) {
      begins.push(part);
      return;
    }
  });
  assert.deepEqual(
    begins.map((part) => part.subarray(0, 9)),
    files.map(({ bytes }) => bytes.subarray(0, 9)),
  );
  const stop = new Error('enough');
  await assert.rejects(
    readContents(indexed, files, async () => {
      throw stop;
    }),
    stop,
  );
  await assert.rejects(
    readContents(indexed, files, async (_, bytes) => void (await bytes.next()), AbortSignal.abort()),
    (error) => isCoffreError(error, 'INTERRUPTED'),
  );
});
