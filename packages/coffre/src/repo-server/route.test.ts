import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chooseAction } from './action.ts';
import { parseRoute } from './route.ts';

const id = 'ab'.repeat(32);

test('repositories lie at the top, or in one or two folders', () => {
  const file = { kind: 'file', file: { kind: 'data', name: id } };
  assert.deepEqual(parseRoute(`/data/${id}`), { folder: [], target: file, create: false });
  assert.deepEqual(parseRoute(`/repo/data/${id}`), { folder: ['repo'], target: file, create: false });
  assert.deepEqual(parseRoute(`/user/repo/data/${id}?x=1`), { folder: ['user', 'repo'], target: file, create: false });
  assert.deepEqual(parseRoute('/'), { folder: [], target: { kind: 'repository' }, create: false });
  assert.deepEqual(parseRoute('/repo/?create=true'), {
    folder: ['repo'],
    target: { kind: 'repository' },
    create: true,
  });
  assert.deepEqual(parseRoute('/a/b/c/'), { folder: ['a', 'b'], target: { kind: 'unknown' }, create: false });
});

test('several slashes are one, and an escape is what it stands for', () => {
  assert.deepEqual(parseRoute(`//repo///keys//`), parseRoute('/repo/keys/'));
  assert.deepEqual(parseRoute('/my%20repo/config')?.folder, ['my repo']);
  assert.deepEqual(parseRoute('/r%2Fs/config'), parseRoute('/r/s/config'));
  assert.equal(parseRoute('/%zz/config'), undefined);
  assert.equal(parseRoute('*'), undefined);
  assert.equal(parseRoute('http://elsewhere/'), undefined);
});

test('no address leaves the folder, enters the own folders of a repository, or names a file that it does not have', () => {
  const climbing = [
    '/../config',
    '/a/../config',
    '/%2e%2e/config',
    '/a/%2e%2e/config',
    '/..%2f..%2fetc/config',
    '/./config',
    '/..\\..\\x/config',
    '/a%00b/config',
    '/a%0ab/config',
    `/${'n'.repeat(256)}/config`,
    `/data/00/${id}`,
    `/data/ab/${id}`,
    `/repo/data/../config`,
    '/repo/data/..',
    '/repo/config/..',
    '/repo/config/',
    `/repo/data/${id.toUpperCase()}`,
    `/repo/data/${id.slice(1)}`,
    `/repo/data/${id}0`,
    `/repo/data/${id}/`,
    `/repo/data/${id}-tmp-1`,
    '/repo/keys',
    '/repo',
    '/.htpasswd',
    `/repo/tmp/${id}`,
  ];
  for (const url of climbing) assert.deepEqual(parseRoute(url)?.target, { kind: 'unknown' }, url);
});

test('an append-only server removes locks and nothing else, whatever the method is called', () => {
  const rules = { appendOnly: true };
  for (const path of [`/data/${id}`, `/index/${id}`, `/keys/${id}`, `/snapshots/${id}`, '/config']) {
    const route = parseRoute(`/repo${path}`)!;
    const removal = chooseAction('DELETE', route, rules);
    assert.ok(removal.kind === 'refuse' && removal.refusal.status === 403, path);
    for (const method of ['PUT', 'PATCH', 'MOVE', 'COPY', 'PROPFIND', 'delete', 'OPTIONS']) {
      const other = chooseAction(method, route, rules);
      assert.ok(other.kind === 'refuse' && other.refusal.status === 405, `${method} ${path}`);
    }
  }
  assert.equal(chooseAction('DELETE', parseRoute(`/repo/locks/${id}`)!, rules).kind, 'remove');
  for (const path of ['/repo/locks/', '/repo/', '/', '/repo/data/']) {
    assert.equal(chooseAction('DELETE', parseRoute(path)!, rules).kind, 'refuse', path);
  }
});
