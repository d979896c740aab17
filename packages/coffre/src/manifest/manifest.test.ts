import assert from 'node:assert/strict';
import { createPrivateKey, generateKeyPairSync } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { isCoffreError, sha256Hex, toByteString } from '@coffre/repository';
import { checksumLine, linesOfData, parseChecksums } from './checksums.ts';
import { encodeManifest, parseManifest, type Manifest } from './manifest.ts';
import { checkSignature, keyFingerprint, openSigningKey, readKey, signManifest } from './signature.ts';

const sum = sha256Hex(Buffer.from('x'));
const manifest: Manifest = {
  schema: 'coffre.manifest/1',
  type: 'full',
  at: '2026-01-02T03:04:05.000Z',
  host: 'app1',
  program: { name: 'coffre', version: 'coffre 0.1.0', node: '26.10.0', sqlite: '3.53.4' },
  application: { version: '1.2.3' },
  git: null,
  totals: { files: 1, bytes: 5 },
  checksums: { path: '/.coffre/SHA256SUMS', sha256: sum, entries: 1 },
  sources: [{ kind: 'command', name: 'x', streams: [{ path: '/s', sizeBytes: 5, sha256: sum }], truth: { a: 1 } }],
  rejected: [],
  warnings: [],
};

function scratch(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'coffre-manifest-'));
  t.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

test('a manifest is read as it was written, and one that was cut or bent is refused', () => {
  const bytes = encodeManifest(manifest);
  assert.deepEqual(parseManifest(bytes), manifest);
  for (const bad of [bytes.subarray(0, -20), Buffer.from('{}'), Buffer.from([0xff]), Buffer.from('null')]) {
    assert.throws(
      () => parseManifest(bad),
      (error) => isCoffreError(error, 'MANIFEST_DAMAGED'),
    );
  }
});

test('for sha256sum there is only what a restore writes', () => {
  const lines = ['/.coffre/plan.json', '/.coffre/invalid/srv/two\nlines', '/srv/.coffre/kept', '/srv/back\\slash'].map(
    (path) => checksumLine({ path: toByteString(path), sha256: 'a'.repeat(64) }),
  );
  assert.deepEqual(linesOfData(Buffer.concat(lines)), Buffer.concat(lines.slice(2)));
  assert.equal(linesOfData(Buffer.alloc(0)).length, 0);
});

test('checksums name whatever bytes a path has', () => {
  const paths = ['/a', '/-rf', '/two\nlines', '/back\\slash', '/cr\r', '/été', '/\\n', '/a  b', '/$(x)'].map(
    toByteString,
  );
  const text = Buffer.concat(paths.map((path) => checksumLine({ path, sha256: sum })));
  assert.deepEqual(
    parseChecksums(text).map(({ path }) => path),
    paths,
  );
  assert.throws(
    () => parseChecksums(text.subarray(0, -1)),
    (error) => isCoffreError(error, 'MANIFEST_DAMAGED'),
  );
});

test('a signature fits one manifest and one key only', (t) => {
  const key = openSigningKey(join(scratch(t), 'deep/key.pem'));
  const bytes = encodeManifest(manifest);
  const signature = signManifest(bytes, key);
  assert.equal(checkSignature(bytes, signature), keyFingerprint(key));
  const bent = Buffer.from(bytes);
  bent[30] = (bent[30] ?? 0) ^ 1;
  const other = generateKeyPairSync('ed25519').privateKey;
  const forged = JSON.parse(signManifest(bytes, other).toString()) as Record<string, string>;
  const mixed = JSON.stringify({ ...JSON.parse(signature.toString()), publicKey: forged['publicKey'] });
  const cases: [Buffer, Buffer][] = [
    [bent, signature],
    [bytes, Buffer.from(mixed)],
    [bytes, Buffer.from('nonsense')],
  ];
  for (const [text, sig] of cases) {
    assert.throws(
      () => checkSignature(text, sig),
      (error) => isCoffreError(error, 'MANIFEST_DAMAGED'),
    );
  }
});

test('the key is made once, for its owner alone, and one that others may read is refused', (t) => {
  const path = join(scratch(t), 'state/key.pem');
  assert.equal(readKey(path), undefined);
  const first = openSigningKey(path);
  assert.equal(statSync(path).mode & 0o777, 0o600);
  assert.equal(keyFingerprint(openSigningKey(path)), keyFingerprint(first));
  chmodSync(path, 0o644);
  const isRefusal = (error: unknown): boolean => isCoffreError(error, 'MANIFEST_KEY');
  assert.throws(() => openSigningKey(path), isRefusal);
  chmodSync(path, 0o600);
  writeFileSync(path, 'no key');
  assert.throws(() => openSigningKey(path), isRefusal);
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
  writeFileSync(
    path,
    createPrivateKey(rsa.export({ type: 'pkcs8', format: 'pem' })).export({ type: 'pkcs8', format: 'pem' }),
  );
  assert.throws(() => openSigningKey(path), isRefusal);
});
