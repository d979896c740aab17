/** The S3 storage against a real server: what every storage must do, and S3's own ways of doing it. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import dns from 'node:dns';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import type { TestContext } from 'node:test';
import { openBackend } from '../../packages/repository/src/backend/open-backend.ts';
import type { Throttle } from '../../packages/repository/src/backend/limits/throttle.ts';
import { parseLocation } from '../../packages/repository/src/backend/location.ts';
import { backendConformance } from '../../packages/repository/src/testing/backend-conformance.ts';
import type { ConformanceSubject } from '../../packages/repository/src/testing/backend-conformance.ts';
import { assertSameBytes, limitedSpeed } from './limited-speed.ts';
import type { S3Scene } from './s3-scene.ts';

export function describeS3Storage({ name: server, skip, hasVirtualHosts = false, start }: S3Scene): void {
  let started: ReturnType<S3Scene['start']> | undefined;

  async function subject(
    extended: Readonly<Record<string, string>> = {},
    throttle?: Throttle,
  ): Promise<ConformanceSubject> {
    const name = `conformance-${randomBytes(4).toString('hex')}`;
    const options = { extended: new Map(Object.entries(extended)), ...(throttle === undefined ? {} : { throttle }) };
    const { origin, environment, folder } = await (started ??= start());
    const backend = await openBackend(parseLocation(`s3:${origin}/${name}/in/it`), { ...options, environment });
    if (folder === undefined) return { backend };
    return {
      backend,
      async putStranger(kind, stranger) {
        const place = join(folder, name, 'in/it', kind);
        await mkdir(place, { recursive: true });
        await writeFile(join(place, stranger), 'stranger');
      },
    };
  }

  describe(`S3 on ${server}`, { skip }, () => {
    backendConformance('a bucket', () => subject());
    backendConformance('a bucket listed the old way', () => subject({ 's3.list-objects-v1': 'true' }));
    test('a bucket takes and gives the same bytes at a limited speed', async () => {
      const { backend } = await subject({}, limitedSpeed());
      await assertSameBytes(backend);
      await backend.close();
    });
    if (hasVirtualHosts)
      test('a bucket that is addressed by a host name of its own takes and gives bytes', async (context) => {
        const { virtualHost = '', environment } = await (started ??= start());
        const asked = answerNamesUnder(virtualHost, context);
        const bucket = `named-${randomBytes(4).toString('hex')}`;
        const options = { extended: new Map([['s3.bucket-lookup', 'dns']]), environment };
        const backend = await openBackend(parseLocation(`s3:http://${virtualHost}/${bucket}/in/it`), options);
        await assertSameBytes(backend);
        await backend.close();
        assert.ok(asked.has(`${bucket}.${virtualHost.split(':')[0]}`), [...asked].join(' '));
      });
    after(async () => (await started)?.[Symbol.asyncDispose]());
  });
}

/** No name server is asked for names under this one: they are this machine. @returns those that were looked up */
function answerNamesUnder(virtualHost: string, { mock }: TestContext): Set<string> {
  const [domain = ''] = virtualHost.split(':');
  const asked = new Set<string>();
  const { lookup } = dns;
  mock.method(dns, 'lookup', (name: string, options: dns.LookupOptions, done: (...answer: unknown[]) => void) => {
    if (!name.endsWith(domain)) return lookup(name, options, done);
    asked.add(name);
    if (options.all === true) done(null, [{ address: '127.0.0.1', family: 4 }]);
    else done(null, '127.0.0.1', 4);
  });
  return asked;
}
