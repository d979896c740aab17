/** The daemon's socket, asked as the command line asks it. */
import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { isCoffreError } from '@coffre/repository';
import { lockStateFolder } from '../only-one.ts';
import { configOf, daemonScene, until } from '../testing/scene.ts';
import { findDaemon, requireDaemon } from './control-client.ts';

const byHand = '  db: {sources: [home/docs], to: main}\n';

test('who asks for a run is told what it does, up to its end', async () => {
  await using scene = await daemonScene();
  const daemon = await scene.start(byHand);
  await using _listening = await daemon.listen();
  const client = await requireDaemon(scene.folder);
  const types: string[] = [];
  for await (const message of client.run('db')) types.push(message.type);
  assert.deepEqual(types, ['started', 'phase', 'line', 'ended']);
  await daemon.stop({ drain: true });
});

test('a run is seen while it goes on, followed, and cancelled', async () => {
  await using scene = await daemonScene();
  const daemon = await scene.start(byHand, { takesMs: 60_000 });
  await using _listening = await daemon.listen();
  const client = await requireDaemon(scene.folder);
  await client.start('db');
  await until(async () => (await client.status()).jobs[0]?.phase === 'read');
  const [job] = (await client.status()).jobs;
  assert.deepEqual([job?.plan, job?.state, job?.cause, job?.attempt], ['db', 'running', 'command', 1]);
  const following = (async () => {
    const texts: string[] = [];
    for await (const message of client.log('db')) texts.push(message.type);
    return texts;
  })();
  assert.deepEqual(await client.cancel('db'), { plan: 'db', was: 'running' });
  assert.equal((await following).at(-1), 'ended');
  await until(async () => (await client.status()).jobs.length === 0);
  await assert.rejects(client.cancel('db'), (error) => isCoffreError(error, 'PLAN_NOT_RUNNING'));
  await daemon.stop({ drain: true });
});

test('what cannot be done is refused with its code, whatever is sent', async () => {
  await using scene = await daemonScene();
  const daemon = await scene.start(byHand);
  await using _listening = await daemon.listen();
  const client = await requireDaemon(scene.folder);
  await assert.rejects(client.start('nobody'), (error) => isCoffreError(error, 'PLAN_UNKNOWN'));
  for (const plan of ['', 'x'.repeat(100_000), '../../etc', '__proto__']) {
    await assert.rejects(client.start(plan), (error) => isCoffreError(error));
    await assert.rejects(client.cancel(plan), (error) => isCoffreError(error));
    await assert.rejects(
      async () => {
        for await (const _ of client.log(plan));
      },
      (error) => isCoffreError(error),
    );
  }
  assert.equal((await client.status()).plans, 1);
  await daemon.stop({ drain: true });
});

test('the socket is for its owner only, and one that a killed daemon left is replaced', async () => {
  await using scene = await daemonScene();
  writeFileSync(join(scene.folder, 'serve.sock'), '');
  assert.equal(await findDaemon(scene.folder).catch(() => 'unreachable'), undefined);
  const daemon = await scene.start(byHand);
  {
    await using _listening = await daemon.listen();
    assert.equal(statSync(join(scene.folder, 'serve.sock')).mode & 0o777, 0o600);
    assert.notEqual(await findDaemon(scene.folder), undefined);
  }
  assert.equal(await findDaemon(scene.folder), undefined);
  await daemon.stop({ drain: true });
});

test('a second daemon on the same state is refused for as long as the first lives', () => {
  const folder = mkdtempSync(join(tmpdir(), 'coffre-lock-'));
  try {
    {
      using _first = lockStateFolder(folder);
      assert.throws(
        () => lockStateFolder(folder),
        (error) => isCoffreError(error, 'DAEMON_RUNNING'),
      );
    }
    lockStateFolder(folder)[Symbol.dispose]();
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('a state folder whose path is too long for a socket works all the same', async () => {
  await using scene = await daemonScene();
  const folder = join(scene.folder, 'a'.repeat(90), 'b'.repeat(90));
  mkdirSync(folder, { recursive: true });
  chmodSync(folder, 0o700);
  const { Daemon } = await import('../daemon.ts');
  const daemon = new Daemon({ ...scene.parts(byHand), stateFolder: folder });
  await daemon.start(configOf(byHand));
  await using _listening = await daemon.listen();
  assert.equal((await (await requireDaemon(folder)).status()).plans, 1);
  await daemon.stop({ drain: true });
});
