import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { isCoffreError } from '@coffre/repository';
import type { SecretName, SecretSource } from '../config.ts';
import { resolveSecret, resolveText, systemSecretDoors } from './secrets.ts';

const name = 'pw' as SecretName;

test('secrets come from variables as they are, and from files, commands and credentials trimmed', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'coffre-secrets-'));
  t.after(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, 'pw'), '\uFEFF hunter2 \r\n');
  writeFileSync(join(folder, 'empty'), '\n');
  const doors = systemSecretDoors({ PW: ' raw ', CREDENTIALS_DIRECTORY: folder, PATH: process.env['PATH'] });
  const read = async (source: SecretSource): Promise<string> => await resolveSecret(name, source, doors);
  assert.equal(await read({ kind: 'env', variable: 'PW' }), ' raw ');
  assert.equal(await read({ kind: 'file', path: join(folder, 'pw') }), 'hunter2');
  assert.equal(await read({ kind: 'systemd', credential: 'pw' }), 'hunter2');
  assert.equal(await read({ kind: 'command', argv: ['printf', ' $(id) \n'] }), '$(id)');
  const text = { template: 'smtps://me:${secret:pw}@mail', secretNames: ['pw'] };
  assert.equal(
    await resolveText(text, new Map([[name, { kind: 'env', variable: 'PW' }]]), doors),
    'smtps://me: raw @mail',
  );

  const refused: readonly (readonly [SecretSource, RegExp])[] = [
    [{ kind: 'env', variable: 'NOBODY' }, /variable NOBODY is not set/],
    [{ kind: 'env', variable: 'toString' }, /is not set/],
    [{ kind: 'file', path: join(folder, 'none') }, /cannot be read: ENOENT/],
    [{ kind: 'file', path: join(folder, 'empty') }, /is empty/],
    [{ kind: 'command', argv: ['sh', '-c', 'echo leaked; echo locked >&2; exit 3'] }, /exit code 3: locked/],
    [{ kind: 'command', argv: ['/nowhere/pass'] }, /cannot be read: ENOENT/],
  ];
  for (const [source, words] of refused) {
    await assert.rejects(read(source), (error) => {
      assert.ok(isCoffreError(error, 'SECRET_UNAVAILABLE'), String(error));
      assert.match(error.message, words);
      assert.doesNotMatch(`${error.message}${String(error.cause)}`, /leaked|hunter2/);
      return true;
    });
  }
  await assert.rejects(
    resolveSecret(name, { kind: 'systemd', credential: 'pw' }, systemSecretDoors({})),
    /not started by systemd/,
  );
});
