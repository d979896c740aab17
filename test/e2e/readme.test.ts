/** What README.md promises to newcomers, done as it is written there. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { launcher } from '../program.ts';

const project = fileURLToPath(new URL('../..', import.meta.url));
const readme = readFileSync(join(project, 'README.md'), 'utf8');

/** The commands of the README, with its places moved into `folder`. */
function moved(command: string, folder: string): string[] {
  return command
    .replace(/^npx coffre /, '')
    .replaceAll('/srv/backup', join(folder, 'backup'))
    .replaceAll('/tmp/restored', join(folder, 'restored'))
    .replaceAll('~/Documents', join(folder, 'Documents'))
    .split(' ');
}

function repositoryAsWritten(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'coffre-readme-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  mkdirSync(join(folder, 'Documents'));
  writeFileSync(join(folder, 'Documents/letter'), 'dear reader');
  const commands = readme.match(/^npx coffre -r .+$/gm) ?? [];
  assert.equal(commands.length, 3);
  for (const command of commands) {
    execFileSync(launcher, moved(command, folder), {
      env: { ...process.env, RESTIC_PASSWORD: 'read me' },
      stdio: 'pipe',
    });
  }
  return folder;
}

test('the three commands for own data save and bring back', (t) => {
  const folder = repositoryAsWritten(t);
  const restored = join(folder, 'restored', folder, 'Documents/letter');
  assert.equal(readFileSync(restored, 'utf8'), 'dear reader');
});

test('the commands for scripts run too', (t) => {
  const folder = repositoryAsWritten(t);
  const env = { ...process.env, RESTIC_PASSWORD: 'read me', RESTIC_REPOSITORY: join(folder, 'backup') };
  const commands = (readme.match(/^npx coffre (?!-r|help).+$/gm) ?? []).filter((command) => !command.includes('`'));
  assert.ok(commands.length >= 4);
  for (const command of commands) execFileSync(launcher, moved(command, folder), { env, stdio: 'pipe' });
});

test('the example for own programs runs as it is printed', (t) => {
  const folder = repositoryAsWritten(t);
  const example = /```ts\n([\s\S]*?)```/.exec(readme)?.[1] ?? '';
  // Inside the project, where `@coffre/repository` is found.
  const cache = join(project, '.cache');
  mkdirSync(cache, { recursive: true });
  const file = join(cache, `readme-example-${process.pid}.ts`);
  t.after(() => rmSync(file, { force: true }));
  writeFileSync(file, example.replaceAll('/srv/backup', join(folder, 'backup')));
  const out = execFileSync(
    process.execPath,
    ['--conditions=@coffre/source', '--disable-warning=ExperimentalWarning', file],
    {
      encoding: 'utf8',
      env: { ...process.env, RESTIC_PASSWORD: 'read me' },
    },
  );
  assert.match(out, /^[0-9a-f]{8} 2\S+ \S+\/Documents\n$/);
});

test('no page links to a file that is not there', () => {
  const pages = globSync(['*.md', 'docs/**/*.md', 'packages/*/*.md', 'bench/*.md'], { cwd: project });
  const broken = pages.flatMap((page) =>
    [...readFileSync(join(project, page), 'utf8').matchAll(/\]\((?!\w+:|#)([^)#\s]+)/g)]
      .map((match) => match[1] ?? '')
      .filter((target) => !existsSync(resolve(project, dirname(page), target)))
      .map((target) => `${page}: ${target}`),
  );
  assert.deepEqual(broken, []);
});

test('the configuration it shows is valid', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'coffre-readme-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'coffre.yaml');
  writeFileSync(file, /```yaml\n([\s\S]*?)```/.exec(readme)?.[1] ?? '');
  execFileSync(launcher, ['config', 'check', '--config', file], { stdio: 'pipe' });
});
