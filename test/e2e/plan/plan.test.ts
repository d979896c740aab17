import assert from 'node:assert/strict';
import { mkdirSync, rmSync } from 'node:fs';
import { test } from 'node:test';
import { makeCompany } from './company-scene.ts';
import { companySuite } from './company-suite.ts';
import { quicken } from '../../quick-key.ts';

companySuite('a folder', async () => {
  const company = makeCompany('', { id: 'unused', key: 'unused' });
  return { company, [Symbol.asyncDispose]: async () => company[Symbol.dispose]() };
});

test('a few variables do instead of a file', async () => {
  using company = makeCompany('', { id: 'unused', key: 'unused' });
  const { COFFRE_CONFIG: _file, ...environment } = company.environment;
  const simple = {
    ...environment,
    BACKUP_SOURCE: `${company.place}/srv/shop/uploads`,
    RESTIC_REPOSITORY: `${company.place}/simple`,
    RESTIC_PASSWORD: 'simple',
  };
  const type = (...words: string[]) => company.type(words, simple);
  assert.equal(type('init', '--all').code, 0);
  await quicken(simple.RESTIC_REPOSITORY, simple.RESTIC_PASSWORD);
  const first = type('run');
  assert.deepEqual([first.code, /backup: success, 1 of 1 sources saved/.test(first.stdout)], [0, true], first.stderr);
  const second = type('run', '--json');
  assert.equal(second.code, 0, second.stderr);
  const snapshots = JSON.parse(type('snapshots', '--json').stdout) as { tags: string[] }[];
  assert.equal(snapshots.length, 2);
  assert.ok(snapshots.every(({ tags }) => tags.includes('coffre:plan=backup')));
});

test('what a guard refused is saved as it is when somebody says so, and a wrong name runs nothing', async () => {
  using company = makeCompany('', { id: 'unused', key: 'unused' });
  const { COFFRE_CONFIG: _file, ...environment } = company.environment;
  const folder = `${company.place}/srv/shop/uploads`;
  const simple = { ...environment, BACKUP_SOURCE: folder, RESTIC_REPOSITORY: `${company.place}/simple` };
  const type = (...words: string[]) => company.type(words, { ...simple, RESTIC_PASSWORD: 'simple' });
  assert.equal(type('init', '--all').code, 0);
  await quicken(simple.RESTIC_REPOSITORY, 'simple');
  const misspelled = type('run', 'backup', 'bakcup');
  assert.equal(misspelled.code, 1);
  assert.match(misspelled.stderr, /there is no plan "bakcup"\n {2}PLAN_UNKNOWN: There are backup\./);
  assert.equal(type('snapshots', '--json').stdout.trim(), '[]');
  assert.equal(type('run').code, 0);
  rmSync(folder, { recursive: true });
  mkdirSync(folder);
  const refused = type('run');
  assert.equal(refused.code, 23);
  assert.match(refused.stderr, /`--guard off`/);
  assert.equal(type('run', '--guard', 'of').code, 1);
  assert.equal(type('backup', 'create', '--name', 'emptied', '--guard', 'off').code, 0);
  assert.equal(type('run', '--guard', 'off').code, 0);
});
