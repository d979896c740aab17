/** Whole backups over a line on which every fourth request fails, read back by restic over one that works. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { backup } from '../../packages/repository/src/archive/backup.ts';
import { parseLocation } from '../../packages/repository/src/backend/location.ts';
import { openBackend } from '../../packages/repository/src/backend/open-backend.ts';
import { withRetry } from '../../packages/repository/src/backend/retry.ts';
import { toByteString } from '../../packages/repository/src/format/bytestring.ts';
import { openRepository } from '../../packages/repository/src/repository.ts';
import { createFakeClock } from '../../packages/repository/src/testing/fake-clock.ts';
import { createSampleHost, samplePassword } from '../../packages/repository/src/testing/sample-repository.ts';
import { createSeededRandom } from '../../packages/repository/src/testing/seeded-random.ts';
import { growWorld, writeWorld } from '../../packages/repository/src/testing/seeded-world.ts';
import { readFacts } from '../interop/folder-facts.ts';
import { createStage, newRestic, newestIn } from '../interop/stage.ts';
import { skipWithout } from '../peers.ts';
import { startFaultProxy } from './fault-proxy.ts';
import type { Fault } from './fault-proxy.ts';
import { skipWithoutService } from './programs.ts';
import { startRestServer } from './rest-server.ts';

const faults: readonly Fault[] = [
  { kind: 'answer', status: 500 },
  { kind: 'answer', status: 503, early: true },
  { kind: 'answer', status: 429, headers: { 'retry-after': '1' } },
  { kind: 'reset' },
  { kind: 'lose-answer' },
  { kind: 'cut-upload', afterBytes: 1000 },
  { kind: 'cut-reply', afterBytes: 20 },
  { kind: 'twice' },
  { kind: 'slow', pieceBytes: 5000 },
];
const rounds = 3;
const skip = skipWithoutService('rest-server') || skipWithout(newRestic, 'restic 0.19');

describe('a line on which every fourth request fails', { skip }, () => {
  for (const seed of [1, 2, 3]) {
    test(`backups over it are whole (seed ${seed})`, async () => {
      using stage = createStage();
      await stage.repository('repositories/repo');
      await using server = await startRestServer({ folder: stage.folder });
      const random = createSeededRandom(seed);
      let met = 0;
      await using proxy = await startFaultProxy({ port: server.port! }, () => {
        if (!random.chance(0.25)) return undefined;
        met += 1;
        return random.pick(faults);
      });
      const bare = await openBackend(parseLocation(`rest:http://127.0.0.1:${proxy.port}/repo/`));
      const clock = createFakeClock({ sleepless: true });
      const backend = withRetry(bare, { clock, random: createSeededRandom(seed) });
      const source = join(stage.folder, 'world');
      for (let round = 0; round < rounds; round += 1) {
        await writeWorld(growWorld(random), source);
        const start = new Date(Date.UTC(2026, 0, 2 + round));
        const host = createSampleHost({ random: createSeededRandom(100 * seed + round), start });
        const repository = await openRepository({ backend, host, password: samplePassword });
        await backup(await repository.loadIndex(), {
          paths: [toByteString(source)],
          workingFolder: toByteString(stage.folder),
        });
      }
      await bare.close();
      assert.ok(met > rounds, `only ${met} faults were met`);
      const address = `rest:${server.origin}/repo/`;
      stage.ok('new', address, ['check', '--read-data']);
      stage.ok('new', address, ['restore', newestIn(stage, address).id, '--target', 'back']);
      assert.deepEqual(readFacts(join(stage.folder, 'back', source)), readFacts(source));
    });
  }
});
