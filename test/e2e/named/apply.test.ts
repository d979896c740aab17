/** `coffre plan` shows what a changed file would change, and `coffre apply` makes it hold. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { findDaemon } from '../../../packages/coffre/src/daemon/control/control-client.ts';
import { createScene } from './scene.ts';
import { launcher } from '../../program.ts';

test('a plan is shown, confirmed, applied and on record; then there is nothing to apply', (t) => {
  const scene = createScene(t);
  assert.equal(scene.run('plan').status, 0);
  assert.equal(scene.run('plan', '--detailed-exitcode').status, 27);
  assert.ok(!existsSync(join(scene.folder, 'state')), 'looking makes nothing');

  const without = scene.run('apply', '--confirm');
  assert.equal(without.status, 10);
  assert.match(without.stderr, /there are no repositories yet where the configuration has local, offsite/);
  const unasked = scene.run('apply', '--init');
  assert.equal(unasked.status, 24);
  assert.match(unasked.stdout, /^\+ plans\.nightly$/m);
  assert.ok(!existsSync(join(scene.folder, 'local')), 'nothing is made before it is confirmed');

  assert.match(scene.good('apply', '--init', '--confirm'), /^made the repository local \([0-9a-f]{10}\)$/m);
  assert.equal(scene.run('plan', '--detailed-exitcode').status, 0);
  assert.match(scene.good('apply'), /^nothing to apply$/m);
  assert.match(scene.good('audit', 'verify'), /^the audit log is good: 2 entries/m);
});

test('copies are made to cut files as the repository that they come from', (t) => {
  const scene = createScene(t);
  scene.good('apply', '--init', '--confirm');
  const polynomials = ['local', 'offsite'].map((name) => {
    const place = ['-r', join(scene.folder, name), '--password-file', join(scene.folder, 'key')];
    writeFileSync(join(scene.folder, 'key'), 'named');
    return (JSON.parse(scene.good(...place, 'cat', 'config')) as { chunker_polynomial: string }).chunker_polynomial;
  });
  assert.equal(polynomials[0], polynomials[1]);
});

test('a change is one line, with what it means for backups that are there', async (t) => {
  const scene = createScene(t);
  await scene.prepare();
  writeFileSync(scene.file, readFileSync(scene.file, 'utf8').replace('daily: 30', 'daily: 7'));
  assert.equal(
    scene.good('plan'),
    '~ plans.nightly.retention.local.daily: 30 -> 7\nnote: the next run of nightly keeps by the new rules\ncoffre apply makes it hold\n',
  );
  const shown = scene.json('plan') as { schema: string; changes: unknown[] };
  assert.equal(shown.schema, 'coffre.plan/1');
  assert.deepEqual(shown.changes, [
    { kind: 'changed', path: 'plans.nightly.retention.local.daily', before: 30, after: 7 },
  ]);
});

test('a mistake ends with 2 and changes nothing, and no secret is ever shown or kept', async (t) => {
  const scene = createScene(t);
  await scene.prepare();
  const kept = readFileSync(join(scene.folder, 'state', 'state.db'));
  assert.ok(!kept.includes('named"'), 'the password is not in the state');
  writeFileSync(scene.file, readFileSync(scene.file, 'utf8').replace('daily: 30', 'dayly: 30'));
  for (const verb of ['plan', 'apply']) {
    const ran = scene.run(verb);
    assert.equal(ran.status, 2, ran.stderr);
    assert.match(ran.stderr, /CONFIG_INVALID/);
  }
});

test('a daemon that refused what stood in the file takes it when it is put right, also where nothing changed', async (t) => {
  const scene = createScene(t);
  await scene.prepare();
  const state = join(scene.folder, 'state');
  const serve = spawn(launcher, ['serve'], { env: scene.environment, cwd: scene.folder, stdio: 'ignore' });
  t.after(() => serve.kill('SIGKILL'));
  let daemon: Awaited<ReturnType<typeof findDaemon>>;
  while ((daemon = await findDaemon(state).catch(() => undefined)) === undefined) {
    assert.equal(serve.exitCode, null);
    await pause(50);
  }
  const right = readFileSync(scene.file, 'utf8');
  writeFileSync(scene.file, right.replace('daily: 30', 'dayly: 30'));
  await assert.rejects(daemon.reload(), /has 2 mistakes/);
  assert.match((await daemon.status()).configProblem ?? '', /has 2 mistakes/);
  writeFileSync(scene.file, right);
  assert.match(scene.good('apply'), /^nothing to apply$/m);
  assert.equal((await daemon.status()).configProblem, undefined);
});
