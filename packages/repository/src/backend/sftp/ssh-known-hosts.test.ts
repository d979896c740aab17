import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { test } from 'node:test';
import { fingerprintOf, judgeHostKey, knownKeyTypes, parseKnownHosts } from './ssh-known-hosts.ts';

const ours = keyOf('ssh-ed25519', 'ours');
const other = keyOf('ssh-ed25519', 'other');
const rsa = keyOf('ssh-rsa', 'ours');

function keyOf(type: string, content: string): Buffer {
  const name = Buffer.from(type);
  return Buffer.concat([Buffer.from([0, 0, 0, name.byteLength]), name, Buffer.from(content)]);
}

function line(names: string, key: Buffer, marker = ''): string {
  const type = key.toString('latin1', 4, 4 + key.readUInt32BE(0));
  return `${marker}${names} ${type} ${key.toString('base64')} a comment\n`;
}

function hashed(name: string): string {
  const salt = Buffer.from('twenty bytes of salt');
  return `|1|${salt.toString('base64')}|${createHmac('sha1', salt).update(name).digest('base64')}`;
}

const verdicts: [sentence: string, file: string, host: string, port: number, kind: string][] = [
  ['a plain name knows its host', line('host', ours), 'host', 22, 'known'],
  ['names have no case', line('HOST', ours), 'Host', 22, 'known'],
  ['one of several names is enough', line('a,host,b', ours), 'host', 22, 'known'],
  ['a wildcard knows its hosts', line('*.example.org', ours), 'backup.example.org', 22, 'known'],
  ['a negated name excludes', line('*.example.org,!backup.example.org', ours), 'backup.example.org', 22, 'unknown'],
  ['a port of its own is part of the name', line('[host]:2222', ours), 'host', 2222, 'known'],
  ['another port is another host', line('[host]:2222', ours), 'host', 2223, 'unknown'],
  ['a bare name confirms a host on another port', line('host', ours), 'host', 2222, 'known'],
  ['a bare name with another key says nothing about another port', line('host', other), 'host', 2222, 'unknown'],
  ['a hashed name knows its host', line(hashed('host'), ours), 'host', 22, 'known'],
  ['a hashed name with a port knows its host', line(hashed('[host]:2222'), ours), 'host', 2222, 'known'],
  ['a hash of another name does not', line(hashed('other'), ours), 'host', 22, 'unknown'],
  ['an IPv6 address is a name', line('[::1]:2222', ours), '::1', 2222, 'known'],
  ['another key of the same type has changed', line('host', other), 'host', 22, 'changed'],
  ['a key of another type than the known one has changed', line('host', rsa), 'host', 22, 'changed'],
  ['one of several keys is enough', line('host', rsa) + line('host', ours), 'host', 22, 'known'],
  ['a revoked key is never taken', line('host', ours) + line('*', ours, '@revoked '), 'host', 22, 'revoked'],
  ['an authority does not make a key known', line('host', ours, '@cert-authority '), 'host', 22, 'unknown'],
  [
    'comments and broken lines say nothing',
    '# host\n\nhost\nhost ssh-ed25519 !!\n@odd host x y\n',
    'host',
    22,
    'unknown',
  ],
  [
    'a line whose type is not that of its key says nothing',
    `host ssh-rsa ${ours.toString('base64')}`,
    'host',
    22,
    'unknown',
  ],
  ['an empty file knows nobody', '', 'host', 22, 'unknown'],
];

for (const [sentence, file, host, port, kind] of verdicts) {
  test(sentence, () => assert.equal(judgeHostKey(parseKnownHosts(file), host, port, ours).kind, kind));
}

test('the types of the known keys are asked for', () => {
  const known = parseKnownHosts(line('host', rsa) + line('[host]:2222', ours) + line('host', other, '@revoked '));
  assert.deepEqual(knownKeyTypes(known, 'host', 2222), ['ssh-rsa', 'ssh-ed25519']);
  assert.deepEqual(knownKeyTypes(known, 'host', 22), ['ssh-rsa']);
});

test('a fingerprint is shown as ssh shows it', () => {
  assert.equal(fingerprintOf(Buffer.from('abc')), 'SHA256:ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0');
});
