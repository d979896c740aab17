/** What is published, built as a release and run without the sources beside it. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const projectFolder = fileURLToPath(new URL('../..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'coffre-release-'));
const installed = join(folder, 'installed');

before(() => {
  execFileSync(process.execPath, [join(projectFolder, 'scripts/build.ts'), installed], { stdio: 'pipe' });
});
after(() => rmSync(folder, { recursive: true, force: true }));

function coffre(...args: string[]): string {
  const { status, stdout, stderr } = spawnSync(join(installed, 'bin/coffre'), args, {
    encoding: 'utf8',
    env: {
      ...process.env,
      RESTIC_REPOSITORY: join(folder, 'repository'),
      RESTIC_PASSWORD: 'of the test',
      XDG_CACHE_HOME: join(folder, 'cache'),
    },
  });
  assert.equal(status, 0, stderr);
  return stdout;
}

test('a release backs up with threads, checks and restores without its sources', () => {
  assert.ok(!existsSync(join(installed, 'src')));
  const source = join(folder, 'source');
  mkdirSync(source);
  // More than one thread is started for.
  const large = Buffer.alloc(20 * 1024 * 1024, 'a line that comes again\n');
  writeFileSync(join(source, 'large.txt'), large);
  for (let i = 0; i < 50; i++) writeFileSync(join(source, `small ${i}`), `file ${i}`);
  coffre('init');
  coffre('backup', source);
  coffre('check', '--read-data');
  coffre('restore', 'latest', '--target', join(folder, 'restored'));
  assert.deepEqual(readFileSync(join(folder, 'restored', source, 'large.txt')), large);
  assert.match(coffre('version'), /\d+\.\d+\.\d+/);
});

test('the library is published as JavaScript with its types, and imports none of its sources', () => {
  const dist = join(projectFolder, 'packages/repository/dist');
  for (const door of ['index', 'opening', 'testing/index']) {
    for (const ending of ['js', 'd.ts']) assert.ok(existsSync(join(dist, `${door}.${ending}`)), `${door}.${ending}`);
  }
  const compiled = readdirSync(dist, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.js'));
  for (const name of compiled) {
    assert.doesNotMatch(readFileSync(join(dist, name), 'utf8'), /from '\.[^']*\.ts'/, name);
  }
});
