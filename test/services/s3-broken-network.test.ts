/** Every request of a row of writes is broken once, in every way: with retries all of it is there, whole, and only that. */
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { describe, test } from 'node:test';
import { createS3Backend } from '../../packages/repository/src/backend/s3/s3.ts';
import { parseS3Location } from '../../packages/repository/src/backend/s3/s3-location.ts';
import { withRetry } from '../../packages/repository/src/backend/retry.ts';
import type { FileHandle } from '../../packages/repository/src/backend/backend.ts';
import { listed } from '../../packages/repository/src/testing/backend-conformance.ts';
import { createFakeClock } from '../../packages/repository/src/testing/fake-clock.ts';
import { createSeededRandom } from '../../packages/repository/src/testing/seeded-random.ts';
import { startFaultProxy } from './fault-proxy.ts';
import type { Fault } from './fault-proxy.ts';
import { skipWithoutService } from './programs.ts';
import { startVersityGateway } from './versitygw.ts';

const faults: readonly Fault[] = [
  { kind: 'reset' },
  { kind: 'lose-answer' },
  { kind: 'cut-upload', afterBytes: 1000 },
  { kind: 'cut-reply', afterBytes: 10 },
  { kind: 'answer', status: 503, body: '<Error><Code>SlowDown</Code></Error>' },
];
const requestsMax = 40;

function named(kind: 'data' | 'snapshots', bytes: Buffer): FileHandle & { name: string } {
  return { kind, name: createHash('sha256').update(bytes).digest('hex') };
}

describe('S3 over a broken network', { skip: skipWithoutService('versitygw') }, () => {
  for (const fault of faults) {
    test(`${fault.kind} at any request loses nothing and leaves nothing half`, async () => {
      await using gateway = await startVersityGateway();
      await using proxy = await startFaultProxy({ port: gateway.port });
      const [small, large] = [randomBytes(50_000), randomBytes(11 * 2 ** 20)];
      let broken = true;
      for (let index = 0; broken; index += 1) {
        assert.ok(index < requestsMax, 'the row of requests has an end');
        broken = false;
        const first = proxy.requests.length;
        proxy.decide((request) => {
          if (request.index !== first + index) return undefined;
          broken = true;
          return fault;
        });
        const location = parseS3Location(`http://127.0.0.1:${proxy.port}/vault/${fault.kind}-${index}`);
        const storage = await createS3Backend(
          location,
          { environment: gateway.environment, extended: new Map([['s3.retries', '1']]) },
          { wholeMaxBytes: 6 * 2 ** 20, pieceBytes: 5 * 2 ** 20 },
        );
        const clock = createFakeClock({ sleepless: true });
        const backend = withRetry(storage, { clock, random: createSeededRandom(index) });
        await backend.create();
        await backend.save(named('data', small), [small]);
        await backend.save(named('data', large), [large]);
        await backend.save(named('snapshots', small), [small]);
        await backend.save({ kind: 'config' }, [small]);
        assert.ok((await backend.load(named('data', large))).equals(large));
        await backend.remove(named('snapshots', small));
        proxy.decide(() => undefined);
        assert.ok((await backend.load({ kind: 'config' })).equals(small));
        assert.deepEqual(
          new Set((await listed(backend, 'data')).map(({ sizeBytes }) => sizeBytes)),
          new Set([small.byteLength, large.byteLength]),
        );
        assert.deepEqual(await listed(backend, 'snapshots'), []);
        await backend.close();
      }
    });
  }
});
