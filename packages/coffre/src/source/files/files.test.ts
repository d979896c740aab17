import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { toByteString } from '@coffre/repository';
import { contextIn, everyStep, saveInMemory } from '../testing/saved.ts';
import { files, type FilesSettings } from './files.ts';
import { usualGuards } from './guards.ts';

const folder = mkdtempSync(join(tmpdir(), 'coffre-files-'));
after(() => rmSync(folder, { recursive: true, force: true }));
const context = contextIn(folder);
const modules = join(folder, 'modules');

function put(name: string, text: string): void {
  mkdirSync(join(modules, name, '..'), { recursive: true });
  writeFileSync(join(modules, name), text);
}

const settings: FilesSettings = {
  name: 'states',
  paths: [toByteString(join(modules, '*', 'state', '*.toml')), toByteString(join(modules, 'plain'))],
  guards: usualGuards,
  moduleFrom: 'modules/{module}/state/',
};

test('patterns find what is there, the truth counts it by module, and what changed since is said', async () => {
  put('pay/state/a.toml', 'a = 1');
  put(`it's "b" $(x)/state/b.toml`, 'b = 1');
  put('plain', 'text');
  put('pay/state/not this.txt', 'text');
  const { truth } = await saveInMemory(files, settings, context);
  assert.equal(truth.files, 3);
  assert.deepEqual(truth.modules, [`it's "b" $(x)`, 'pay']);
  assert.deepEqual(files.differences(truth, await files.present(settings, context)), []);
  put('new/state/n.toml', 'n = 10');
  rmSync(join(modules, 'pay'), { recursive: true });
  const later = await files.present(settings, context);
  assert.deepEqual(files.differences(truth, later), [
    '15 bytes instead of 14',
    'module pay is gone',
    'module new is new',
  ]);
});

test('a check of live files names paths that are gone; nothing of files is claimed to open in a snapshot', async () => {
  const there = await files.quickCheck(settings, context);
  assert.deepEqual(there.passed, ['open']);
  rmSync(join(modules, 'plain'));
  const { passed, differences } = await files.quickCheck(settings, context);
  assert.deepEqual(passed, []);
  assert.deepEqual(differences, [`there is no ${join(modules, 'plain')}`]);
  put('plain', 'text');
  symlinkSync('nowhere', join(modules, 'dangling'));
  const withLink = { ...settings, paths: [...settings.paths, toByteString(join(modules, 'dangling'))] };
  assert.deepEqual((await files.quickCheck(withLink, context)).passed, ['open']);
  const saved = await saveInMemory(files, settings, context);
  assert.deepEqual(await files.verify(saved, context, everyStep), { passed: [], proved: [], differences: [] });
  const target = { to: undefined, overwrite: false, only: [], settings: undefined };
  await assert.rejects(files.load(saved, target, context), /are restored/);
});

test('files that vanish between two looks are counted out, and a source that is suddenly empty is refused', async () => {
  const { truth } = await saveInMemory(files, settings, context);
  rmSync(modules, { recursive: true });
  mkdirSync(modules);
  await assert.rejects(files.preflight(settings, context, truth), /is not there|no file is there/);
});
