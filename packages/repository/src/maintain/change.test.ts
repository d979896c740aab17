/** What changes snapshots and keys: tag, rewrite, recover, passwords. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createMemoryBackend } from '../backend/memory.ts';
import { listTree } from '../browse/ls.ts';
import { sha256Hex } from '../crypto/hash.ts';
import { isCoffreError } from '../errors.ts';
import { encodeSnapshot, type Snapshot } from '../format/snapshot.ts';
import { shortId } from '../ids.ts';
import type { IndexedRepository } from '../index/indexed-repository.ts';
import { openRepository, type Repository, type StoredSnapshot } from '../repository.ts';
import { compilePatterns } from '../select/patterns.ts';
import { atCall, isWrite, withFaults } from '../testing/faults.ts';
import {
  addSampleSnapshot,
  addSnapshotFile,
  createSampleHost,
  createSampleRepository,
  samplePassword,
} from '../testing/sample-repository.ts';
import { addKey, changePassword, listKeys, removeKey } from './keys.ts';
import { recover } from './recover.ts';
import { rewriteSnapshots, type RewriteOptions } from './rewrite.ts';
import { retag, tagSnapshots } from './tag.ts';

const sampleTree = { a: 'one', logs: { 'x.log': 'log', keep: 'kept' }, empty: {} };

async function onlySnapshot(repository: Repository): Promise<StoredSnapshot> {
  const all = await repository.listSnapshots();
  assert.equal(all.length, 1);
  return all[0]!;
}

async function pathsOf(indexed: IndexedRepository, { tree }: Snapshot): Promise<string[]> {
  const paths: string[] = [];
  await listTree(indexed, tree, {}, (event) => {
    if (event.kind === 'entry') paths.push(event.path);
  });
  return paths;
}

async function sample(members: Partial<Snapshot> = {}) {
  const world = await createSampleRepository();
  const indexed = await world.repository.loadIndex();
  await addSampleSnapshot(indexed, sampleTree, members);
  return { ...world, indexed, stored: await onlySnapshot(world.repository) };
}

test('tags are set, added and removed, and a second change keeps the first id as the original', async () => {
  const { repository, stored } = await sample({ tags: ['a', 'b'] });
  const events: string[] = [];
  const change = { kind: 'change', add: ['b', 'c'], remove: ['a'] } as const;
  assert.equal(await tagSnapshots(repository, [stored], change, ({ kind }) => events.push(kind)), 1);
  const once = await onlySnapshot(repository);
  assert.deepEqual(once.snapshot, { ...stored.snapshot, tags: ['b', 'c'], original: stored.id });
  assert.deepEqual(events, ['changed']);
  await tagSnapshots(repository, [once], { kind: 'set', tags: [] }, () => undefined);
  const twice = await onlySnapshot(repository);
  const { tags: _, ...untagged } = once.snapshot;
  assert.deepEqual(twice.snapshot, { ...untagged, original: stored.id });
});

test('tags that change nothing write nothing', async () => {
  const { stored, repository, backend } = await sample({ tags: ['a'] });
  const before = [...backend.files.keys()];
  assert.equal(retag(stored, { kind: 'set', tags: ['a'] }), undefined);
  assert.equal(
    await tagSnapshots(repository, [stored], { kind: 'change', add: ['a'], remove: ['z'] }, () => undefined),
    0,
  );
  assert.deepEqual([...backend.files.keys()], before);
});

test('a snapshot keeps the members that other programs added when it is tagged', async () => {
  const { repository, stored } = await sample({ foreign: { label: 'nightly', delete: 'Never' } });
  await tagSnapshots(repository, [stored], { kind: 'change', add: ['x'], remove: [] }, () => undefined);
  assert.deepEqual((await onlySnapshot(repository)).snapshot.foreign, { label: 'nightly', delete: 'Never' });
});

test('a crash while tagging leaves the old snapshot, or both, never none', async () => {
  const { backend } = await sample();
  for (const call of [0, 1]) {
    const copy = createMemoryBackend({ files: backend.files });
    const faulty = withFaults(copy, atCall(call, { kind: 'fail' }, isWrite));
    const repository = await openRepository({ backend: faulty, host: createSampleHost(), password: samplePassword });
    const events: string[] = [];
    await tagSnapshots(repository, await repository.listSnapshots(), { kind: 'set', tags: ['x'] }, ({ kind }) =>
      events.push(kind),
    );
    assert.deepEqual(events, ['failed']);
    assert.equal((await repository.listSnapshots()).length, call + 1);
  }
});

async function rewritten(world: Awaited<ReturnType<typeof sample>>, options: RewriteOptions): Promise<number> {
  return rewriteSnapshots(world.indexed, [world.stored], options, () => undefined);
}

test('excluded entries are gone from the new snapshot, and the old one stays unless it is to be forgotten', async () => {
  const world = await sample({ tags: ['a'] });
  assert.equal(await rewritten(world, { excludes: compilePatterns(['*.log']) }), 1);
  const all = await world.repository.listSnapshots();
  const added = all.find(({ id }) => id !== world.stored.id)!;
  assert.equal(all.length, 2);
  assert.deepEqual(added.snapshot.tags, ['a', 'rewrite']);
  assert.equal(added.snapshot.original, world.stored.id);
  assert.equal(added.snapshot.summary?.total_files_processed, 2);
  assert.equal(added.snapshot.summary.total_bytes_processed, 7);
  const indexed = await world.repository.loadIndex();
  assert.deepEqual(await pathsOf(indexed, added.snapshot), ['/a', '/empty', '/logs', '/logs/keep']);

  const other = await sample();
  await rewritten(other, { excludes: compilePatterns(['/logs']), forget: true });
  const { snapshot } = await onlySnapshot(other.repository);
  assert.equal(snapshot.tags, undefined);
  assert.deepEqual(await pathsOf(await other.repository.loadIndex(), snapshot), ['/a', '/empty']);
});

test('only included entries stay, with the folders that lead to them', async () => {
  const world = await sample();
  await rewritten(world, { includes: compilePatterns(['/logs/k*', 'nowhere']), forget: true });
  const { snapshot } = await onlySnapshot(world.repository);
  assert.deepEqual(await pathsOf(await world.repository.loadIndex(), snapshot), ['/logs', '/logs/keep']);
});

test('what changes nothing rewrites nothing', async () => {
  const world = await sample();
  assert.equal(await rewritten(world, { excludes: compilePatterns(['nowhere']) }), 0);
  assert.equal(await rewritten(world, { includes: compilePatterns(['nowhere']) }), 0);
  assert.equal(await rewritten(world, { includes: compilePatterns(['/a', '/logs', '/empty']) }), 0);
  assert.deepEqual(await onlySnapshot(world.repository), world.stored);
});

test('host and time are replaced without looking into trees', async () => {
  const world = await sample();
  for (const name of world.backend.files.keys()) if (name.startsWith('data/')) world.backend.files.delete(name);
  await rewritten(world, { newHost: 'db', newTime: '2020-02-02T02:02:02+01:00', forget: true });
  const { snapshot } = await onlySnapshot(world.repository);
  const expected = {
    ...world.stored.snapshot,
    hostname: 'db',
    time: '2020-02-02T02:02:02+01:00',
    original: world.stored.id,
  };
  assert.deepEqual(snapshot, expected);
});

test('a missing summary is added when asked for', async () => {
  const world = await sample();
  assert.equal(await rewritten(world, { addSummary: true, forget: true }), 1);
  const { snapshot } = await onlySnapshot(world.repository);
  assert.equal(snapshot.tree, world.stored.snapshot.tree);
  assert.equal(snapshot.summary?.total_files_processed, 3);
});

test('a dry run says what would change and writes nothing', async () => {
  const world = await sample();
  const before = new Map(world.backend.files);
  assert.equal(await rewritten(world, { excludes: compilePatterns(['a']), forget: true, dryRun: true }), 1);
  assert.deepEqual(world.backend.files, before);
});

test('a tree that holds more than we can write back is not rewritten', async () => {
  const world = await createSampleRepository();
  const indexed = await world.repository.loadIndex();
  const writer = indexed.openWriter();
  const times = '"mtime":"2020-01-01T00:00:00Z","atime":"2020-01-01T00:00:00Z","ctime":"2020-01-01T00:00:00Z"';
  const text = `{"nodes":[{"name":"a","type":"file",${times},"uid":0,"gid":0,"content":[],"birth_certificate":"x"}]}\n`;
  const { id: tree } = await writer.saveBlob('tree', Buffer.from(text));
  await writer.flush();
  await addSnapshotFile(world.repository, { tree });
  const stored = await onlySnapshot(world.repository);
  const call = rewriteSnapshots(indexed, [stored], { excludes: compilePatterns(['b']), forget: true }, () => undefined);
  await assert.rejects(call, (error) => isCoffreError(error, 'REWRITE_REFUSED'));
  assert.deepEqual(await onlySnapshot(world.repository), stored);
});

test('folders that no snapshot leads to are recovered, also from packs that no index names', async () => {
  const world = await sample();
  await addSampleSnapshot(world.indexed, { lost: { inside: 'found again' } }, { hostname: 'gone' });
  const gone = (await world.repository.listSnapshots()).find(({ snapshot }) => snapshot.hostname === 'gone')!;
  await world.repository.remove('snapshots', gone.id);
  for (const name of world.backend.files.keys()) if (name.startsWith('index/')) world.backend.files.delete(name);
  const indexed = await world.repository.loadIndex();
  const result = await recover(indexed, 'coffre test', () => undefined);
  assert.deepEqual(result.roots, [gone.snapshot.tree]);
  const recovered = await world.repository.loadSnapshot(result.snapshotId!);
  assert.deepEqual(recovered.tags, ['recovered']);
  const folder = `/${shortId(gone.snapshot.tree)}`;
  const fresh = await world.repository.loadIndex();
  assert.deepEqual(await pathsOf(fresh, recovered), [folder, `${folder}/lost`, `${folder}/lost/inside`]);
  assert.deepEqual(await recover(fresh, 'coffre test', () => undefined), { roots: [] });
});

test('a new password opens the repository, the old one until its key is removed', async () => {
  const { backend } = await sample();
  const open = (password: string): Promise<Repository> =>
    openRepository({ backend, host: createSampleHost({ isHasty: true }), password });
  const repository = await open(samplePassword);
  const id = await addKey(repository, { password: 'second', username: 'bob', hostname: 'laptop' });
  const withSecond = await open('second');
  assert.equal(withSecond.keyId, id);
  const keys = await listKeys(withSecond);
  assert.deepEqual(keys.map(({ username, hostname, isCurrent }) => `${username}@${hostname} ${isCurrent}`).sort(), [
    'ann@sample false',
    'bob@laptop true',
  ]);
  await assert.rejects(removeKey(withSecond, shortId(id)), (error) => isCoffreError(error, 'REPO_KEY_REFUSED'));
  assert.equal(await removeKey(withSecond, shortId(repository.keyId)), repository.keyId);
  await assert.rejects(open(samplePassword), (error) => isCoffreError(error, 'REPO_PASSWORD_WRONG'));
});

test('a changed password leaves exactly one key, and the repository goes on under it', async () => {
  const { backend, stored } = await sample();
  const repository = await openRepository({
    backend,
    host: createSampleHost({ isHasty: true }),
    password: samplePassword,
  });
  const switched = await changePassword(repository, { password: 'new' });
  assert.deepEqual(
    [...backend.files.keys()].filter((name) => name.startsWith('keys/')),
    [`keys/${switched.keyId}`],
  );
  assert.deepEqual(await onlySnapshot(switched), stored);
  await openRepository({ backend, host: createSampleHost(), password: 'new' });
});

test('when the storage spoils a new key, it is taken back and the old password still works', async () => {
  const { backend } = await sample();
  const copy = createMemoryBackend({ files: backend.files });
  const save = copy.save.bind(copy);
  const spoiling = { ...copy, save: async (...args: Parameters<typeof save>) => save(args[0], [Buffer.alloc(0)]) };
  const repository = await openRepository({
    backend: spoiling,
    host: createSampleHost({ isHasty: true }),
    password: samplePassword,
  });
  await assert.rejects(changePassword(repository, { password: 'new' }), (error) =>
    isCoffreError(error, 'REPO_KEY_REFUSED'),
  );
  assert.deepEqual([...copy.files.keys()].sort(), [...backend.files.keys()].sort());
  await openRepository({ backend: copy, host: createSampleHost(), password: samplePassword });
});

test('a key file that is garbage is left out of the list and named in a warning', async () => {
  const { repository, backend, host } = await sample();
  const garbage = Buffer.from('{"kdf":"scrypt"}');
  backend.files.set(`keys/${sha256Hex(garbage)}`, garbage);
  assert.equal((await listKeys(repository)).length, 1);
  assert.equal(host.warnings.length, 1);
});

test('an encoded snapshot is the same after tagging and untagging but for its original', async () => {
  const { repository, stored } = await sample();
  const tagged = retag(stored, { kind: 'set', tags: ['x'] })!;
  const id = await repository.saveUnpacked('snapshots', encodeSnapshot(tagged));
  const untagged = retag({ id, snapshot: tagged }, { kind: 'change', add: [], remove: ['x'] });
  assert.deepEqual(untagged, { ...stored.snapshot, original: stored.id });
});
