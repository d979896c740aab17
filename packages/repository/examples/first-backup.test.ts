/** The example that the package's page shows, run as it is printed there. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const example = fileURLToPath(new URL('first-backup.ts', import.meta.url));
const page = fileURLToPath(new URL('../README.md', import.meta.url));

test('the example saves a folder, brings it back and finds the repository whole', (t) => {
  const scene = mkdtempSync(join(tmpdir(), 'coffre-example-'));
  t.after(() => rmSync(scene, { recursive: true, force: true }));
  const folder = join(scene, 'photos');
  mkdirSync(join(folder, '2026'), { recursive: true });
  writeFileSync(join(folder, '2026/sea'), Buffer.alloc(300_000, 'sea'));
  writeFileSync(join(folder, 'list'), 'one, two');

  const out = execFileSync(
    process.execPath,
    [
      '--conditions=@coffre/source',
      '--disable-warning=ExperimentalWarning',
      example,
      folder,
      join(scene, 'repository'),
      join(scene, 'back'),
    ],
    { encoding: 'utf8', env: { ...process.env, RESTIC_PASSWORD: 'example' } },
  );

  const said = [
    /^made repository [0-9a-f]{8}$/,
    /^saved 2 files as [0-9a-f]{64}$/,
    /^[0-9a-f]{8} 2\S+ \S+\/photos$/,
    /^restored 300008 bytes, 2 files read again and compared$/,
    /^checked 2 packs: 0 errors$/,
    /^forgot 0 snapshots$/,
  ];
  const lines = out.trimEnd().split('\n');
  assert.equal(lines.length, said.length, out);
  for (const [index, pattern] of said.entries()) assert.match(lines[index] ?? '', pattern);
  assert.equal(readFileSync(join(scene, 'back/list'), 'utf8'), 'one, two');
  assert.ok(readFileSync(join(scene, 'back/2026/sea')).equals(Buffer.alloc(300_000, 'sea')));
});

test('the page shows exactly the example', () => {
  const shown = /```ts\n([\s\S]*?)```/.exec(readFileSync(page, 'utf8'))?.[1];
  assert.equal(shown, readFileSync(example, 'utf8'));
});
