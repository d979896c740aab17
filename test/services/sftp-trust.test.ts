/** Whom the SFTP backend trusts, and how it logs in: against a real sshd and a real ssh-agent. */
import assert from 'node:assert/strict';
import { appendFileSync, chmodSync, copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import { CoffreError, isCoffreError, openBackend, parseLocation } from '@coffre/repository';
import type { ErrorCode, StorageOptions } from '@coffre/repository';
import { skipWithoutService } from './programs.ts';
import { makeKey, startAgent, startSshd } from './sshd.ts';
import type { Sshd } from './sshd.ts';

describe('an SFTP server', { skip: skipWithoutService('sshd') }, () => {
  let sshd: Sshd;
  let home: string;
  let count = 0;
  before(async () => {
    sshd = await startSshd({ hostKeyTypes: ['ed25519', 'ecdsa', 'rsa'] });
  });
  after(async () => sshd?.[Symbol.asyncDispose]());
  beforeEach(() => {
    home = join(sshd.folder, `home-${(count += 1)}`);
    mkdirSync(join(home, '.ssh'), { recursive: true });
    for (const name of ['known_hosts', 'id_ed25519'])
      copyFileSync(join(sshd.home, '.ssh', name), join(home, '.ssh', name));
  });

  type Reach = { address?: string; args?: string; agent?: string; options?: StorageOptions };

  /** Logs in and asks for a file. */
  async function reach({ address, args, agent, options = {} }: Reach = {}): Promise<void> {
    const backend = await openBackend(parseLocation(address ?? `sftp://${sshd.user}@127.0.0.1:${sshd.port}//nowhere`), {
      environment: { HOME: home, ...(agent === undefined ? {} : { SSH_AUTH_SOCK: agent }) },
      ...(args === undefined ? {} : { extended: new Map([['sftp.args', args]]) }),
      ...options,
    });
    try {
      await assert.rejects(backend.stat({ kind: 'config' }), (error) => {
        if (!isCoffreError(error, 'BACKEND_NOT_FOUND')) throw error;
        return true;
      });
    } finally {
      await backend.close();
    }
  }

  async function refused(code: ErrorCode, reaching: Promise<void>): Promise<string> {
    let said = '';
    await assert.rejects(reaching, (error) => {
      assert.ok(error instanceof CoffreError && isCoffreError(error, code), String(error));
      assert.ok(!error.retryable);
      said = `${error.message}\n${error.hint}`;
      return true;
    });
    return said;
  }

  const knownHosts = (text: string): void => writeFileSync(join(home, '.ssh', 'known_hosts'), text);
  const config = (text: string): void => writeFileSync(join(home, '.ssh', 'config'), text);
  const name = (): string => `[127.0.0.1]:${sshd.port}`;

  test('that nobody knows is refused, with its fingerprint and the line that would make it known', async () => {
    knownHosts('');
    const said = await refused('BACKEND_HOST_UNKNOWN', reach());
    assert.match(said, /SHA256:[A-Za-z0-9+/]{43}/);
    const line = /echo '([^']+)' >> (\S+)$/m.exec(said);
    assert.ok(line?.[1] !== undefined && line[2] === join(home, '.ssh', 'known_hosts'), said);
    assert.equal(readFileSync(join(home, '.ssh', 'known_hosts'), 'utf8'), '', 'nothing is trusted by itself');
    appendFileSync(join(home, '.ssh', 'known_hosts'), `${line[1]}\n`);
    await reach();
  });

  test('that shows another key is refused sternly', async () => {
    const other = makeKey(join(home, 'other'), 'ed25519');
    knownHosts(`${name()} ${other}\n`);
    assert.match(await refused('BACKEND_HOST_CHANGED', reach()), /HAS CHANGED[^]*Nothing was sent/);
  });

  test('whose key is revoked is refused', async () => {
    appendFileSync(join(home, '.ssh', 'known_hosts'), sshd.hostKeys.map((key) => `@revoked * ${key}\n`).join(''));
    assert.match(await refused('BACKEND_HOST_CHANGED', reach()), /revoked/);
  });

  test('is asked for the kind of key that is known', async () => {
    for (const key of sshd.hostKeys) {
      knownHosts(`${name()} ${key}\n`);
      await reach();
    }
  });

  test('is found through ~/.ssh/config', async () => {
    const key = makeKey(join(home, 'unused'), 'ed25519');
    config(`Host nas\n HostName 127.0.0.1\n Port ${sshd.port}\n User ${sshd.user}\n IdentityFile ~/.ssh/id_ed25519\n`);
    await reach({ address: 'sftp:nas:/nowhere' });
    config(`Host nas\n HostName 127.0.0.1\n Port ${sshd.port}\n HostKeyAlias vault\n`);
    knownHosts(`vault ${sshd.hostKeys[0]}\n`);
    await reach({ address: `sftp:${sshd.user}@nas:/nowhere` });
    knownHosts(`vault ${key}\n`);
    await refused('BACKEND_HOST_CHANGED', reach({ address: `sftp:${sshd.user}@nas:/nowhere` }));
  });

  test('is reached with the arguments of ssh', async () => {
    copyFileSync(join(home, '.ssh', 'id_ed25519'), join(home, 'my key'));
    rmSync(join(home, '.ssh', 'id_ed25519'));
    const address = 'sftp:127.0.0.1:/nowhere';
    await reach({ address, args: `-p ${sshd.port} -l ${sshd.user} -i '${join(home, 'my key')}'` });
    await reach({ address, args: `-oPort=${sshd.port} -o "IdentityFile=${join(home, 'my key')}"` });
  });

  test('is reached through a jump host, and both have to be known', async () => {
    config(`Host inner\n HostName 127.0.0.1\n Port ${sshd.port}\n ProxyJump ${sshd.user}@127.0.0.1:${sshd.port}\n`);
    await reach({ address: `sftp:${sshd.user}@inner:/nowhere` });
    config(`Host inner\n HostName 127.0.0.1\n Port ${sshd.port}\n ProxyJump ${sshd.user}@localhost:${sshd.port}\n`);
    assert.match(
      await refused('BACKEND_HOST_UNKNOWN', reach({ address: `sftp:${sshd.user}@inner:/nowhere` })),
      /\[localhost\]/,
    );
  });

  test('refuses a key that it does not know, and the message says which were tried', async () => {
    makeKey(join(home, 'wrong'), 'ed25519');
    rmSync(join(home, '.ssh', 'id_ed25519'));
    copyFileSync(join(home, 'wrong'), join(home, '.ssh', 'id_ed25519'));
    assert.match(await refused('BACKEND_DENIED', reach()), /id_ed25519[^]*ssh-add/);
    rmSync(join(home, '.ssh', 'id_ed25519'));
    assert.match(await refused('BACKEND_DENIED', reach()), /no key was found/);
  });

  test('lets in keys of every usual kind', async () => {
    rmSync(join(home, '.ssh', 'id_ed25519'));
    for (const type of ['ecdsa', 'rsa']) {
      const key = makeKey(join(home, '.ssh', `id_${type}`), type);
      appendFileSync(join(sshd.folder, 'authorized_keys'), `${key}\n`);
      await reach();
      rmSync(join(home, '.ssh', `id_${type}`));
    }
  });

  test('is logged in to with a key of the agent; one with a passphrase points there', async () => {
    const path = join(home, '.ssh', 'id_ed25519');
    rmSync(path);
    appendFileSync(join(sshd.folder, 'authorized_keys'), `${makeKey(path, 'ed25519', 'canary')}\n`);
    assert.match(await refused('BACKEND_DENIED', reach()), /has a passphrase: load it into the agent with `ssh-add /);

    const askpass = join(home, 'askpass');
    writeFileSync(askpass, '#!/bin/sh\necho canary\n');
    chmodSync(askpass, 0o700);
    makeKey(join(home, 'stranger'), 'ed25519');
    using agent = await startAgent(home, [join(home, 'stranger'), path], askpass);
    await reach({ agent: agent.socket });
    await reach({ agent: agent.socket, args: '-o IdentitiesOnly=yes' });
    config('IdentitiesOnly yes\nIdentityFile ~/stranger\n');
    await refused('BACKEND_DENIED', reach({ agent: agent.socket }));
  });

  test('an agent that does not answer is passed over', async () => {
    await reach({ agent: join(home, 'no.sock') });
  });

  test('that does not listen is an error at once, with the address', async () => {
    const said = await refused('BACKEND_IO', reach({ address: 'sftp://me@127.0.0.1:1//srv' }));
    assert.match(said, /me@127\.0\.0\.1:1/);
  });
});
