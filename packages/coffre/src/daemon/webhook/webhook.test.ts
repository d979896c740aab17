/** Plans that are started over HTTP, as a git server or a deployment does. */
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { listRuns } from '../../store/runs.ts';
import { systemDaemonClock } from '../daemon-clock.ts';
import { daemonScene, until } from '../testing/scene.ts';
import type { DaemonScene } from '../testing/scene.ts';
import { RateLimit } from './rate-limit.ts';
import { serveWebhooks } from './webhook-server.ts';
import { openWebhookKey, webhookToken } from './webhook-token.ts';

const plans =
  '  db: {sources: [home/docs], to: main, schedule: {webhook: true}}\n  other: {sources: [home/docs], to: main}\n';

async function open(scene: DaemonScene, run: Parameters<DaemonScene['start']>[1] = {}) {
  const daemon = await scene.start(plans, run);
  const key = openWebhookKey(scene.folder);
  const log = { info: () => undefined, warn: () => undefined, error: () => undefined };
  const system = systemDaemonClock();
  const standing = system.now();
  // Tries are counted within a time, which a busy machine must not use up.
  const clock = { ...system, now: () => standing };
  const server = await serveWebhooks({ host: '127.0.0.1', port: 0 }, { loop: daemon.loop, key, clock, log });
  const call = async (path: string, headers: Record<string, string> = {}, body = '', method = 'POST') =>
    await fetch(`http://127.0.0.1:${server.port}${path}`, { method, headers, ...(method === 'POST' && { body }) });
  return { key, server, call };
}

test('a call with the token of the plan starts it, and can wait for its end', async () => {
  await using scene = await daemonScene();
  const { key, server, call } = await open(scene);
  await using _server = server;
  const authorization = `Bearer ${webhookToken(key, 'db')}`;
  const waited = await call('/hooks/db?wait=true', { authorization });
  assert.deepEqual([waited.status, await waited.json()], [200, { plan: 'db', outcome: 'success' }]);
  assert.equal((await call('/hooks/db', { 'x-gitlab-token': webhookToken(key, 'db') })).status, 202);
  await until(async () => (await listRuns(scene.store, { plan: 'db' }, 9)).length === 2);
  const [run] = await listRuns(scene.store, { plan: 'db' }, 9);
  assert.equal(run?.trigger, 'webhook');
});

test('a run that fails is told to who waits', async () => {
  await using scene = await daemonScene();
  const { key, server, call } = await open(scene, { outcome: 'failed' });
  await using _server = server;
  const waited = await call('/hooks/db?wait=true', { authorization: `Bearer ${webhookToken(key, 'db')}` });
  assert.equal(waited.status, 500);
});

test('a body that is signed with the token is as good, one that was changed is not', async () => {
  await using scene = await daemonScene();
  const { key, server, call } = await open(scene);
  await using _server = server;
  const body = '{"ref":"refs/heads/main"}';
  const signature = createHmac('sha256', webhookToken(key, 'db')).update(body).digest('hex');
  const headers = { 'x-hub-signature-256': `sha256=${signature}` };
  assert.equal((await call('/hooks/db', headers, body)).status, 202);
  assert.equal((await call('/hooks/db', headers, `${body} `)).status, 401);
});

test('nobody learns what there is, and who tries too often is told to wait', async () => {
  await using scene = await daemonScene();
  const { key, server, call } = await open(scene);
  await using _server = server;
  const other = `Bearer ${webhookToken(key, 'other')}`;
  const statuses = [
    await call('/hooks/db'),
    await call('/hooks/db', { authorization: 'Bearer wrong' }),
    await call('/hooks/db', { authorization: other }),
    await call('/hooks/other', { authorization: other }),
    await call('/hooks/nobody', { authorization: `Bearer ${webhookToken(key, 'nobody')}` }),
  ].map(({ status }) => status);
  assert.deepEqual(statuses, [401, 401, 401, 401, 401]);
  for (const path of ['/', '/hooks/', '/hooks/%ff', '/hooks/a/b', '/v1/status']) {
    assert.equal((await call(path)).status, 404);
  }
  assert.equal((await call('/hooks/db', {}, '', 'GET')).status, 404);
  for (let tries = 0; tries < 5; tries += 1) await call('/hooks/db');
  const last = await call('/hooks/db');
  assert.deepEqual([last.status, last.headers.get('retry-after')], [429, '60']);
  assert.equal((await call('/hooks/db', { authorization: `Bearer ${webhookToken(key, 'db')}` })).status, 202);
  assert.equal((await listRuns(scene.store, { plan: 'other' }, 9)).length, 0);
});

test('the key is for its owner, stays the same, and tokens differ between plans', async () => {
  await using scene = await daemonScene();
  const key = openWebhookKey(scene.folder);
  assert.deepEqual(openWebhookKey(scene.folder), key);
  assert.equal(statSync(join(scene.folder, 'webhook.key')).mode & 0o777, 0o600);
  assert.notEqual(webhookToken(key, 'a'), webhookToken(key, 'b'));
});

test('a limit comes back with time, and is no larger for thousands of names', () => {
  const limit = new RateLimit(2);
  assert.deepEqual([limit.take('a', 0), limit.take('a', 0), limit.take('a', 0)], [true, true, false]);
  assert.equal(limit.take('a', 30_000), true);
  let taken = 0;
  for (let name = 0; name < 5000; name += 1) if (limit.take(`n${name}`, 30_000)) taken += 1;
  assert.ok(taken < 1100, String(taken));
});
