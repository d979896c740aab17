import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import { toByteString } from '@coffre/repository';
import type { StoredSnapshot } from '@coffre/repository';
import type { Manifest } from '../manifest/manifest.ts';
import { restoreParts, selectionOf } from './restore-parts.ts';

const stored = { id: 'a'.repeat(64), snapshot: { paths: ['/srv/x'] } } as unknown as StoredSnapshot;
const entry = (kind: string, name: string, truth: unknown, path = `/sources/${name}/out`) => ({
  kind,
  name,
  truth,
  streams: kind === 'files' ? [] : [{ path, sizeBytes: 1, sha256: '' }],
});
const manifest = (...sources: readonly unknown[]): Manifest => ({ sources }) as unknown as Manifest;
const files = entry('files', 'files', { paths: [{ path: '/srv/uploads' }, { path: '/etc/app.toml' }] });
const shop = entry('sqlite', 'shop', { path: '/srv/shop.db' });
const postgres = entry('postgresql', 'pg', {});

test('in place everything goes where it was', () => {
  assert.deepEqual(restoreParts(stored, manifest(files, shop, postgres), { kind: 'in-place' }), [
    { kind: 'files', roots: ['/srv/uploads', '/etc/app.toml'], target: '/' },
    { kind: 'source', entry: shop, to: undefined },
    { kind: 'source', entry: postgres, to: undefined },
  ]);
});

test('below a folder files and databases that are files keep their paths; a server is named as it understands it', () => {
  const parts = restoreParts(stored, manifest(files, shop, entry('command', 'dump', {}), postgres), {
    kind: 'target',
    to: '/tmp/r',
  });
  assert.deepEqual(
    parts.map((part) => (part.kind === 'files' ? part.target : part.to)),
    ['/tmp/r', '/tmp/r/srv/shop.db', '/tmp/r/sources/dump/out', '/tmp/r'],
  );
  assert.throws(() => restoreParts(stored, manifest(postgres, postgres), { kind: 'target', to: 'x' }), {
    code: 'USAGE',
  });
});

test('a snapshot without a manifest is its paths', () => {
  assert.deepEqual(restoreParts(stored, undefined, { kind: 'in-place' }), [
    { kind: 'files', roots: ['/srv/x'], target: '/' },
  ]);
});

test('only what is at or below the roots is selected, whatever its name looks like as a pattern', () => {
  const choose = selectionOf({ roots: [toByteString('/srv/a*'), toByteString('/etc/app.toml')] });
  const at = (path: string, isFolder = true) => choose(toByteString(path), isFolder);
  assert.deepEqual(at('/srv'), { selected: false, descend: true });
  assert.deepEqual(at('/srv/a*'), { selected: true, descend: true });
  assert.deepEqual(at('/srv/a*/x', false), { selected: true, descend: false });
  assert.deepEqual(at('/srv/abc'), { selected: false, descend: false });
  assert.deepEqual(at('/.coffre'), { selected: false, descend: false });
  assert.deepEqual(at('/etc/app.toml', false), { selected: true, descend: false });
});

test('of one module only its files are selected', () => {
  const module = { name: 'zeroia', pattern: 'modules/{module}/state/' };
  const choose = selectionOf({ roots: [toByteString('/srv')], module });
  assert.equal(choose(toByteString('/srv/modules/zeroia/state/a.toml'), false).selected, true);
  assert.equal(choose(toByteString('/srv/modules/other/state/a.toml'), false).selected, false);
  assert.equal(choose(toByteString('/srv/modules/zeroia/code.js'), false).selected, false);
  assert.deepEqual(choose(toByteString('/srv/modules'), true), { selected: false, descend: true });
});
