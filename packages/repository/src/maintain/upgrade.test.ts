import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Backend } from '../backend/backend.ts';
import { createMemoryBackend, type MemoryBackend } from '../backend/memory.ts';
import { CoffreError } from '../errors.ts';
import { encodeConfig, parseConfig } from '../format/config.ts';
import { openRepository } from '../repository.ts';
import { atCall, atEachCall, atEvery, isWrite, withFaults, type BackendCall } from '../testing/faults.ts';
import {
  addSampleSnapshot,
  createSampleHost,
  createSampleRepository,
  samplePassword,
} from '../testing/sample-repository.ts';
import { createSeededRandom } from '../testing/seeded-random.ts';
import { check } from './check.ts';
import { recoverConfig, upgradeRepository } from './upgrade.ts';

type Storage = { readonly replaces: boolean; readonly refusesConfig?: true };

/** A storage that replaces no file, or one that does; as S3, perhaps all but the config. */
async function createOld(options: Storage): Promise<MemoryBackend> {
  const { repository, backend } = await createSampleRepository({ version: 1 });
  await addSampleSnapshot(await repository.loadIndex(), { a: 'text', b: 'more text' });
  // As rustic extends it.
  const config = parseConfig(repository.sealer.open(await backend.load({ kind: 'config' })));
  const foreign = { ...config.foreign, append_only: false, is_hot: true, treepack_size: 4_000_000 };
  await backend.remove({ kind: 'config' });
  const sealed = repository.sealer.seal(encodeConfig({ ...config, foreign }), repository.host.random);
  await backend.save({ kind: 'config' }, [sealed]);
  const other = createMemoryBackend({ replacesAtomically: options.replaces });
  await copyAll(backend, other);
  return options.refusesConfig === true ? refusingConfig(other) : other;
}

function refusingConfig(backend: MemoryBackend): MemoryBackend {
  return {
    ...backend,
    async save(file, parts, signal) {
      if (file.kind === 'config' && backend.files.has('config')) throw new CoffreError('BACKEND_EXISTS', 'it is there');
      await backend.save(file, parts, signal);
    },
  };
}

async function copyAll(from: Backend, to: Backend): Promise<void> {
  for (const kind of ['data', 'index', 'snapshots', 'keys'] as const) {
    for await (const { name } of from.list(kind)) await to.save({ kind, name }, [await from.load({ kind, name })]);
  }
  await to.save({ kind: 'config' }, [await from.load({ kind: 'config' })]);
}

let opened = 0;

/** Every opening has other random numbers, as every process has. */
const open = (backend: Backend): ReturnType<typeof openRepository> =>
  openRepository({
    backend,
    host: createSampleHost({ random: createSeededRandom((opened += 1)) }),
    password: samplePassword,
  });

const recover = (backend: Backend): Promise<boolean> =>
  recoverConfig({ backend, host: createSampleHost(), password: samplePassword });

async function packsIn(backend: Backend): Promise<number> {
  return (await Array.fromAsync(backend.list('data'))).length;
}

async function errorsIn(backend: Backend): Promise<number> {
  return (await check(await open(backend), { readData: { kind: 'all' }, threads: 0 }, () => undefined)).errors;
}

const storages: readonly (readonly [string, Storage])[] = [
  ['a storage that replaces files', { replaces: true }],
  ['a storage that replaces nothing', { replaces: false }],
  ['a storage that replaces all but the config', { replaces: true, refusesConfig: true }],
];

for (const [storage, kind] of storages) {
  const replacesConfig = kind.replaces && kind.refusesConfig === undefined;

  test(`on ${storage} an upgrade changes the version and nothing else`, async () => {
    const backend = await createOld(kind);
    const before = await open(backend);
    const packs = await packsIn(backend);
    await upgradeRepository(before);
    const after = await open(backend);
    assert.deepEqual(after.config, { ...before.config, version: 2 });
    assert.equal(after.config.foreign['treepack_size'], 4_000_000);
    assert.equal(await packsIn(backend), packs, 'the copy is gone');
    assert.equal(await errorsIn(backend), 0);
    await addSampleSnapshot(await after.loadIndex(), { c: 'compressed '.repeat(100) });
    assert.equal(await errorsIn(backend), 0);
    await assert.rejects(upgradeRepository(after), { code: 'MIGRATION_FAILED' });
  });

  for (const fault of ['crash', 'crash-after'] as const) {
    test(`on ${storage} a ${fault} at any write leaves a repository that opens, or is brought back`, async () => {
      let broughtBack = 0;
      const places = await atEachCall({ kind: fault }, isWrite, async (plan) => {
        const backend = await createOld(kind);
        const repository = await open(withFaults(backend, plan));
        await upgradeRepository(repository).catch(() => undefined);
        if (await recover(backend)) broughtBack += 1;
        const after = await open(backend);
        assert.deepEqual({ ...after.config, version: 2 }, { ...repository.config, version: 2 });
        assert.equal(await errorsIn(backend), 0);
        if (after.config.version === 1) await upgradeRepository(after);
        assert.equal((await open(backend)).config.version, 2);
        assert.equal(await errorsIn(backend), 0);
      });
      assert.equal(places, replacesConfig ? 3 : kind.replaces ? 5 : 4);
      assert.equal(broughtBack, replacesConfig ? 0 : 1);
    });
  }
}

test('when the new config cannot be written, the old one is put back', async () => {
  const backend = await createOld({ replaces: false });
  const isConfig = ({ operation, kind }: BackendCall): boolean => operation === 'save' && kind === 'config';
  const faulty = withFaults(backend, atCall(0, { kind: 'fail' }, isConfig));
  await assert.rejects(upgradeRepository(await open(faulty)), {
    code: 'MIGRATION_FAILED',
    hint: /old config is back/,
  });
  assert.equal((await open(backend)).config.version, 1);
});

test('when nothing can be written any more, the next command brings the config back', async () => {
  const backend = await createOld({ replaces: false });
  const isConfig = ({ operation, kind }: BackendCall): boolean => operation === 'save' && kind === 'config';
  const faulty = withFaults(backend, atEvery(isConfig, { kind: 'fail' }));
  await assert.rejects(upgradeRepository(await open(faulty)), { code: 'MIGRATION_FAILED', hint: /coffre migrate/ });
  await assert.rejects(open(backend), { code: 'REPO_NOT_FOUND' });
  assert.equal(await recover(backend), true);
  assert.equal((await open(backend)).config.version, 2);
  assert.equal(await errorsIn(backend), 0);
});

test('nothing is invented for a repository that lost its config in another way', async () => {
  const backend = await createOld({ replaces: true });
  await backend.remove({ kind: 'config' });
  assert.equal(await recover(backend), false);
  await assert.rejects(open(backend), { code: 'REPO_NOT_FOUND' });
  await assert.rejects(recoverConfig({ backend, host: createSampleHost(), password: 'wrong' }), {
    code: 'REPO_PASSWORD_WRONG',
  });
});
