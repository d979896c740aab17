/**
 * A real daemon with real runs, a plan every second, on a machine that is busy. Ten seconds here; longer with
 * COFFRE_SECONDS=60.
 */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { findDaemon } from '../../packages/coffre/src/daemon/control/control-client.ts';
import { listRuns } from '../../packages/coffre/src/store/runs.ts';
import { openSlots } from '../../packages/coffre/src/store/slots.ts';
import { openStore } from '../../packages/coffre/src/store/store.ts';
import { systemClock } from '../../packages/repository/src/host/system.ts';
import { compiled } from '../compiled.ts';
import { quicken } from '../quick-key.ts';
import { launcher } from '../program.ts';

const seconds = Number(process.env['COFFRE_SECONDS'] ?? 10);

async function scene(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'coffre-serve-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const [state, repository, source] = ['state', 'repository', 'source'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  mkdirSync(source);
  writeFileSync(join(source, 'a'), 'one');
  const env = {
    ...compiled,
    PATH: process.env['PATH'],
    HOME: folder,
    PW: 'secret',
    RESTIC_PASSWORD: 'secret',
    COFFRE_STATE_DIR: state,
    COFFRE_CONFIG: join(folder, 'coffre.yaml'),
  };
  writeFileSync(
    env.COFFRE_CONFIG,
    `version: 1
secrets: {pw: {env: PW}}
repositories: {main: {url: ${repository}, password: "\${secret:pw}", maintained_by: nobody}}
sites: {home: {sources: {docs: {type: files, paths: [${source}]}}}}
plans:
  second: {sources: [home/docs], to: main, schedule: {every: 1s}, retries: {times: 3, wait: 1s}}
  hand: {sources: [home/docs], to: main}
`,
  );
  const run = (...words: string[]) => {
    const { status, stdout, stderr } = spawnSync(launcher, words, { env, encoding: 'utf8' });
    return { status, stdout, stderr };
  };
  assert.equal(run('init', '-r', repository).status, 0);
  await quicken(repository, 'secret');
  return { state, repository, env, run };
}

test(`a plan every second for ${seconds} seconds on a busy machine: every slot has one end, none has two runs`, async (t) => {
  const { state, repository, env, run } = await scene(t);
  const busy = spawn('sh', ['-c', 'while :; do :; done'], { stdio: 'ignore' });
  t.after(() => busy.kill('SIGKILL'));
  const daemon = spawn(launcher, ['serve', '--settle', '0', '--drain'], { env, stdio: 'ignore' });
  t.after(() => daemon.kill('SIGKILL'));
  while ((await findDaemon(state).catch(() => undefined)) === undefined) {
    assert.equal(daemon.exitCode, null);
    await pause(50);
  }
  assert.match(run('serve').stderr, /DAEMON_RUNNING/);
  const byHand = run('run', 'hand');
  assert.equal(byHand.status, 0, byHand.stderr);
  assert.match(
    byHand.stdout,
    /^home\/docs: read .*, stored .*; restore, estimated: .*\nhand: success, run by coffre serve\n$/,
  );
  assert.match(run('cancel', 'nobody').stderr, /PLAN_UNKNOWN/);
  await pause(seconds * 1000);
  daemon.kill('SIGTERM');
  assert.deepEqual(await once(daemon, 'exit'), [0, null]);

  await using store = await openStore({ kind: 'sqlite', file: join(state, 'state.db') }, { clock: systemClock() });
  const runs = (await listRuns(store, { plan: 'second', kind: 'backup' }, 1000)).filter(
    ({ parent }) => parent === undefined,
  );
  assert.ok(runs.length > 0);
  assert.deepEqual([...new Set(runs.map(({ end }) => end?.outcome))], ['success']);
  assert.equal(new Set(runs.map(({ slotAtMs }) => slotAtMs)).size, runs.length);
  assert.deepEqual(await openSlots(store), []);
  const slots = (
    await store.db.selectFrom('slots').select('due_at').where('plan', '=', 'second').orderBy('due_at').execute()
  ).map(({ due_at }) => due_at);
  for (const [index, dueMs] of slots.entries()) assert.equal(dueMs, slots[0]! + index * 1000, 'a slot is missing');
  assert.equal(run('check', '-r', repository).status, 0);
});
