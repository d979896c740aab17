/** The REST storage against the servers that people run. */
import { randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe } from 'node:test';
import { openBackend } from '../../packages/repository/src/backend/open-backend.ts';
import { parseLocation } from '../../packages/repository/src/backend/location.ts';
import { backendConformance } from '../../packages/repository/src/testing/backend-conformance.ts';
import type { ConformanceSubject } from '../../packages/repository/src/testing/backend-conformance.ts';
import { skipWithoutService } from './programs.ts';
import { setUpRclone, startRcloneServer } from './rclone.ts';
import { startRestServer } from './rest-server.ts';
import type { RestServerOptions } from './rest-server.ts';

/** Conformance gives files names that are not their hash. */
const unverified = '--no-verify-upload';

async function restSubject(options: RestServerOptions): Promise<ConformanceSubject> {
  const server = await startRestServer({ ...options, flags: [unverified, ...(options.flags ?? [])] });
  const repository = `repo-${randomBytes(4).toString('hex')}`;
  return {
    backend: await openBackend(parseLocation(`rest:${server.origin}/${repository}/`)),
    async putStranger(kind, name) {
      const folder = join(server.folder, 'repositories', repository, kind);
      await writeFile(join(folder, name), 'stranger');
      if (kind === 'data') await writeFile(join(folder, '00', name), 'stranger');
    },
    dispose: () => server[Symbol.asyncDispose](),
  };
}

describe('on rest-server', { skip: skipWithoutService('rest-server') }, () => {
  backendConformance('rest-server over TCP', () => restSubject({}));
  backendConformance('rest-server on a unix socket', () => restSubject({ socket: true }));
});

describe('on rclone', { skip: skipWithoutService('rclone') }, () => {
  backendConformance('rclone serve restic over TCP', async () => {
    const server = await startRcloneServer();
    return {
      backend: await openBackend(parseLocation(`rest:${server.origin}/repo/`)),
      async putStranger(kind, name) {
        const folder = join(server.folder, 'store', 'repo', kind);
        await mkdir(folder, { recursive: true });
        await writeFile(join(folder, name), 'stranger');
      },
      dispose: () => server[Symbol.asyncDispose](),
    };
  });

  backendConformance('rclone on its pipes', async () => {
    const setup = await setUpRclone();
    return {
      backend: await openBackend(parseLocation('rclone:store:repo'), { environment: setup.environment }),
      async putStranger(kind, name) {
        const folder = join(setup.folder, 'store', 'repo', kind);
        await mkdir(folder, { recursive: true });
        await writeFile(join(folder, name), 'stranger');
      },
      dispose: () => setup[Symbol.asyncDispose](),
    };
  });
});
