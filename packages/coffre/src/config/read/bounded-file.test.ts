/** What people name as a file may be anything, and nobody waits for it for ever. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { readAtMost } from './bounded-file.ts';

const folder = mkdtempSync(join(tmpdir(), 'coffre-bounded-'));
test.after(() => rmSync(folder, { recursive: true }));

test('a file is read up to the bound and one byte more', () => {
  const path = join(folder, 'file');
  writeFileSync(path, 'x'.repeat(100));
  assert.equal(readAtMost(path, 1000).length, 100);
  assert.equal(readAtMost(path, 10).length, 11);
  assert.equal(readAtMost('/dev/zero', 10).length, 11);
});

test('a FIFO, to which nobody may ever write, is refused at once', () => {
  const path = join(folder, 'fifo');
  spawnSync('mkfifo', [path]);
  assert.throws(() => readAtMost(path, 10), { code: 'EFIFO' });
});

test('what a shell hands over is read as it comes, and waited for no longer than is said', () => {
  const reader = `import { readAtMost } from ${JSON.stringify(fileURLToPath(new URL('bounded-file.ts', import.meta.url)))};
    try { console.log(Buffer.from(readAtMost(process.argv[2], 100, 1500)).toString()); } catch (error) { console.log(error.code); }`;
  const program = join(folder, 'reader.ts');
  writeFileSync(program, reader);
  const read = (words: string): string =>
    spawnSync('bash', ['-c', words, 'bash', process.execPath, program], { encoding: 'utf8' }).stdout.trim();
  assert.equal(read('"$1" "$2" <(echo one; sleep 0.2; echo two)'), 'one\ntwo');
  assert.equal(read('echo one | "$1" "$2" /dev/stdin'), 'one');
  assert.equal(read('"$1" "$2" /dev/stdin < <(echo one; exec sleep 5)'), 'ETIMEDOUT');
});
