import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isCoffreError } from '../../errors.ts';
import { findCredentials } from './s3-credentials.ts';
import { parseS3Location } from './s3-location.ts';
import { readS3Settings } from './s3-settings.ts';
import type { S3Settings } from './s3-settings.ts';

const elsewhere = parseS3Location('https://s3.example.com/bucket');
const amazon = parseS3Location('s3.amazonaws.com/bucket');

function settings(extended: Record<string, string>, environment = {}, location = elsewhere): S3Settings {
  return readS3Settings(location, { extended: new Map(Object.entries(extended)), environment });
}

test('without options everything has its usual value', () => {
  const usual = settings({});
  assert.deepEqual([usual.pathStyle, usual.connectionsMax, usual.regionFirst], [true, 5, 'us-east-1']);
  assert.deepEqual(
    [usual.listsV1, usual.anonymous, usual.objectLock, usual.asOfMs],
    [false, false, undefined, undefined],
  );
});

test('the bucket is in the host name at Amazon, and where it is asked for', () => {
  assert.equal(settings({}, {}, amazon).pathStyle, false);
  assert.equal(settings({ 's3.bucket-lookup': 'path' }, {}, amazon).pathStyle, true);
  assert.equal(settings({ 's3.bucket-lookup': 'dns' }).pathStyle, false);
});

test('the region comes from the option, the environment, the host, in this order', () => {
  const environment = { AWS_DEFAULT_REGION: 'eu-a-1', AWS_REGION: 'eu-b-1' };
  assert.equal(settings({ 's3.region': 'eu-o-1' }, environment).regionFirst, 'eu-o-1');
  assert.equal(settings({}, environment).regionFirst, 'eu-a-1');
  const paris = parseS3Location('s3.eu-west-3.amazonaws.com/bucket');
  assert.equal(settings({}, {}, paris).regionFirst, 'eu-west-3');
  assert.equal(settings({}, {}, paris).region, undefined);
});

test('object lock and time are read', () => {
  const { objectLock } = settings({ 's3.object-lock-mode': 'compliance', 's3.object-lock-days': '30' });
  assert.deepEqual(objectLock, { mode: 'COMPLIANCE', days: 30 });
  assert.equal(settings({ 's3.as-of': '2026-08-20T14:00:00Z' }).asOfMs, Date.UTC(2026, 7, 20, 14));
  assert.equal(settings({ 's3.as-of': '2026-08-20T16:00:00+02:00' }).asOfMs, Date.UTC(2026, 7, 20, 14));
});

test('options of other storages are left to them', () => {
  assert.equal(settings({ 'sftp.command': 'x', 'rest.connections': '9' }).connectionsMax, 5);
});

const refused: Record<string, string>[] = [
  { 's3.foo': '1' },
  { 's3.bucket-lookup': 'zzz' },
  { 's3.connections': '0' },
  { 's3.connections': 'many' },
  { 's3.layout': 's3legacy' },
  { 's3.list-objects-v1': 'perhaps' },
  { 's3.object-lock-mode': 'governance' },
  { 's3.object-lock-days': '3' },
  { 's3.object-lock-mode': 'legal', 's3.object-lock-days': '3' },
  { 's3.object-lock-mode': 'governance', 's3.object-lock-days': '99999' },
  { 's3.as-of': 'yesterday' },
  { 's3.as-of': '2026-08-20T14:00:00' },
  { 's3.as-of': '2026-13-20T14:00:00Z' },
  { 's3.as-of': '2026-08-20T14:00:00Z', 's3.object-lock-mode': 'governance', 's3.object-lock-days': '3' },
];

for (const options of refused) {
  test(`${JSON.stringify(options)} is refused with a hint`, () => {
    assert.throws(
      () => settings(options),
      (error) => isCoffreError(error, 'USAGE') && error.hint !== undefined,
    );
  });
}

test('cold storage says that it is not built', () => {
  for (const options of [{ 's3.storage-class': 'glacier' }, { 's3.enable-restore': 'true' }]) {
    assert.throws(
      () => settings(options),
      (error) => isCoffreError(error, 'NOT_BUILT_YET'),
    );
  }
  assert.equal(settings({ 's3.storage-class': 'STANDARD_IA' }).storageClass, 'STANDARD_IA');
});

test('keys come from the environment that was handed in, with their token', () => {
  const pair = { AWS_ACCESS_KEY_ID: 'a', AWS_SECRET_ACCESS_KEY: 'b' };
  assert.deepEqual(findCredentials({ ...pair, AWS_SESSION_TOKEN: 't' }), {
    kind: 'keys',
    keys: { accessKeyId: 'a', secretAccessKey: 'b', sessionToken: 't' },
  });
  assert.deepEqual(findCredentials({ AWS_PROFILE: 'work', AWS_CONFIG_FILE: '/c' }), {
    kind: 'chain',
    profile: 'work',
    configFilepath: '/c',
  });
  assert.throws(
    () => findCredentials({ AWS_ACCESS_KEY_ID: 'a' }),
    (error) => isCoffreError(error, 'USAGE') && error.message.includes('AWS_SECRET_ACCESS_KEY'),
  );
});
