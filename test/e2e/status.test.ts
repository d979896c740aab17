/** `coffre status` and `coffre report` as people and monitoring servers call them. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { compiled } from '../compiled.ts';
import { quicken } from '../quick-key.ts';
import { launcher } from '../program.ts';

const yaml = (scene: string): string => `
version: 1
company: Morel
timezone: Europe/Paris
secrets: {key: {env: KEY}}
repositories:
  local: {url: ${scene}/local, password: "\${secret:key}", medium: disk, place: lyon}
  offsite: {url: ${scene}/offsite, password: "\${secret:key}", medium: nas, place: paris}
sites:
  lyon: {place: lyon, sources: {uploads: {type: files, paths: [${scene}/srv], criticality: high}}}
plans:
  files: {sources: [lyon/uploads], to: local, schedule: {every: 6h}, copy: {offsite: {after: each}}}
`;

test('status follows what really runs, and each way of asking has its exit code', async (t) => {
  const scene = mkdtempSync(join(tmpdir(), 'coffre-status-e2e-'));
  t.after(() => rmSync(scene, { recursive: true }));
  mkdirSync(join(scene, 'srv'));
  writeFileSync(join(scene, 'srv', 'file'), 'one');
  writeFileSync(join(scene, 'coffre.yaml'), yaml(scene));
  const env = {
    ...process.env,
    ...compiled,
    HOME: scene,
    KEY: 'morel',
    RESTIC_PASSWORD: 'morel',
    COFFRE_STATE_DIR: join(scene, 'state'),
  };
  const coffre = (...words: readonly string[]) => spawnSync(launcher, words, { env, encoding: 'utf8', cwd: scene });

  const before = coffre('status');
  assert.equal(before.status, 22);
  assert.match(before.stdout, /^1 of 1 plan is not fine: files, lyon\/uploads: it was never backed up\n/);
  assert.equal(before.stderr, '');
  assert.ok(!readdirSync(scene).includes('state'), 'asking makes no history');

  for (const name of ['local', 'offsite']) {
    assert.equal(coffre('init', '-q', '-r', join(scene, name)).status, 0);
    await quicken(join(scene, name), 'morel');
  }
  const run = coffre('run', 'files');
  assert.equal(run.status, 0, run.stderr);
  const after = coffre('status');
  assert.equal(after.status, 0, after.stdout);
  assert.match(after.stdout, /^The plan is fine; its oldest backup is \d+ s old\n/);
  assert.doesNotMatch(after.stdout, /\u001b/);

  const json = coffre('status', '--json');
  const document = JSON.parse(json.stdout) as { schema: string; state: string; items: { three_two_one: object }[] };
  assert.equal(document.schema, 'coffre.overview/1');
  assert.equal(document.state, 'ok');
  assert.deepEqual(document.items[0]!.three_two_one, { copies: 3, media: 2, places: 2, offsite: true, waived: [] });

  const metrics = join(scene, 'coffre.prom');
  assert.equal(coffre('status', '-q', '--prom-file', metrics).status, 0);
  assert.match(
    readFileSync(metrics, 'utf8'),
    /^coffre_job_status\{company="Morel",site="lyon",backup_job="files\/uploads",status="ok"\} 1$/m,
  );
  assert.deepEqual(
    readdirSync(scene).filter((name) => name.includes('coffre.prom')),
    ['coffre.prom'],
  );

  rmSync(join(scene, 'offsite'), { recursive: true });
  writeFileSync(join(scene, 'srv', 'file'), 'two');
  assert.equal(coffre('run', 'files').status, 25);
  assert.equal(coffre('status').status, 0);
  assert.equal(coffre('status', '--fail-on', 'warning').status, 22);
  const nagios = coffre('status', '--nagios');
  assert.equal(nagios.status, 1);
  assert.match(nagios.stdout, /^COFFRE WARNING - 1 of 1 plan is not fine: .* \| plans=1;.*\n$/);
  const lost = coffre('status', '--nagios', '--config', join(scene, 'nowhere'));
  assert.deepEqual([lost.status, lost.stderr], [3, '']);
  assert.match(lost.stdout, /^COFFRE UNKNOWN - /);
  assert.match(coffre('status', '--lang', 'fr', '-q').stdout, /^1 plan sur 1 ne va pas bien : /);

  const unknown = coffre('status', 'nope');
  assert.equal(unknown.status, 1);
  assert.match(unknown.stderr, /PLAN_UNKNOWN: There are files\./);

  const day = new Intl.DateTimeFormat('sv-SE', { timeZone: 'Europe/Paris' }).format(new Date());
  for (const [ending, begin] of [
    ['html', '<!doctype html>\n<html lang="en">'],
    ['pdf', '%PDF-'],
    ['md', '# Daily backup report - Morel'],
    ['csv', '\ufeffDaily backup report - Morel'],
    ['json', '{"schema":"coffre.report/1"'],
    ['txt', 'Daily backup report - Morel\n'],
  ] as const) {
    const file = join(scene, `report.${ending}`);
    const made = coffre('report', 'daily', '--at', day, '--output', file);
    assert.equal(made.status, 0, made.stderr);
    assert.equal(readFileSync(file, 'utf8').slice(0, begin.length), begin);
  }
});
