/** The S3 storage against versitygw; COFFRE_S3_SERVER=http://HOST:PORT (keys from AWS_*) names another server. */
import { randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { openBackend } from '../../packages/repository/src/backend/open-backend.ts';
import type { Throttle } from '../../packages/repository/src/backend/limits/throttle.ts';
import { parseLocation } from '../../packages/repository/src/backend/location.ts';
import { backendConformance } from '../../packages/repository/src/testing/backend-conformance.ts';
import type { ConformanceSubject } from '../../packages/repository/src/testing/backend-conformance.ts';
import { assertSameBytes, limitedSpeed } from './limited-speed.ts';
import { skipWithoutService } from './programs.ts';
import { startVersityGateway } from './versitygw.ts';
import type { VersityGateway } from './versitygw.ts';

const named = process.env['COFFRE_S3_SERVER'];
let started: Promise<VersityGateway> | undefined;

async function subject(
  extended: Readonly<Record<string, string>> = {},
  throttle?: Throttle,
): Promise<ConformanceSubject> {
  const name = `conformance-${randomBytes(4).toString('hex')}`;
  const options = { extended: new Map(Object.entries(extended)), ...(throttle === undefined ? {} : { throttle }) };
  if (named !== undefined) {
    return {
      backend: await openBackend(parseLocation(`s3:${named}/${name}/in/it`), { ...options, environment: process.env }),
    };
  }
  const gateway = await (started ??= startVersityGateway());
  const { origin, environment, folder } = gateway;
  return {
    backend: await openBackend(parseLocation(`s3:${origin}/${name}/in/it`), { ...options, environment }),
    async putStranger(kind, stranger) {
      const place = join(folder, name, 'in/it', kind);
      await mkdir(place, { recursive: true });
      await writeFile(join(place, stranger), 'stranger');
    },
  };
}

describe('S3', { skip: named === undefined && skipWithoutService('versitygw') }, () => {
  backendConformance('a bucket', () => subject());
  backendConformance('a bucket listed the old way', () => subject({ 's3.list-objects-v1': 'true' }));
  test('a bucket takes and gives the same bytes at a limited speed', async () => {
    const { backend } = await subject({}, limitedSpeed());
    await assertSameBytes(backend);
    await backend.close();
  });
  after(async () => (await started)?.[Symbol.asyncDispose]());
});
