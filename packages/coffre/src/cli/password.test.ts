import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { givenPassword } from './password.ts';
import type { PasswordSource } from './password.ts';

const none: PasswordSource = { file: undefined, command: undefined, environment: undefined, insecureNone: false };
const printing = (text: string | Uint8Array) => (): Uint8Array => Buffer.from(text as string);

function passwordFile(contents: string | Uint8Array): { path: string } & Disposable {
  const folder = mkdtempSync(join(tmpdir(), 'coffre-password-'));
  const path = join(folder, 'password');
  writeFileSync(path, contents);
  return { path, [Symbol.dispose]: () => rmSync(folder, { recursive: true }) };
}

test('without any source there is no password, and somebody has to be asked', () => {
  assert.equal(givenPassword(none), undefined);
  assert.equal(givenPassword({ ...none, file: '', command: '', environment: '' }), undefined);
});

test('the environment gives its value raw', () => {
  assert.equal(givenPassword({ ...none, environment: ' spaced \n' }), ' spaced \n');
});

test('a file is trimmed, loses its byte order mark, and UTF-16 is decoded', () => {
  for (const contents of [' secret \r\n', '\ufeffsecret\n', Buffer.from('\ufeffsecret\n', 'utf16le')]) {
    using file = passwordFile(contents);
    assert.equal(givenPassword({ ...none, file: file.path }), 'secret');
  }
});

test('a file that is not text is refused rather than mangled', () => {
  using file = passwordFile(Buffer.from([0x70, 0xe9, 0x0a]));
  assert.throws(() => givenPassword({ ...none, file: file.path }), { code: 'USAGE' });
});

test('file and command beat the environment and exclude each other', () => {
  using file = passwordFile('from file');
  assert.equal(givenPassword({ ...none, file: file.path, environment: 'from environment' }), 'from file');
  assert.equal(givenPassword({ ...none, command: 'x', environment: 'e' }, printing('from command\n')), 'from command');
  assert.throws(() => givenPassword({ ...none, file: file.path, command: 'x' }, printing('x')), { code: 'USAGE' });
});

test('a command that fails, cannot be started or is empty says so', () => {
  for (const command of ['false', '/no/such/program', ' ', '"open']) {
    assert.throws(() => givenPassword({ ...none, command }), { code: 'USAGE' }, command);
  }
  assert.equal(givenPassword({ ...none, command: 'printf "%s\\n" "two words"' }), 'two words');
});

test('no password on purpose excludes every other source', () => {
  assert.equal(givenPassword({ ...none, insecureNone: true }), '');
  assert.throws(() => givenPassword({ ...none, insecureNone: true, environment: 'x' }), { code: 'USAGE' });
});
