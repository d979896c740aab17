/** Copy and migrate where the repository is behind the real rest-server, which replaces no file. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Backend } from '../../packages/repository/src/backend/backend.ts';
import { parseLocation } from '../../packages/repository/src/backend/location.ts';
import { createMemoryBackend } from '../../packages/repository/src/backend/memory.ts';
import { openBackend } from '../../packages/repository/src/backend/open-backend.ts';
import { copySnapshots } from '../../packages/repository/src/maintain/copy/copy.ts';
import { recoverConfig, upgradeRepository } from '../../packages/repository/src/maintain/upgrade.ts';
import { openRepository, type Repository } from '../../packages/repository/src/repository.ts';
import { atCall, withFaults } from '../../packages/repository/src/testing/faults.ts';
import {
  addSampleSnapshot,
  createSampleHost,
  createSampleRepository,
  samplePassword,
} from '../../packages/repository/src/testing/sample-repository.ts';
import { createSeededRandom } from '../../packages/repository/src/testing/seeded-random.ts';
import { findRestic, skipWithout } from '../peers.ts';
import { skipWithoutService } from './programs.ts';
import { startRestServer } from './rest-server.ts';

const restic = findRestic('newest');
const skip = skipWithoutService('rest-server') || skipWithout(restic, 'restic 0.19');
const random = createSeededRandom(11);

const open = (backend: Backend): Promise<Repository> =>
  openRepository({
    backend,
    host: createSampleHost({ random: createSeededRandom(random.integer(1_000_000)) }),
    password: samplePassword,
  });

const storageAt = async (address: string): Promise<Backend> => await openBackend(parseLocation(address));

/** @returns what restic printed; it must end with 0. */
function ask(address: string, ...argv: string[]): string {
  const home = mkdtempSync(join(tmpdir(), 'coffre-copy-rest-'));
  try {
    const environment = { PATH: process.env['PATH'], HOME: home, RESTIC_PASSWORD: samplePassword };
    const run = spawnSync(restic!.path, ['-r', address, '--no-cache', ...argv], { encoding: 'utf8', env: environment });
    assert.equal(run.status, 0, run.stderr);
    return run.stdout;
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}

async function filled(backend: Backend, version: 1 | 2): Promise<Repository> {
  const { repository } = await createSampleRepository({ backend, version });
  for (let day = 1; day <= 3; day++) {
    const chunks = [random.bytes(100_000), random.bytes(50_000), `text of day ${day} `.repeat(1000)];
    const tree = { same: 'always', file: { type: 'file', chunks } } as const;
    await addSampleSnapshot(await repository.loadIndex(), tree, { time: `2026-02-0${day}T00:00:00Z` });
  }
  return repository;
}

async function copyAll(from: Repository, to: Repository): Promise<{ copied: number; present: number }> {
  return await copySnapshots(await from.loadIndex(), await to.loadIndex(), {
    snapshots: await from.listSnapshots(),
    packTargetBytes: 100_000,
    threads: 2,
  });
}

test('a copy to the server and back is sound, and there is nothing to copy again', { skip }, async () => {
  await using server = await startRestServer();
  const address = `rest:${server.origin}/there/`;
  const source = await filled(createMemoryBackend(), 2);
  await createSampleRepository({ backend: await storageAt(address) });
  await using there = await open(await storageAt(address));
  assert.equal((await copyAll(source, there)).copied, 3);
  ask(address, 'check', '--read-data');
  const { backend } = await createSampleRepository({ version: 1 });
  const back = await open(backend);
  assert.equal((await copyAll(there, back)).copied, 3);
  assert.deepEqual([(await copyAll(back, there)).present, (await copyAll(source, there)).present], [3, 3]);
});

test(
  'an upgrade on the server is finished after a crash between removing and saving the config',
  { skip },
  async () => {
    await using server = await startRestServer();
    const address = `rest:${server.origin}/old/`;
    await filled(await storageAt(address), 1);
    const storage = await storageAt(address);
    const atConfig = atCall(0, { kind: 'crash' }, (call) => call.operation === 'save' && call.kind === 'config');
    await assert.rejects(upgradeRepository(await open(withFaults(storage, atConfig))), { code: 'MIGRATION_FAILED' });
    await assert.rejects(open(storage), { code: 'REPO_NOT_FOUND' });
    const search = { backend: storage, host: createSampleHost(), password: samplePassword };
    assert.equal(await recoverConfig(search), true);
    assert.match(ask(address, 'cat', 'config'), /"version": 2/);
    assert.match(ask(address, 'check', '--read-data'), /no errors were found/);
  },
);
