/** Rotation: at every moment one of the two passwords opens the repository. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Backend } from '../backend/backend.ts';
import { createMemoryBackend } from '../backend/memory.ts';
import { isCoffreError } from '../errors.ts';
import { shortId } from '../ids.ts';
import { openRepository, type Repository } from '../repository.ts';
import { atCall, atEachCall, isWrite, withFaults, type Fault } from '../testing/faults.ts';
import { createSampleHost, createSampleRepository, samplePassword } from '../testing/sample-repository.ts';
import { addKey, listKeys, rotateKey } from './keys.ts';

async function opened(backend: Backend, password = samplePassword): Promise<Repository> {
  return openRepository({ backend, host: createSampleHost({ isHasty: true }), password });
}

async function opens(backend: Backend, password: string): Promise<boolean> {
  try {
    await opened(backend, password);
    return true;
  } catch (error) {
    assert.ok(isCoffreError(error, 'REPO_PASSWORD_WRONG'), String(error));
    return false;
  }
}

test('after a rotation the new password opens, the old one does not, and other keys stay', async () => {
  const { backend } = await createSampleRepository();
  const repository = await opened(backend);
  const other = await addKey(repository, { password: 'of bea', username: 'bea' });
  const rotation = await rotateKey(repository, { password: 'new', username: 'cal', hostname: 'desk' });
  assert.deepEqual(rotation.removed, [repository.keyId]);
  assert.deepEqual(
    rotation.remaining.map(({ id, username }) => [id, username]),
    [[other, 'bea']],
  );
  const keys = await listKeys(rotation.repository);
  assert.deepEqual(
    keys.filter(({ isCurrent }) => isCurrent).map(({ username, hostname }) => [username, hostname]),
    [['cal', 'desk']],
  );
  assert.deepEqual(
    [await opens(backend, 'new'), await opens(backend, 'of bea'), await opens(backend, samplePassword)],
    [true, true, false],
  );
});

test('the old key stays when asked, and all others go when asked', async () => {
  const { backend } = await createSampleRepository();
  const repository = await opened(backend);
  await addKey(repository, { password: 'of bea' });
  const kept = await rotateKey(repository, { password: 'second', keepOld: true });
  assert.deepEqual([kept.removed, kept.remaining.length], [[], 2]);
  assert.ok(await opens(backend, samplePassword));
  const last = await rotateKey(kept.repository, { password: 'third', removeAllOthers: true });
  assert.deepEqual([last.removed.length, last.remaining], [3, []]);
  for (const gone of [samplePassword, 'of bea', 'second']) assert.equal(await opens(backend, gone), false, gone);
  assert.ok(await opens(backend, 'third'));
});

test('the password in use is refused as the new one, and nothing is written', async () => {
  const { backend } = await createSampleRepository();
  const before = new Map(backend.files);
  await assert.rejects(rotateKey(await opened(backend), { password: samplePassword }), (error) =>
    isCoffreError(error, 'REPO_KEY_REFUSED'),
  );
  assert.deepEqual(backend.files, before);
});

for (const kind of ['fail', 'lose-answer', 'crash', 'crash-after'] satisfies Fault['kind'][]) {
  test(`${kind} at each write of a rotation leaves one of the two passwords working`, async () => {
    const { backend: base } = await createSampleRepository();
    const places = await atEachCall({ kind }, isWrite, async (plan) => {
      const backend = createMemoryBackend({ files: base.files });
      const isDone = await rotateKey(await opened(withFaults(backend, plan)), { password: 'new' }).then(
        () => true,
        (error: unknown) => {
          assert.ok(isCoffreError(error), String(error));
          return false;
        },
      );
      const [old, fresh] = [await opens(backend, samplePassword), await opens(backend, 'new')];
      assert.ok(old || fresh, 'nothing opens any more');
      if (isDone) assert.deepEqual([old, fresh], [false, true]);
    });
    assert.equal(places, 2);
  });
}

test('a rotation that was killed half-way is ended by another one', async () => {
  const { backend } = await createSampleRepository();
  const killed = withFaults(backend, atCall(1, { kind: 'crash' }, isWrite));
  await assert.rejects(rotateKey(await opened(killed), { password: 'new' }));
  await rotateKey(await opened(backend), { password: 'newest', removeAllOthers: true });
  assert.deepEqual([await opens(backend, 'newest'), await opens(backend, 'new')], [true, false]);
});

test('when the repository does not open with the new password, the old key stays and the new one goes', async () => {
  const { backend } = await createSampleRepository();
  let isBroken = false;
  const breaking: Backend = {
    ...backend,
    // What the storage gives from now on is a config of somebody else.
    load: async (file, options) =>
      isBroken && file.kind === 'config' ? Buffer.alloc(200, 7) : await backend.load(file, options),
    save: async (file, parts, signal) => {
      await backend.save(file, parts, signal);
      isBroken = true;
    },
  };
  const before = new Map(backend.files);
  const repository = await opened(breaking);
  await assert.rejects(rotateKey(repository, { password: 'new' }), (error) => isCoffreError(error, 'REPO_KEY_REFUSED'));
  assert.deepEqual(backend.files, before);
});

test('an old key that cannot be removed is said, with the way to remove it', async () => {
  const { backend } = await createSampleRepository();
  const repository = await opened(
    withFaults(backend, ({ operation }) => (operation === 'remove' ? { kind: 'fail' } : undefined)),
  );
  await assert.rejects(
    rotateKey(repository, { password: 'new' }),
    (error) =>
      isCoffreError(error, 'REPO_KEY_REFUSED') &&
      error.hint?.includes(`key remove ${shortId(repository.keyId)}`) === true,
  );
  assert.deepEqual([await opens(backend, 'new'), await opens(backend, samplePassword)], [true, true]);
});
