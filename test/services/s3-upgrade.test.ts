/** `migrate upgrade_repo_v2` in a bucket, where a config is never replaced, and a kill while there is none. */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { openBackend } from '../../packages/repository/src/backend/open-backend.ts';
import { parseLocation } from '../../packages/repository/src/backend/location.ts';
import { upgradeRepository } from '../../packages/repository/src/maintain/upgrade.ts';
import { openRepository } from '../../packages/repository/src/repository.ts';
import { atCall, withFaults } from '../../packages/repository/src/testing/faults.ts';
import { createSampleHost, samplePassword } from '../../packages/repository/src/testing/sample-repository.ts';
import { createSeededRandom } from '../../packages/repository/src/testing/seeded-random.ts';
import { createStage, newRestic } from '../interop/stage.ts';
import { skipWithout } from '../peers.ts';
import { skipWithoutService } from './programs.ts';
import { startVersityGateway } from './versitygw.ts';
import { quicken } from '../quick-key.ts';

const skip = skipWithoutService('versitygw') || skipWithout(newRestic, 'restic 0.19');
const locking = ['-o', 's3.object-lock-mode=governance', '-o', 's3.object-lock-days=1'];

describe('an upgrade in a bucket', { skip }, () => {
  test('it works, also where files are kept from deletion, and after a kill the same command finishes it', async () => {
    await using gateway = await startVersityGateway();
    const { origin, environment } = gateway;
    using stage = createStage();
    const source = join(stage.folder, 'source');
    mkdirSync(source);
    writeFileSync(join(source, 'work.txt'), 'years of it');
    for (const way of ['plain', 'locked', 'killed'] as const) {
      const repository = `s3:${origin}/${way}/p`;
      const options = way === 'locked' ? locking : [];
      const ok = (...argv: string[]): string => stage.ok('coffre', repository, [...options, ...argv], { environment });
      ok('init', '--repository-version', '1');
      if (way !== 'locked') await quicken(repository, samplePassword, environment);
      ok('backup', source);
      if (way === 'killed') {
        await killedWithoutConfig(repository, environment);
        assert.equal(stage.run('coffre', repository, ['snapshots'], { environment }).code, 10);
      }
      ok('migrate', 'upgrade_repo_v2');
      assert.match(ok('cat', 'config'), /"version": 2/);
      for (const program of ['coffre', 'new'] as const) {
        stage.ok(program, repository, ['check', '--read-data'], { environment });
      }
    }
  });
});

async function killedWithoutConfig(repository: string, environment: Readonly<Record<string, string>>): Promise<void> {
  const storage = await openBackend(parseLocation(repository), { environment });
  const isRemoval = atCall(
    0,
    { kind: 'crash-after' },
    ({ operation, kind }) => operation === 'remove' && kind === 'config',
  );
  const host = createSampleHost({ random: createSeededRandom(77) });
  const opened = await openRepository({ backend: withFaults(storage, isRemoval), host, password: samplePassword });
  await assert.rejects(upgradeRepository(opened), { code: 'MIGRATION_FAILED' });
  await storage.close();
}
