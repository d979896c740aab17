/** What is published, built as a release and run without the sources beside it. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
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
      // As a user's: modules are kept below that.
      NODE_COMPILE_CACHE: undefined,
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

test('the program can be imported with its types, and runs without its sources', () => {
  const consumer = join(folder, 'consumer');
  mkdirSync(join(consumer, 'node_modules'), { recursive: true });
  symlinkSync(installed, join(consumer, 'node_modules/coffre'));
  for (const name of ['@coffre', '@types', 'undici-types', 'zod', 'typescript', '@typescript']) {
    const found = join(projectFolder, 'node_modules', name);
    if (existsSync(found)) symlinkSync(found, join(consumer, 'node_modules', name));
  }
  writeFileSync(join(consumer, 'package.json'), '{"type":"module"}');
  writeFileSync(
    join(consumer, 'use.ts'),
    `import { Coffre, isCoffreError, type ListedBackup } from 'coffre';
const opening: Promise<Coffre> = Coffre.open('missing.yaml', { environment: {} });
export const names = async (coffre: Coffre): Promise<string[]> =>
  (await coffre.listBackups({ recent: 1 })).map(({ name }: ListedBackup) => name);
export const outcome = async (coffre: Coffre): Promise<'success' | string> => (await coffre.runBackup('x')).outcome;
// @ts-expect-error there is no such event
export const wrong = (coffre: Coffre): unknown => coffre.on('run.burnt', () => undefined);
try {
  await opening;
} catch (error) {
  console.log(isCoffreError(error) ? error.code : String(error));
}
`,
  );
  const words = [
    '--noEmit',
    '--strict',
    '--module',
    'nodenext',
    '--target',
    'esnext',
    '--types',
    'node',
    '--skipLibCheck',
  ];
  const checked = spawnSync(
    process.execPath,
    [join(projectFolder, 'node_modules/typescript/bin/tsc'), ...words, 'use.ts'],
    {
      cwd: consumer,
      encoding: 'utf8',
    },
  );
  assert.equal(checked.stdout, '');
  const ran = spawnSync(process.execPath, ['use.ts'], { cwd: consumer, encoding: 'utf8' });
  assert.equal(ran.stdout.trim(), 'CONFIG_NOT_FOUND', ran.stderr);
});
