/** The storage contract on an OpenSSH server without its extensions: no replacing rename, no flush. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { isCoffreError, openBackend, parseLocation } from '@coffre/repository';
import type { Backend } from '@coffre/repository';
import { backendConformance } from '@coffre/repository/testing';
import { skipWithoutService } from './programs.ts';
import { startSshd } from './sshd.ts';
import type { Sshd } from './sshd.ts';

const denied = 'posix-rename,fsync,statvfs,fstatvfs,limits';

describe('a plain SFTP repository', { skip: skipWithoutService('sshd') }, () => {
  let sshd: Sshd;
  let count = 0;
  before(async () => {
    sshd = await startSshd({ subsystem: `internal-sftp -P ${denied}` });
  });
  after(async () => sshd?.[Symbol.asyncDispose]());

  async function open(path: string): Promise<Backend> {
    const backend = await openBackend(parseLocation(`sftp://${sshd.user}@127.0.0.1:${sshd.port}/${path}`), {
      environment: sshd.environment,
    });
    // What the server can do is known once it was asked something.
    await backend.stat({ kind: 'config' }).catch(() => undefined);
    return backend;
  }

  test('an existing file is never replaced', async () => {
    const backend = await open(join(sshd.folder, 'once'));
    await backend.create();
    const file = { kind: 'keys', name: 'ab'.repeat(32) } as const;
    await backend.save(file, [Buffer.from('first')]);
    assert.equal(backend.replacesAtomically, false);
    await assert.rejects(backend.save(file, [Buffer.from('second')]), (error) =>
      isCoffreError(error, 'BACKEND_EXISTS'),
    );
    assert.equal((await backend.load(file)).toString(), 'first');
    await backend.close();
  });

  backendConformance('plain SFTP', async () => {
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
});
