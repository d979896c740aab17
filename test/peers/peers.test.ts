import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { findNewRestic, findPeer } from './peers.ts';

test('a program is taken by its version, not by its place on PATH', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'coffre-peers-'));
  const before = process.env['COFFRE_PEERS'];
  t.after(() => {
    if (before === undefined) delete process.env['COFFRE_PEERS'];
    else process.env['COFFRE_PEERS'] = before;
    rmSync(folder, { recursive: true });
  });
  writeFileSync(join(folder, 'oddity'), '#!/bin/sh\necho oddity 3.2.1 compiled by hand\n');
  chmodSync(join(folder, 'oddity'), 0o755);
  process.env['COFFRE_PEERS'] = folder;
  assert.deepEqual(
    findPeer('oddity', (version) => version.startsWith('3.')),
    { path: join(folder, 'oddity'), version: '3.2.1' },
  );
  assert.equal(
    findPeer('oddity', (version) => version.startsWith('4.')),
    undefined,
  );
});

test('the newer restic is never confused with the one Debian ships', () => {
  assert.notEqual(findNewRestic()?.path, '/usr/bin/restic');
});
