/** What a verb destroys is on record, and a verb never fails because of the record. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { compiled } from '../compiled.ts';
import { launcher } from '../program.ts';
import { createScene } from './named/scene.ts';

test('forget and a change of keys are on record, also without a place for the record they work', (t) => {
  const scene = mkdtempSync(join(tmpdir(), 'coffre-audit-e2e-'));
  t.after(() => rmSync(scene, { recursive: true }));
  const env = {
    ...process.env,
    ...compiled,
    HOME: scene,
    RESTIC_REPOSITORY: join(scene, 'repository'),
    RESTIC_PASSWORD: 'audit',
    COFFRE_STATE_DIR: join(scene, 'state'),
  };
  const coffre = (words: readonly string[], more: Readonly<Record<string, string>> = {}) =>
    spawnSync(launcher, words, { env: { ...env, ...more }, encoding: 'utf8', cwd: scene });
  const good = (...words: readonly string[]): string => {
    const run = coffre(words);
    assert.equal(run.status, 0, `${words.join(' ')}\n${run.stderr}`);
    return run.stdout;
  };
  writeFileSync(join(scene, 'file'), 'one');
  writeFileSync(join(scene, 'new-password'), 'other');
  good('init');
  for (let n = 0; n < 3; n += 1) good('backup', '--force', 'file');
  assert.equal(coffre(['audit', 'tail']).status, 1);
  good('forget', '--keep-last', '2', '--dry-run');
  good('forget', '--keep-last', '2');
  const entries = JSON.parse(good('audit', 'tail', '--json')) as {
    action: string;
    phase: string;
    shown: { remove: string[] };
    done?: { removed: number };
  }[];
  assert.deepEqual(
    entries.map(({ action, phase, done }) => [action, phase, done?.removed]),
    [
      ['forget', 'begun', undefined],
      ['forget', 'done', 1],
    ],
  );
  assert.match(entries[0]!.shown.remove[0]!, /^[0-9a-f]{64}$/);
  assert.match(good('audit', 'verify'), /^the audit log is good: 2 entries, all signed for$/m);

  const elsewhere = coffre(['forget', '--keep-last', '1'], { COFFRE_STATE_DIR: '/proc/coffre-nowhere' });
  assert.equal(elsewhere.status, 0);
  assert.match(elsewhere.stderr, /^warning: this is not in the audit log: /m);

  const refused = coffre(['key', 'remove', '00000000']);
  assert.notEqual(refused.status, 0);
  assert.match(good('audit', 'tail'), /key remove failed/);
  assert.match(good('audit', 'verify'), /4 entries/);

  const kept = join(scene, 'kept.checkpoint');
  renameSync(join(scene, 'state', 'audit.checkpoint'), kept);
  const unwitnessed = coffre(['audit', 'verify']);
  assert.equal(unwitnessed.status, 1);
  assert.match(unwitnessed.stderr, /audit\.checkpoint is gone.*\n {2}AUDIT_BROKEN: /);
  const asJson = coffre(['audit', 'verify', '--json']);
  assert.match(asJson.stdout, /"good":false,.*"reason":"audit\.checkpoint is gone","error_code":"AUDIT_BROKEN"/);
  assert.deepEqual([asJson.status, asJson.stdout.trim().split('\n').length, asJson.stderr], [1, 1, '']);
  assert.match(good('audit', 'verify', '--checkpoint', kept), /4 entries/);
});

test('what changes snapshots or locks by hand is on record, and the history knows what is gone', async (t) => {
  const scene = createScene(t);
  await scene.prepare();
  scene.good('run', 'nightly');
  const at = ['-r', join(scene.folder, 'local'), '--password-command', 'printenv REPO_KEY'];
  scene.good(...at, 'rewrite', '--forget', '--new-host', 'other', '--tag', 'coffre:source=lyon/uploads');
  scene.good(...at, 'tag', '--add', 'mine', '--tag', 'coffre:source=lyon/uploads');
  scene.good(...at, 'unlock', '--remove-all');
  const target = join(scene.folder, 'back');
  scene.good(...at, 'restore', 'latest', '--target', target);
  writeFileSync(join(target, 'mine'), 'not in the snapshot');
  scene.good(...at, 'restore', 'latest', '--target', target, '--delete', '--dry-run');
  scene.good(...at, 'restore', 'latest', '--target', target, '--delete');
  assert.match(scene.good('care', 'local'), /^local: 2 snapshots and \d+ packs listed/m);
  const of = ['--tag', 'coffre:source=lyon/shop', '--group-by', '', '--unsafe-allow-remove-all'];
  const { status, stderr } = scene.run(...at, 'forget', ...of);
  assert.equal(status, 0, stderr);
  assert.match(
    stderr,
    /^warning: the newest backup of lyon\/shop by nightly in local is removed; `coffre status` says so until/m,
  );
  assert.match(
    scene.run('status').stdout,
    /the newest backup is not there any more: [0-9a-f]{8} of nightly, lyon\/shop/,
  );
  const entries = scene.json('audit', 'tail', '--config', scene.file) as {
    readonly action: string;
    readonly phase: string;
    readonly done?: object;
  }[];
  assert.deepEqual(
    entries.flatMap(({ action, phase, done }) =>
      phase === 'done' ? [[action, Object.keys(done ?? {}).join(' ')]] : [],
    ),
    [
      ['config apply', 'made'],
      ['rewrite', 'changed removed saved'],
      ['tag', 'replaced'],
      ['unlock', 'removed'],
      ['restore --delete', 'filesDeleted filesRestored'],
      ['forget', 'failed removed'],
    ],
  );
});
