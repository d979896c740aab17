/** RDB files as real servers wrote them; test/services reads those of servers that run. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Crc64 } from './rdb-crc64.ts';
import { RdbScan, type RdbContent, type RdbEntry } from './rdb-scan.ts';

/** Of Redis 8.0.6: a hash with a field that expires, and three numbers as a vector. */
const ofRedis8 =
  'UkVESVMwMDEy+glyZWRpcy12ZXIFOC4wLjb6CnJlZGlzLWJpdHPAQPoFY3RpbWXCh1QCa/oIdXNlZC1tZW3C+G4NAPoIYW9mLWJhc2XAAP4A+wIABwF2gb3nLaK7HrQAAgMCAQJQAQIABQRlbGVtBQMqVX8CBgIBAoABAAAAAgACIAIAAoE/TUGyQG93UQAZAWhSH1EBogEAAB0dAAAABgCBYQIBAfRSH1EBogEAAAmBYgICAQAB//+N/ky+WqvMiw==';
/** Of Valkey 9.1.2: the same hash. */
const ofValkey9 =
  'VkFMS0VZMDgw+gp2YWxrZXktdmVyBTkuMS4y+gpyZWRpcy1iaXRzwED6BWN0aW1lwodUAmv6CHVzZWQtbWVtwvg9EAD6CGFvZi1iYXNlwAD+APsBABYBaAIBYcABRiFRAaIBAAABYsAC/////////////BR+gcAZHtg=';

function scanOf(file: Buffer, step: number, collect?: (entry: RdbEntry) => void): RdbContent {
  const scan = new RdbScan(collect);
  for (let at = 0; at < file.length; at += step) scan.push(file.subarray(at, at + step));
  return scan.end();
}

/** @param records what stands between head and end */
function fileOf(head: string, ...records: readonly (string | readonly number[])[]): Buffer {
  const parts = records.map((part) => (typeof part === 'string' ? Buffer.from(part, 'latin1') : Buffer.from(part)));
  const body = Buffer.concat([Buffer.from(head), ...parts, Buffer.of(255)]);
  const crc = new Crc64();
  crc.update(body);
  return Buffer.concat([body, crc.digest()]);
}

test('Redis 8 and Valkey 9 are told apart, their keys counted, and a hash that may lose all fields may go', () => {
  for (const step of [1, 5, 1000]) {
    const { engine, version, serverVersion, databases } = scanOf(Buffer.from(ofRedis8, 'base64'), step);
    assert.deepEqual([engine, version, serverVersion], ['redis', 12, '8.0.6']);
    assert.deepEqual(databases, { '0': { keys: 2, expires: 1 } });
    const valkey = scanOf(Buffer.from(ofValkey9, 'base64'), step);
    assert.deepEqual([valkey.engine, valkey.version, valkey.serverVersion], ['valkey', 80, '9.1.2']);
    assert.deepEqual(valkey.databases, { '0': { keys: 1, expires: 1 } });
  }
  const entries: RdbEntry[] = [];
  scanOf(Buffer.from(ofValkey9, 'base64'), 7, (entry) => entries.push(entry));
  assert.deepEqual(
    entries.map((entry) => [entry.kind, entry.kind === 'key' && entry.key.toString(), entry.value[0]]),
    [['key', 'h', 22]],
  );
});

test('cut off anywhere, or with one bit changed, it is never taken for whole', () => {
  for (const text of [ofRedis8, ofValkey9]) {
    const file = Buffer.from(text, 'base64');
    for (let at = 0; at < file.length; at += 1) {
      assert.throws(() => scanOf(file.subarray(0, at), 16), `cut at ${at}`);
      for (let bit = 0; bit < 8; bit += 1) {
        const bent = Buffer.from(file);
        bent[at]! ^= 1 << bit;
        assert.throws(() => scanOf(bent, 1000), `bit ${bit} of byte ${at}`);
      }
    }
  }
});

test('a type or a note that is not known ends the counting, not the proof; a load into a server says which', () => {
  const key = '\x01k';
  for (const [head, code] of [
    ['REDIS0012', 22],
    ['REDIS0016', 28],
    ['REDIS0013', 243],
    ['VALKEY080', 24],
    ['VALKEY081', 23],
    ['VALKEY081', 242],
  ] as const) {
    // What follows is no string of any kind: nothing of it may be read as one.
    const file = fileOf(head, [code], [0xbf, 0xff, 0xff], key);
    assert.equal(scanOf(file, 3).databases, undefined, `${head} ${code}`);
    assert.throws(() => scanOf(file, 3, () => undefined), new RegExp(`kind ${code}, which is not known`));
    assert.throws(() => scanOf(file.subarray(0, -1), 3), /checksum|end/);
  }
  const moving = fileOf('VALKEY080', [243, 4], 'name', [1, 0, 5], [254, 2], [0], key, key);
  assert.deepEqual(scanOf(moving, 2).databases, { '2': { keys: 1, expires: 0 } });
});

test('what begins otherwise is no RDB file', () => {
  for (const head of ['VALKEY80', 'REDIS012', 'redis0011', 'REDIS00x1']) {
    assert.throws(() => scanOf(fileOf(head, [0]), 100), /does not begin as one/);
  }
});
