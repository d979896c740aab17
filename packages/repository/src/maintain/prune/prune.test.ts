import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sha256Hex } from '../../crypto/hash.ts';
import { isCoffreError, type ErrorCode } from '../../errors.ts';
import { encodeIndexFile, parseIndexFile } from '../../format/index-file.ts';
import { encodeHeader, type HeaderEntry } from '../../format/pack-header.ts';
import { parseId, type IndexId, type PackId, type SnapshotId } from '../../ids.ts';
import {
  addSnapshot,
  assertAllIsWell,
  createPruneYard,
  forgetSnapshots,
  hourMs,
  noLock,
  packsIn,
  runPrune,
  type PruneYard,
} from '../../testing/prune-yard.ts';
import { addSnapshotFile } from '../../testing/sample-repository.ts';
import type { PruneOptions } from './prune.ts';

async function grownYard(snapshots = 6, forgotten = 3, seed = 1): Promise<PruneYard> {
  const yard = await createPruneYard({ seed });
  for (let n = 0; n < snapshots; n++) await addSnapshot(yard);
  await forgetSnapshots(yard, forgotten);
  return yard;
}

test('an instant prune keeps every snapshot and leaves nothing unused', async () => {
  const yard = await grownYard();
  const before = packsIn(yard).length;
  const result = await runPrune(await yard.open(), { graceMs: 0, maxUnused: { kind: 'bytes', bytes: 0 } });
  assert.ok(result.deleted.packs > 0);
  assert.ok(packsIn(yard).length < before);
  await assertAllIsWell(yard);
  const again = await runPrune(await yard.open(), { graceMs: 0, maxUnused: { kind: 'bytes', bytes: 0 } });
  assert.deepEqual(again.plan.figures.unused, { blobs: 0, bytes: 0 });
  assert.deepEqual([again.plan.remove, again.plan.repack], [[], []]);
});

test('what is marked stays for the grace period and goes with the first prune after it', async () => {
  const yard = await grownYard();
  const before = new Set(packsIn(yard));
  const first = await runPrune(await yard.open());
  assert.ok(first.marked.packs > 0);
  assert.equal(first.deleted.packs, 0);
  assert.equal(first.freedMs, Number(yard.host.clock.nowNs() / 1_000_000n) + 23 * hourMs);
  for (const pack of before) assert.ok(packsIn(yard).includes(pack));
  assert.equal((await assertAllIsWell(yard)).hints, 0, 'a check knows what is marked');

  await yard.host.clock.advance(22 * hourMs);
  const early = await runPrune(await yard.open());
  assert.equal(early.deleted.packs, 0);
  assert.equal(early.plan.figures.marked.waiting.packs, first.marked.packs);
  assert.equal(early.plan.figures.marked.waiting.bytes, first.marked.bytes);

  await yard.host.clock.advance(2 * hourMs);
  const late = await runPrune(await yard.open());
  assert.equal(late.deleted.packs, first.marked.packs);
  assert.equal(late.deleted.bytes, first.marked.bytes);
  await assertAllIsWell(yard);
  assert.deepEqual((await runPrune(await yard.open())).plan.figures.unindexed.packs, 0);
});

test('a dry run writes nothing', async () => {
  const yard = await grownYard();
  const before = [...yard.backend.files.keys()];
  const result = await runPrune(await yard.open(), { dryRun: true, graceMs: 0 });
  assert.ok(result.plan.remove.length + result.plan.repack.length > 0);
  assert.deepEqual([...yard.backend.files.keys()], before);
});

const instant = { graceMs: 0, maxUnused: { kind: 'bytes', bytes: 0 } } as const;

test('beside a snapshot that cannot be read nothing is removed', async () => {
  const yard = await grownYard();
  const name = [...yard.backend.files.keys()].find((key) => key.startsWith('snapshots/'));
  (yard.backend.files.get(name as string) as Buffer)[40]! ^= 1;
  await assertRefused(yard, 'REPO_FILE_DAMAGED');
});

test('beside an index that cannot be read nothing is removed', async () => {
  const yard = await grownYard();
  const name = [...yard.backend.files.keys()].find((key) => key.startsWith('index/'));
  (yard.backend.files.get(name as string) as Buffer)[40]! ^= 1;
  await assertRefused(yard, 'REPO_FILE_DAMAGED');
});

test('without an index file that is needed nothing is removed, and the missing blob is named', async () => {
  const yard = await grownYard();
  for (const name of [...yard.backend.files.keys()].filter((key) => key.startsWith('index/')).slice(-1)) {
    yard.backend.files.delete(name);
  }
  await assertRefused(yard, 'REPO_BLOB_MISSING');
});

test('a pack that is needed and not there, or not as long as the index says, ends it', async () => {
  for (const [code, harm] of [
    ['REPO_FILE_MISSING', (yard: PruneYard, name: string) => void yard.backend.files.delete(name)],
    [
      'REPO_PACK_DAMAGED',
      (yard: PruneYard, name: string) => {
        const bytes = yard.backend.files.get(name) as Buffer;
        yard.backend.files.set(name, Buffer.concat([bytes, bytes.subarray(0, 1)]));
      },
    ],
  ] as const) {
    const yard = await grownYard(3, 0);
    const name = [...yard.backend.files.keys()].find((key) => key.startsWith('data/')) as string;
    harm(yard, name);
    const repository = await yard.open();
    const error = await runPrune(repository, instant).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    assert.ok(isCoffreError(error), String(error));
    // A tree that is gone stops the walk before packs are counted.
    assert.ok(error.code === code || error.code === 'REPO_BLOB_MISSING', error.code);
  }
});

async function assertRefused(yard: PruneYard, code: ErrorCode): Promise<void> {
  const before = [...yard.backend.files.keys()];
  await assert.rejects(async () => runPrune(await yard.open(), instant), { code });
  assert.deepEqual([...yard.backend.files.keys()], before);
}

test('a damaged blob that must be repacked ends it before anything goes', async () => {
  const yard = await grownYard();
  const plan = (await runPrune(await yard.open(), { ...instant, dryRun: true })).plan;
  assert.ok(plan.repack.length > 0);
  for (const id of plan.repack) {
    const bytes = yard.backend.files.get(`data/${id}`) as Buffer;
    // Into the ciphertext of every blob, one after the other.
    for (let at = 20; at < bytes.byteLength - 400; at += 40) bytes[at]! ^= 1;
  }
  const before = packsIn(yard);
  await assert.rejects(async () => runPrune(await yard.open(), instant), isCoffreError);
  for (const pack of before) assert.ok(packsIn(yard).includes(pack));
});

test('version 1 with mixed packs and further copies ends with one copy of everything in clean packs', async () => {
  const yard = await createPruneYard({ version: 1, seed: 4 });
  await addSnapshot(yard);
  await addMixedPack(yard);
  const indexName = [...yard.backend.files.keys()].find((key) => key.startsWith('index/'));
  yard.backend.files.delete(indexName as string);
  await addMixedPack(yard);
  await addSnapshot(yard);
  const { plan } = await runPrune(await yard.open(), instant);
  assert.ok(plan.figures.duplicate.blobs > 0);
  assert.ok(plan.repack.length > 0);
  assert.ok(plan.unindexed.length > 0);
  await assertAllIsWell(yard);
  const again = (await runPrune(await yard.open(), instant)).plan.figures;
  assert.deepEqual([again.duplicate.blobs, again.unused.blobs, again.packs.partlyUsed], [0, 0, 0]);
});

/** Every blob there is once more, trees and data side by side. */
async function addMixedPack(yard: PruneYard): Promise<void> {
  const repository = await yard.open();
  const indexed = await repository.loadIndex();
  const blobs: HeaderEntry[] = [];
  const parts: Buffer[] = [];
  for (const { type, id } of indexed.blobs()) {
    const sealed = repository.sealer.seal(await indexed.loadBlob(type, id), yard.host.random);
    blobs.push({ type, id, length: sealed.byteLength });
    parts.push(sealed);
  }
  const header = repository.sealer.seal(encodeHeader(blobs), yard.host.random);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(header.byteLength);
  const bytes = Buffer.concat([...parts, header, length]);
  const id = parseId<PackId>(sha256Hex(bytes));
  await repository.backend.save({ kind: 'data', name: id }, [bytes]);
  let offset = 0;
  const indexedBlobs = blobs.map((blob) => {
    const placed = { ...blob, offset };
    offset += blob.length;
    return placed;
  });
  await repository.saveUnpacked('index', encodeIndexFile({ packs: [{ id, blobs: indexedBlobs }] }));
}

test('one pack that is split over several index files keeps all its blobs', async () => {
  const yard = await grownYard(4, 1);
  const repository = await yard.open();
  for (const { id } of await repository.listIds('index')) {
    const { packs } = parseIndexFile(await repository.loadUnpacked('index', id));
    for (const pack of packs) {
      const half = Math.ceil(pack.blobs.length / 2);
      for (const blobs of [pack.blobs.slice(0, half), pack.blobs.slice(half)]) {
        await repository.saveUnpacked('index', encodeIndexFile({ packs: [{ id: pack.id, blobs }] }));
      }
    }
    await repository.remove('index', id);
  }
  await assertAllIsWellButSplit(yard);
  await runPrune(await yard.open(), instant);
  await assertAllIsWell(yard);
});

async function assertAllIsWellButSplit(yard: PruneYard): Promise<void> {
  const indexed = await (await yard.open()).loadIndex();
  for (const { type, id } of indexed.blobs()) await indexed.loadBlob(type, id);
}

test('files that no index names are marked like packs, and go after the grace period', async () => {
  const yard = await grownYard(2, 0);
  const stray = 'ab'.repeat(32);
  yard.backend.files.set(`data/${stray}`, Buffer.from('left by a killed backup'));
  const first = await runPrune(await yard.open());
  assert.deepEqual(first.plan.unindexed, [stray]);
  assert.equal(first.marked.packs, 1);
  assert.deepEqual((await runPrune(await yard.open())).plan.unindexed, []);
  await yard.host.clock.advance(24 * hourMs);
  assert.equal((await runPrune(await yard.open())).deleted.packs, 1);
  assert.ok(!packsIn(yard).includes(stray));
  await assertAllIsWell(yard);
});

test('a marked pack that a newer snapshot needs comes back into the index', async () => {
  const yard = await grownYard(4, 0);
  const [forgotten] = yard.trees.keys() as Iterable<SnapshotId>;
  const repository = await yard.open();
  const kept = yard.backend.files.get(`snapshots/${forgotten}`) as Buffer;
  await repository.remove('snapshots', forgotten as SnapshotId);
  const marked = await runPrune(await yard.open(), { maxUnused: { kind: 'unlimited' } });
  assert.ok(marked.marked.packs > 0);
  // What a program that takes no locks would do: it looked at the index before, and its snapshot comes now.
  yard.backend.files.set(`snapshots/${forgotten}`, kept);
  await yard.host.clock.advance(48 * hourMs);
  const result = await runPrune(await yard.open());
  assert.ok(result.recovered > 0);
  await assertAllIsWell(yard);
});

test('beside rustic nothing is deleted at once', async () => {
  const yard = await grownYard(3, 1);
  const repository = await yard.open();
  const [id] = (await repository.listIds('snapshots')).map((file) => file.id);
  const { tree } = await repository.loadSnapshot(id as SnapshotId);
  yard.trees.set(await addSnapshotFile(repository, { tree, program_version: 'rustic 0.9.4' }), {});
  await assertRefused(yard, 'PRUNE_REFUSED');
  assert.ok((await runPrune(await yard.open())).marked.packs > 0);
  await assertAllIsWell(yard);
});

test('a mark from the future or without a time counts from now', async () => {
  for (const time of ['2099-01-01T00:00:00Z', undefined]) {
    const yard = await grownYard(2, 0);
    const stray = parseId<PackId>('cd'.repeat(32));
    yard.backend.files.set(`data/${stray}`, Buffer.from('stray'));
    const mark = { id: stray, blobs: [], size: 5, ...(time !== undefined && { time }) };
    await (await yard.open()).saveUnpacked('index', encodeIndexFile({ packs: [], packsToDelete: [mark] }));
    await runPrune(await yard.open());
    assert.ok(packsIn(yard).includes(stray));
    await yard.host.clock.advance(24 * hourMs);
    await runPrune(await yard.open());
    assert.ok(!packsIn(yard).includes(stray));
  }
});

test('indexes that another program rewrote meanwhile end it before anything goes', async () => {
  const yard = await grownYard();
  const before = packsIn(yard);
  const lock: PruneOptions['lock'] = async (kind) => {
    if (kind === 'exclusive') {
      const other = await yard.open();
      const [id] = (await other.listIds('index')).map((file) => file.id) as [IndexId];
      const json = await other.loadUnpacked('index', id);
      await other.remove('index', id);
      await other.saveUnpacked('index', json);
    }
    return noLock(kind);
  };
  await assert.rejects(async () => runPrune(await yard.open(), { ...instant, lock }), { code: 'REPO_CHANGED' });
  for (const pack of before) assert.ok(packsIn(yard).includes(pack));
  await assertAllIsWell(yard);
});

test('who read the index before a prune ended is told that it is another', async () => {
  const yard = await grownYard();
  const indexed = await (await yard.open()).loadIndex();
  await indexed.requireCurrent();
  await addSnapshot(yard);
  await indexed.requireCurrent();
  await runPrune(await yard.open());
  await assert.rejects(() => indexed.requireCurrent(), { code: 'REPO_CHANGED' });
});
