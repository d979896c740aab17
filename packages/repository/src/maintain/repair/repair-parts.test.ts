import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CoffreError, isCoffreError } from '../../errors.ts';
import { encodeIndexFile, parseIndexFile } from '../../format/index-file.ts';
import type { PackId } from '../../ids.ts';
import type { FaultPlan } from '../../testing/faults.ts';
import {
  copyFiles,
  errorKinds,
  makeRepairFiles,
  openFiles,
  packOf,
  readableFiles,
} from '../../testing/repair-scene.ts';
import { repairIndex, type IndexRepairEvent } from './repair-index.ts';
import { repairPacks, type PackRepairEvent } from './repair-packs.ts';
import { repairSnapshots, type SnapshotRepairEvent } from './repair-snapshots.ts';

const silent = (): void => undefined;
const noCopy = (): Promise<void> => Promise.resolve();

test('a dry run of each repair writes nothing', async () => {
  const files = await makeRepairFiles();
  const pack = await packOf(files, 'data');
  files.get(`data/${pack}`)![100]! ^= 1;
  files.delete(`data/${await packOf(files, 'tree')}`);
  const opened = await openFiles(files);
  const { repository } = opened;
  const dryRun = true;
  await repairIndex(repository, { dryRun, readAllPacks: true }, silent);
  await repairPacks(repository, { dryRun, packs: [pack], keepCopy: () => assert.fail('no copy') }, silent);
  await repairSnapshots(repository, await repository.listSnapshots(), { dryRun, forget: true }, silent);
  assert.deepEqual(opened.files, files);
});

test('a sound index is left as it is, file by file', async () => {
  const { repository, files } = await openFiles(await makeRepairFiles());
  const before = copyFiles(files);
  await repairIndex(repository, {}, silent);
  assert.deepEqual(files, before);
});

test('of a pack without a header, the index keeps what still lies inside the file and drops what does not', async () => {
  const files = await makeRepairFiles();
  const pack = await packOf(files, 'data');
  files.set(`data/${pack}`, files.get(`data/${pack}`)!.subarray(0, 8000));
  const opened = await openFiles(files);
  const told: IndexRepairEvent[] = [];
  const result = await repairIndex(opened.repository, {}, (event) => told.push(event));
  assert.deepEqual(result.packsUnreadable, [pack]);
  const unreadable = told.find((event) => event.kind === 'header-unreadable');
  assert.ok(unreadable !== undefined && unreadable.keptBlobs > 0 && unreadable.keptBlobs < unreadable.namedBlobs);
  const { repository } = await openFiles(opened.files);
  const salvaged = await repairPacks(repository, { packs: [pack], keepCopy: noCopy }, silent);
  assert.equal(salvaged.totals.salvaged, unreadable.keptBlobs);
});

test('packs that are marked for deletion stay marked, and are not taken for forgotten ones', async () => {
  const files = await makeRepairFiles();
  const { repository, files: changed } = await openFiles(files);
  const pack = await packOf(files, 'data');
  const [stored] = await repository.listIds('index');
  for (const { id } of await repository.listIds('index')) {
    const file = parseIndexFile(await repository.loadUnpacked('index', id));
    const marked = file.packs.filter((entry) => entry.id === pack);
    if (marked.length === 0) continue;
    await repository.remove('index', id);
    const packs = file.packs.filter((entry) => entry.id !== pack);
    // Named twice, so that the file is written anew.
    for (const packsToDelete of [marked, []]) {
      await repository.saveUnpacked('index', encodeIndexFile({ packs, packsToDelete, supersedes: [id] }));
    }
  }
  assert.ok(stored !== undefined);
  const again = await openFiles(changed);
  await repairIndex(again.repository, {}, silent);
  const marks: PackId[] = [];
  for (const { id } of await again.repository.listIds('index')) {
    const file = parseIndexFile(await again.repository.loadUnpacked('index', id));
    assert.ok(file.packs.every((entry) => entry.id !== pack));
    marks.push(...(file.packsToDelete ?? []).map((entry) => entry.id));
  }
  assert.deepEqual(marks, [pack]);
});

test('damaged packs are kept outside before anything is written, and when they cannot be, nothing is', async () => {
  const files = await makeRepairFiles();
  const pack = await packOf(files, 'data');
  files.get(`data/${pack}`)![100]! ^= 1;
  const opened = await openFiles(files);
  const full = new Error('the disk is full');
  const failing = { packs: [pack], keepCopy: () => Promise.reject(full) };
  await assert.rejects(repairPacks(opened.repository, failing, silent), full);
  assert.deepEqual(opened.files, files);
  const copies = new Map<PackId, Buffer>();
  const keepCopy = (id: PackId, bytes: Buffer): Promise<void> => {
    assert.deepEqual(opened.files, files);
    copies.set(id, Buffer.from(bytes));
    return Promise.resolve();
  };
  await repairPacks(opened.repository, { packs: [pack], keepCopy }, silent);
  assert.deepEqual(copies, new Map([[pack, files.get(`data/${pack}`)]]));
  assert.ok(!opened.files.has(`data/${pack}`));
  const rerun = repairPacks(opened.repository, { packs: [pack], keepCopy }, silent);
  await assert.rejects(rerun, (error) => isCoffreError(error, 'REPO_FILE_MISSING'));
});

test('snapshots are not cut while an index is unreadable or has forgotten a pack that holds what they need', async () => {
  const whole = await makeRepairFiles();
  const names = [...whole.keys()].filter((name) => name.startsWith('index/'));
  for (const damage of ['garbage', 'gone'] as const) {
    const files = copyFiles(whole);
    for (const name of names) {
      if (damage === 'gone') files.delete(name);
      else files.set(name, Buffer.from('garbage'));
    }
    const opened = await openFiles(files);
    const repair = repairSnapshots(
      opened.repository,
      await opened.repository.listSnapshots(),
      { forget: true },
      silent,
    );
    await assert.rejects(repair, (error) => isCoffreError(error, 'REPAIR_REFUSED'));
    assert.deepEqual(opened.files, files);
  }
});

test('without forget every snapshot stays; the new ones say what they come from, and a second run makes no more', async () => {
  const files = await makeRepairFiles();
  files.delete(`data/${await packOf(files, 'data')}`);
  const indexed = await openFiles(files);
  await repairIndex(indexed.repository, {}, silent);
  const { repository, files: now } = await openFiles(indexed.files);
  const before = await repository.listSnapshots();
  const told: SnapshotRepairEvent[] = [];
  const { modified } = await repairSnapshots(repository, before, {}, (event) => told.push(event));
  const after = await repository.listSnapshots();
  assert.equal(after.length, before.length + modified);
  const repaired = after.filter(({ snapshot }) => snapshot.tags?.includes('repaired'));
  assert.deepEqual(new Set(repaired.map(({ snapshot }) => snapshot.original)), new Set(before.map(({ id }) => id)));
  assert.ok(told.some((event) => event.kind === 'mend' && event.mend.kind === 'file-cut'));
  const count = now.size;
  await repairSnapshots(repository, before, {}, silent);
  assert.equal([...now.keys()].filter((name) => name.startsWith('snapshots/')).length, after.length);
  assert.ok(now.size >= count);
});

test('a snapshot whose root is lost goes only when somebody says so', async () => {
  const files = await makeRepairFiles();
  files.delete(`data/${await packOf(files, 'tree')}`);
  const indexed = await openFiles(files);
  await repairIndex(indexed.repository, {}, silent);
  const { repository } = await openFiles(indexed.files);
  const all = await repository.listSnapshots();
  const told: string[] = [];
  await repairSnapshots(repository, all, {}, (event) => {
    if (event.kind === 'kept') told.push(event.kind, event.oldId);
  });
  assert.ok(told.includes('kept'));
  const ids = async (): Promise<Set<string>> => new Set((await repository.listSnapshots()).map(({ id }) => id));
  assert.ok(new Set(all.map(({ id }) => id)).isSubsetOf(await ids()));
  await repairSnapshots(repository, all, { forget: true }, silent);
  assert.ok(new Set<string>(all.filter(({ id }) => told.includes(id)).map(({ id }) => id)).isDisjointFrom(await ids()));
});

test('a healthy snapshot is never touched', async () => {
  const { repository, files } = await openFiles(await makeRepairFiles());
  const before = copyFiles(files);
  const all = await readableFiles(files);
  const result = await repairSnapshots(repository, await repository.listSnapshots(), { forget: true }, silent);
  assert.equal(result.modified, 0);
  assert.deepEqual(files, before);
  assert.deepEqual(await readableFiles(files), all);
  assert.deepEqual(await errorKinds(files), []);
});

test('where a disk gives only a part of a pack, that part is saved, and the pack itself stays', async () => {
  const files = await makeRepairFiles();
  const pack = await packOf(files, 'data');
  let loads = 0;
  // Its header is read; then the whole file and its first piece cannot be, and so on.
  const plan: FaultPlan = ({ operation, name }) => {
    if (operation !== 'load' || name !== `data/${pack}`) return undefined;
    loads += 1;
    const isBad = loads > 1 && (loads - 2) % 9 < 2;
    return isBad ? { kind: 'fail', error: new CoffreError('BACKEND_IO', 'a sector cannot be read') } : undefined;
  };
  const opened = await openFiles(files, plan);
  const told: PackRepairEvent[] = [];
  const { totals } = await repairPacks(opened.repository, { packs: [pack], keepCopy: noCopy }, (event) =>
    told.push(event),
  );
  assert.ok(totals.salvaged > 0 && totals.lost > 0, JSON.stringify(totals));
  assert.ok(told.some((event) => event.kind === 'left' && event.id === pack));
  assert.ok(opened.files.has(`data/${pack}`));
  const again = await openFiles(opened.files);
  await repairIndex(again.repository, {}, silent);
  assert.deepEqual(await errorKinds(again.files), []);
});
