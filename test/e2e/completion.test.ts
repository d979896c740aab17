/** Completion as a shell asks for it. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { createLocalBackend } from '../../packages/repository/src/backend/local.ts';
import { createSampleRepository, samplePassword } from '../../packages/repository/src/testing/sample-repository.ts';
import { temporaryFolder } from '../interop/restic.ts';
import { compiled } from '../compiled.ts';
import { nodeArguments } from '../program.ts';

function coffre(argv: readonly string[], environment: Record<string, string> = {}, cwd = '/'): string[] {
  const env = { ...compiled, PATH: process.env['PATH'], HOME: '/nonexistent', ...environment };
  const run = spawnSync(process.execPath, [...nodeArguments, ...argv], { env, cwd, encoding: 'utf8' });
  assert.equal(run.stderr, '');
  return run.stdout.split('\n');
}

const values = (lines: readonly string[]): string[] => lines.map((line) => line.split('\t')[0] ?? '');

test('commands, options, their words and paths are offered', () => {
  using folder = temporaryFolder();
  mkdirSync(join(folder.path, 'documents'));
  assert.ok(values(coffre(['complete', '--', ''])).includes('snapshots'));
  assert.ok(!values(coffre(['complete', '--', ''])).includes('complete'));
  assert.ok(values(coffre(['complete', '--', 'restore', '--over'])).includes('--overwrite'));
  assert.ok(values(coffre(['complete', '--', 'restore', '--overwrite', ''])).includes('if-newer'));
  assert.ok(values(coffre(['complete', '--', 'key', ''])).includes('passwd'));
  assert.ok(values(coffre(['complete', '--', 'backup', 'doc'], {}, folder.path)).includes('documents/'));
});

test('snapshots are offered where one is wanted and the repository opens without a question', async () => {
  using folder = temporaryFolder();
  const { repository } = await createSampleRepository({ backend: createLocalBackend({ path: folder.path }) });
  const tree = 'a'.repeat(64);
  const json = Buffer.from(JSON.stringify({ time: '2026-01-02T03:04:05Z', tree, paths: ['/srv'], hostname: 'web' }));
  const id = await repository.saveUnpacked('snapshots', json);
  const known = { RESTIC_REPOSITORY: folder.path, RESTIC_PASSWORD: samplePassword };
  const words = ['complete', '--', 'restore', ''];
  assert.deepEqual(values(coffre(words, known)).slice(0, 2), ['latest', id.slice(0, 8)]);
  assert.deepEqual(
    values(coffre(['complete', '--', '-r', folder.path, 'ls', ''], { RESTIC_PASSWORD: samplePassword })).slice(0, 2),
    ['latest', id.slice(0, 8)],
  );
  assert.deepEqual(coffre(words, { RESTIC_REPOSITORY: folder.path }), [':4', '']);
  assert.deepEqual(coffre(words, { ...known, RESTIC_PASSWORD: 'wrong' }), [':4', '']);
});

test('the scripts are for bash, zsh and fish, and bash reads its one without helpers of others', () => {
  for (const shell of ['bash', 'zsh', 'fish']) assert.ok(coffre(['completion', shell]).length > 20, shell);
  const script = `coffre() { ${[process.execPath, ...nodeArguments].map((word) => `'${word}'`).join(' ')} "$@"; }
    source <(coffre completion bash)
    COMP_WORDS=(coffre restore --overwrite "") COMP_CWORD=3; __coffre_complete 2>/dev/null; echo "\${COMPREPLY[*]}"`;
  const run = spawnSync('bash', ['--norc', '-c', script], { encoding: 'utf8' });
  assert.equal(run.stdout, 'always if-changed if-newer never\n', run.stderr);
});
