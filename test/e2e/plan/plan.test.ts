import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeCompany } from './company-scene.ts';
import { companySuite } from './company-suite.ts';

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
  const first = type('run');
  assert.deepEqual([first.code, /backup: success, 1 of 1 sources saved/.test(first.stdout)], [0, true], first.stderr);
  const second = type('run', '--json');
  assert.equal(second.code, 0, second.stderr);
  const snapshots = JSON.parse(type('snapshots', '--json').stdout) as { tags: string[] }[];
  assert.equal(snapshots.length, 2);
  assert.ok(snapshots.every(({ tags }) => tags.includes('coffre:plan=backup')));
});
