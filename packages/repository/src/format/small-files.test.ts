/** Config, key, lock and unpacked files. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { randomMasterKey } from '../crypto/seal.ts';
import { encodeConfig, parseConfig, type RepositoryConfig } from './config.ts';
import { encodeKeyFile, encodeMasterKey, parseKeyFile, parseMasterKey, type KeyFile } from './key-file.ts';
import { encodeLockFile, parseLockFile, type LockFile } from './lock-file.ts';
import { decodeUnpacked, encodeUnpacked } from './unpacked.ts';

const config: RepositoryConfig = {
  version: 2,
  id: '5f'.repeat(32),
  chunkerPolynomial: 0x25b468838dcbafn,
  foreign: { chunker: 'FixedSize', chunk_size: 65536, append_only: true, extra_verify: false },
};

test('a config is written as restic reads it, with what rustic added', () => {
  assert.equal(
    encodeConfig(config).toString(),
    `{"version":2,"id":"${'5f'.repeat(32)}","chunker_polynomial":"25b468838dcbaf","chunker":"FixedSize","chunk_size":65536,"append_only":true,"extra_verify":false}`,
  );
  assert.deepEqual(parseConfig(encodeConfig(config)), config);
  const plain = { ...config, version: 1 as const, foreign: {} };
  assert.deepEqual(parseConfig(encodeConfig(plain)), plain);
});

test('a config of another version or with other damage is refused by its own code', () => {
  const text = encodeConfig(config).toString();
  assert.throws(() => parseConfig(Buffer.from(text.replace('"version":2', '"version":3'))), {
    code: 'REPO_VERSION_UNSUPPORTED',
  });
  for (const [from, to] of [
    ['"version":2', '"version":"2"'],
    ['5f5f', 'zz'],
    ['25b468838dcbaf', ''],
    ['25b468838dcbaf', '1'.repeat(17)],
    ['FixedSize', 'Other'],
  ] as const) {
    assert.throws(() => parseConfig(Buffer.from(text.replace(from, to))), { code: 'REPO_CONFIG_DAMAGED' }, to);
  }
});

const key: KeyFile = {
  created: '2024-07-15T12:00:00.5+02:00',
  username: 'alice',
  hostname: 'säule',
  kdf: 'scrypt',
  N: 32768,
  r: 8,
  p: 5,
  salt: randomBytes(64),
  data: randomBytes(150),
};

test('a key file survives being written, with or without the optional members', () => {
  assert.deepEqual(parseKeyFile(encodeKeyFile(key)), key);
  const { kdf, N, r, p, salt, data } = key;
  const bare: KeyFile = { kdf, N, r, p, salt, data };
  assert.deepEqual(parseKeyFile(encodeKeyFile(bare)), bare);
  assert.deepEqual(Object.keys(JSON.parse(encodeKeyFile(key).toString()) as object), [
    'created',
    'username',
    'hostname',
    'kdf',
    'N',
    'r',
    'p',
    'salt',
    'data',
  ]);
});

test('a key file cannot ask for more memory or time than an honest one', () => {
  const changes = [
    { N: 2 ** 24 },
    { N: 32767 },
    { N: 1 },
    { N: 2 ** 20, r: 1024 },
    { r: 2 ** 20 },
    { p: 2 ** 20 },
    { p: 0 },
    { N: 2 ** 31 },
    { kdf: 'argon2' },
    { salt: 'AAAA' },
    { salt: '!' },
    { data: 'A'.repeat(9000) },
  ];
  const good = JSON.parse(encodeKeyFile(key).toString()) as object;
  for (const change of changes) {
    assert.throws(
      () => parseKeyFile(Buffer.from(JSON.stringify({ ...good, ...change }))),
      { code: 'REPO_KEY_DAMAGED' },
      JSON.stringify(change),
    );
  }
  assert.throws(() => parseKeyFile(Buffer.alloc(100_000, ' ')), { code: 'REPO_KEY_DAMAGED' });
});

test('the master key survives being written', () => {
  const master = randomMasterKey({ bytes: (size) => randomBytes(size) });
  assert.deepEqual(parseMasterKey(encodeMasterKey(master)), master);
  assert.throws(() => parseMasterKey(Buffer.from('{"mac":{"k":"AAAA","r":"AAAA"},"encrypt":"AAAA"}')), {
    code: 'REPO_KEY_DAMAGED',
  });
});

const lock: LockFile = {
  time: '2024-07-15T12:00:00.5+02:00',
  exclusive: true,
  hostname: 'h',
  username: 'u',
  pid: 4711,
  uid: 1000,
  gid: 1000,
  boot_id: 'b',
};

test('a lock survives being written; root has no uid and gid in it', () => {
  assert.deepEqual(parseLockFile(encodeLockFile(lock)), lock);
  assert.equal(
    encodeLockFile({
      time: lock.time,
      exclusive: false,
      hostname: 'h',
      username: 'root',
      pid: 1,
      uid: 0,
      gid: 0,
    }).toString(),
    '{"time":"2024-07-15T12:00:00.5+02:00","exclusive":false,"hostname":"h","username":"root","pid":1}',
  );
  const bare = parseLockFile(Buffer.from('{"time":"2024-07-15T12:00:00Z","exclusive":false,"hostname":null}'));
  assert.deepEqual(bare, { time: '2024-07-15T12:00:00Z', exclusive: false, hostname: '', username: '', pid: 0 });
  for (const bad of ['', '{}', '{"time":"x","exclusive":false}', '{"time":"2024-07-15T12:00:00Z","exclusive":1}']) {
    assert.throws(() => parseLockFile(Buffer.from(bad)), { code: 'REPO_FILE_DAMAGED' }, bad);
  }
});

const json = Buffer.from('{"packs":[]}\n');

test('unpacked files are compressed from version 2 on and read either way', () => {
  assert.deepEqual(encodeUnpacked(1, json), json);
  const packed = encodeUnpacked(2, json);
  assert.equal(packed[0], 2);
  assert.deepEqual(decodeUnpacked(2, packed, 100), json);
  assert.deepEqual(decodeUnpacked(2, json, 100), json);
  assert.deepEqual(decodeUnpacked(2, Buffer.from('[]'), 100), Buffer.from('[]'));
  assert.deepEqual(decodeUnpacked(1, json, 100), json);
});

test('an unknown mark, a bomb and an empty file are damage', () => {
  for (const bad of [Buffer.alloc(0), Buffer.from([1, 2, 3]), Buffer.from([2]), Buffer.from([2, 9, 9, 9, 9])]) {
    assert.throws(() => decodeUnpacked(2, bad, 1000), { code: 'REPO_FILE_DAMAGED' }, bad.toString('hex'));
  }
  assert.throws(() => decodeUnpacked(2, encodeUnpacked(2, Buffer.alloc(10_000, '{')), 9_999), {
    code: 'REPO_FILE_DAMAGED',
  });
  assert.throws(() => decodeUnpacked(1, json, 5), { code: 'REPO_FILE_DAMAGED' });
});

test('JSON nested so deep that writing it again would end the program is refused', () => {
  const nested = (levels: number): Buffer =>
    Buffer.from(
      encodeConfig(config)
        .toString()
        .replace('"extra_verify":false', `"later":${'[{"\\"[[":'.repeat(levels)}0${'}]'.repeat(levels)}`),
    );
  assert.deepEqual(parseConfig(encodeConfig(parseConfig(nested(20)))), parseConfig(nested(20)));
  for (const levels of [40, 50_000]) {
    assert.throws(() => parseConfig(nested(levels)), { code: 'REPO_CONFIG_DAMAGED', message: /nested deeper than 64/ });
  }
});
