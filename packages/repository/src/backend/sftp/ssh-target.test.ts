import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { isCoffreError } from '../../errors.ts';
import { parseSshArguments } from './ssh-arguments.ts';
import { resolveSshTarget } from './ssh-target.ts';
import type { SshLogin, SshTarget } from './ssh-target.ts';

type Scene = { config?: string; system?: string; args?: string; files?: Record<string, string>; agent?: string };

/** HOME is `/HOME` in what comes back, so that the temporary folder does not matter. */
function resolve(login: SshLogin, { config, system, args = '', files = {}, agent }: Scene = {}): SshTarget {
  const home = mkdtempSync(join(tmpdir(), 'coffre-ssh-'));
  try {
    const all = { ...files, ...(config === undefined ? {} : { '.ssh/config': config }) };
    for (const [name, text] of Object.entries({ ...all, 'etc/ssh_config': system ?? '' })) {
      mkdirSync(dirname(join(home, name)), { recursive: true });
      writeFileSync(join(home, name), text);
    }
    const environment = agent === undefined ? {} : { SSH_AUTH_SOCK: agent };
    const around = { home, systemFolder: join(home, 'etc'), localUser: 'local', environment };
    const target = resolveSshTarget(login, parseSshArguments(args), around);
    return JSON.parse(JSON.stringify(target).replaceAll(home, '/HOME')) as SshTarget;
  } finally {
    rmSync(home, { recursive: true });
  }
}

test('without a configuration the usual names and places count', () => {
  assert.deepEqual(resolve({ host: 'backup' }), {
    hostName: 'backup',
    port: 22,
    user: 'local',
    knownAs: { host: 'backup', port: 22 },
    knownHostsFiles: [
      '/HOME/.ssh/known_hosts',
      '/HOME/.ssh/known_hosts2',
      '/HOME/etc/ssh_known_hosts',
      '/HOME/etc/ssh_known_hosts2',
    ],
    identityFiles: ['/HOME/.ssh/id_ed25519', '/HOME/.ssh/id_ecdsa', '/HOME/.ssh/id_rsa'],
    identitiesOnly: false,
    jumps: [],
  });
});

test('a Host block gives name, port, user and keys', () => {
  const config = `
# a comment
Host other
  User nobody
Host nas backup-*
  HostName=192.0.2.7
  Port 2222
  User "backup user"
  IdentityFile ~/.ssh/nas_%r
  IdentityFile %d/keys/%h
  IdentitiesOnly yes
  UserKnownHostsFile ~/.ssh/nas_hosts
Host *
  User fallback
`;
  const target = resolve({ host: 'nas' }, { config, agent: '/run/agent' });
  assert.deepEqual([target.hostName, target.port, target.user], ['192.0.2.7', 2222, 'backup user']);
  assert.deepEqual(target.identityFiles, ['/HOME/.ssh/nas_backup user', '/HOME/keys/192.0.2.7']);
  assert.equal(target.knownHostsFiles[0], '/HOME/.ssh/nas_hosts');
  assert.deepEqual([target.identitiesOnly, target.agentSocket], [true, '/run/agent']);
  assert.equal(resolve({ host: 'elsewhere' }, { config }).user, 'fallback');
});

test('the address comes before arguments, arguments before the user, the user before the machine', () => {
  const scene: Scene = {
    args: '-p 2 -l two -o HostKeyAlias=alias',
    config: 'Port 3\nUser three\nHostKeyAlias three\nIdentityFile /three',
    system: 'Port 4\nIdentityFile /four\nHostName real',
  };
  const target = resolve({ host: 'h', port: 1 }, scene);
  assert.deepEqual([target.port, target.user, target.hostName], [1, 'two', 'real']);
  assert.deepEqual(target.knownAs, { host: 'alias', port: 22 });
  assert.deepEqual(target.identityFiles, ['/three', '/four']);
});

test('Include and Match are followed, except where a program would run', () => {
  const config =
    'Include conf.d/*.conf\nMatch host inner user me\n Port 5\nMatch exec "true"\n Port 6\nMatch all\n Port 7';
  const files = { '.ssh/conf.d/a.conf': 'Host h\n HostName inner\n', '.ssh/conf.d/b.conf': 'Host other\n User b\n' };
  assert.equal(resolve({ host: 'h', user: 'me' }, { config, files }).port, 5);
  assert.equal(resolve({ host: 'h', user: 'you' }, { config, files }).port, 7);
});

test('the agent is the one of the environment, another, or none', () => {
  assert.equal(resolve({ host: 'h' }, { agent: '/a' }).agentSocket, '/a');
  assert.equal(resolve({ host: 'h' }, { agent: '/a', config: 'IdentityAgent ~/b' }).agentSocket, '/HOME/b');
  assert.equal(resolve({ host: 'h' }, { agent: '/a', config: 'IdentityAgent none' }).agentSocket, undefined);
});

test('jump hosts are taken in their order', () => {
  const { jumps } = resolve({ host: 'h' }, { config: 'ProxyJump a@one:2201,[::1]:2202,ssh://three' });
  assert.deepEqual(jumps, [{ user: 'a', host: 'one', port: 2201 }, { host: '::1', port: 2202 }, { host: 'three' }]);
  assert.deepEqual(resolve({ host: 'h' }, { config: 'ProxyJump one', args: '-J none' }).jumps, []);
});

test('a ProxyCommand is refused, as it would not be run', () => {
  const refused = (error: unknown): boolean => isCoffreError(error, 'HOST_UNSUPPORTED');
  assert.throws(() => resolve({ host: 'h' }, { config: 'ProxyCommand nc %h %p' }), refused);
  assert.equal(resolve({ host: 'h' }, { config: 'ProxyCommand none' }).hostName, 'h');
});

test('arguments that would be ignored silently are refused', () => {
  for (const line of ['-L 1:h:2', 'host', '-o', '-p', '-o "=x"', '"open']) {
    assert.throws(
      () => parseSshArguments(line),
      (error) => isCoffreError(error, 'USAGE'),
      line,
    );
  }
  assert.deepEqual(parseSshArguments('-4q -i "a b" -p22 -F none -oUser=x'), {
    settings: [
      ['IdentityFile', 'a b'],
      ['Port', '22'],
      ['User', 'x'],
    ],
    configFile: 'none',
  });
});
