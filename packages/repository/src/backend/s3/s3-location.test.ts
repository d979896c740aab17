import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isCoffreError } from '../../errors.ts';
import { describeS3, isAmazon, keyOf, nameInKey, parseS3Location, regionInHost } from './s3-location.ts';

const id = 'ab'.repeat(32);

const addresses: Record<string, string> = {
  's3.amazonaws.com/bucket/prefix': 's3:https://s3.amazonaws.com/bucket/prefix',
  's3.amazonaws.com/bucket': 's3:https://s3.amazonaws.com/bucket',
  '//host.example/bucket': 's3:https://host.example/bucket',
  'https://host.example:9000/bucket/a/b/': 's3:https://host.example:9000/bucket/a/b',
  'http://127.0.0.1:9000/bucket//a/./b': 's3:http://127.0.0.1:9000/bucket/a/b',
  'HTTP://[::1]:9000/bucket': 's3:http://[::1]:9000/bucket',
};

for (const [text, described] of Object.entries(addresses)) {
  test(`s3:${text} is ${described}`, () => assert.equal(describeS3(parseS3Location(text)), described));
}

for (const text of [
  '',
  'https://',
  'https://host',
  'host',
  'https://AKIA:canary@host/bucket',
  'https://host/bucket?canary=1',
  'host/bucket/../other',
  'ho st/bucket',
]) {
  test(`s3:${text} is refused with a hint and without the secret`, () => {
    assert.throws(
      () => parseS3Location(text),
      (error) => isCoffreError(error, 'BACKEND_URL') && error.hint !== undefined && !error.message.includes('canary'),
    );
  });
}

test('keys are laid out as restic lays them out', () => {
  const below = parseS3Location('host/bucket/a/b');
  assert.equal(keyOf(below, { kind: 'config' }), 'a/b/config');
  assert.equal(keyOf(below, { kind: 'data', name: id }), `a/b/data/ab/${id}`);
  assert.equal(keyOf(below, { kind: 'snapshots', name: id }), `a/b/snapshots/${id}`);
  assert.equal(keyOf(parseS3Location('host/bucket'), { kind: 'keys', name: id }), `keys/${id}`);
});

test('only keys of the layout are files', () => {
  const location = parseS3Location('host/bucket/a');
  assert.equal(nameInKey(location, 'data', `a/data/ab/${id}`), id);
  assert.equal(nameInKey(location, 'data', `a/data/${id}`), undefined);
  assert.equal(nameInKey(location, 'data', `a/data/cd/${id}`), undefined);
  assert.equal(nameInKey(location, 'index', `a/index/${id}.bak`), undefined);
  assert.equal(nameInKey(location, 'index', `a/index/deeper/${id}`), undefined);
});

test('Amazon is known by its host, and so is the region', () => {
  const of = (host: string) => parseS3Location(`${host}/bucket`);
  assert.ok(isAmazon(of('s3.amazonaws.com')) && isAmazon(of('s3.eu-west-1.amazonaws.com')));
  assert.ok(!isAmazon(of('s3.amazonaws.com.example.org')) && !isAmazon(of('minio.example.org')));
  assert.equal(regionInHost(of('s3.eu-west-1.amazonaws.com')), 'eu-west-1');
  assert.equal(regionInHost(of('s3-us-gov-west-1.amazonaws.com')), 'us-gov-west-1');
  assert.equal(regionInHost(of('s3.amazonaws.com')), undefined);
});
