/** The SFTP backend against a real OpenSSH server. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { openBackend, parseLocation } from '@coffre/repository';
import type { Backend, StorageOptions } from '@coffre/repository';
import { backendConformance } from '@coffre/repository/testing';
import { assertSameBytes, limitedSpeed } from './limited-speed.ts';
import { skipWithoutService } from './programs.ts';
import { startSshd } from './sshd.ts';
import type { Sshd } from './sshd.ts';

describe('an SFTP repository', { skip: skipWithoutService('sshd') }, () => {
  let sshd: Sshd;
  let count = 0;
  before(async () => {
    sshd = await startSshd();
  });
  after(async () => {
    await sshd?.[Symbol.asyncDispose]();
  });

  function open(path: string, options: StorageOptions = {}): Promise<Backend> {
    const location = parseLocation(`sftp://${sshd.user}@127.0.0.1:${sshd.port}/${path}`);
    return openBackend(location, { environment: sshd.environment, ...options });
  }

  backendConformance('SFTP', async () => {
    const path = join(sshd.folder, `repo-${(count += 1)}`);
    return {
      backend: await open(path),
      putStranger: async (kind, name) => {
        const folder = join(path, kind, ...(kind === 'data' ? [name.slice(0, 2)] : []));
        mkdirSync(folder, { recursive: true });
        writeFileSync(join(folder, name), 'x');
      },
      dispose: async () => rmSync(path, { recursive: true, force: true }),
    };
  });

  test('takes and gives the same bytes at a limited speed', async () => {
    const backend = await open(join(sshd.folder, 'limited'), { throttle: limitedSpeed() });
    await assertSameBytes(backend);
    await backend.close();
  });
});
