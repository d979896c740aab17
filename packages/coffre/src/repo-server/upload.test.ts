/** Uploads that go wrong: whatever fails, a name has its whole content or nothing, and the next try succeeds. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileKinds, nodeLocalFiles } from '@coffre/repository';
import { createFakeClock, withLocalFaults } from '@coffre/repository/testing';
import type { FaultyLocalFiles, LocalFault } from '@coffre/repository/testing';
import { Quota } from './quota.ts';
import { ask, filesBelow, nameOf, sampleFile, startStage } from './server-stage.ts';
import type { ServerStage } from './server-stage.ts';

const create = (stage: ServerStage): Promise<unknown> => stage.ask('POST', '/repo/?create=true');

test('every kind of file comes back as it was sent, and its name is taken from then on', async () => {
  await using stage = await startStage();
  await create(stage);
  for (const kind of fileKinds) {
    const bytes = sampleFile(kind, kind === 'data' ? 3_000_000 : 60_000);
    const path = `/repo/${kind}/${nameOf(bytes)}`;
    assert.equal((await stage.ask('POST', path, bytes)).status, 200, kind);
    assert.deepEqual((await stage.ask('GET', path)).body, bytes);
    assert.equal((await stage.ask('POST', path, bytes)).status, 403);
    assert.equal((await stage.ask('HEAD', path)).headers['content-length'], String(bytes.length));
  }
  const config = sampleFile('config');
  assert.equal((await stage.ask('POST', '/repo/config', config)).status, 200);
  assert.equal((await stage.ask('POST', '/repo/config', sampleFile('config'))).status, 403);
  assert.deepEqual((await stage.ask('GET', '/repo/config')).body, config);
});

test('a body that is not what its name says is refused and leaves nothing', async () => {
  await using stage = await startStage();
  await create(stage);
  const bytes = sampleFile('data', 5000);
  const path = `/repo/data/${nameOf(bytes)}`;
  const damaged = Buffer.from(bytes);
  damaged[1000] = damaged[1000]! ^ 1;
  assert.equal((await stage.ask('POST', path, damaged)).status, 400);
  assert.equal((await stage.ask('POST', path, bytes.subarray(1))).status, 400);
  assert.equal((await stage.ask('POST', path, Buffer.alloc(0))).status, 400);
  assert.deepEqual(await filesBelow(stage.folder), []);
  assert.equal((await stage.ask('POST', path, bytes)).status, 200);
});

test('a repository that was never made does not come into being by an upload', async () => {
  await using stage = await startStage();
  const bytes = sampleFile('locks');
  assert.equal((await stage.ask('POST', `/repo/locks/${nameOf(bytes)}`, bytes)).status, 404);
  assert.equal((await stage.ask('POST', '/repo/config', sampleFile('config'))).status, 404);
  assert.deepEqual(await filesBelow(stage.folder), []);
});

test('two uploads of one config at once leave the first of them', async () => {
  await using stage = await startStage();
  await create(stage);
  const configs = Array.from({ length: 8 }, () => sampleFile('config', 60_000));
  const replies = await Promise.all(configs.map((config) => stage.ask('POST', '/repo/config', config)));
  const won = replies.findIndex(({ status }) => status === 200);
  assert.equal(replies.filter(({ status }) => status === 200).length, 1);
  assert.equal(replies.filter(({ status }) => status === 403).length, 7);
  assert.deepEqual(await readFile(join(stage.folder, 'repo/config')), configs[won]);
});

test('a client that goes away in mid-upload leaves nothing, and what it reserved is free again', async () => {
  const quota = new Quota({ limitBytes: 10_000_000 });
  const over = Promise.withResolvers<void>();
  await using stage = await startStage({ quota, report: ({ aborted }) => aborted && over.resolve() });
  await create(stage);
  const bytes = sampleFile('data', 4_000_000);
  const path = `/repo/data/${nameOf(bytes)}`;
  const headers = { 'Content-Length': bytes.length };
  const sent = request({ host: '127.0.0.1', port: stage.port, method: 'POST', path, headers });
  sent.on('error', () => undefined);
  await new Promise<void>((resolve) => sent.write(bytes.subarray(0, 2_000_000), () => resolve()));
  sent.destroy();
  await over.promise;
  assert.deepEqual(await filesBelow(stage.folder), []);
  assert.equal(quota.usedBytes, 0);
});

test('what exceeds the quota is refused before a byte is written, and removing makes room', async () => {
  const quota = new Quota({ limitBytes: 10_000 });
  await using stage = await startStage({ quota });
  await create(stage);
  const [first, second] = [sampleFile('data', 6000), sampleFile('data', 6000)];
  assert.equal((await stage.ask('POST', `/repo/data/${nameOf(first)}`, first)).status, 200);
  assert.equal((await stage.ask('POST', `/repo/data/${nameOf(second)}`, second)).status, 507);
  const path = `/repo/data/${nameOf(second)}`;
  assert.equal((await ask(stage.port, { method: 'POST', path, body: second, chunked: true })).status, 507);
  assert.equal(quota.usedBytes, 6000);
  assert.equal((await stage.ask('DELETE', `/repo/data/${nameOf(first)}`)).status, 200);
  assert.equal(quota.usedBytes, 0);
  assert.equal((await stage.ask('POST', `/repo/data/${nameOf(second)}`, second)).status, 200);
  assert.equal(quota.usedBytes, 6000);
  assert.equal((await filesBelow(stage.folder)).length, 1);
});

test('a file larger than any of its kind is not taken', async () => {
  await using stage = await startStage();
  await create(stage);
  const bytes = randomBytes(70_000);
  assert.equal((await stage.ask('POST', `/repo/locks/${nameOf(bytes)}`, bytes)).status, 413);
  assert.equal((await stage.ask('POST', '/repo/config', bytes)).status, 413);
  assert.deepEqual(await filesBelow(stage.folder), []);
});

test('a trickle is cut off', async () => {
  const clock = createFakeClock({ sleepless: true });
  await using stage = await startStage({ clock });
  await create(stage);
  const path = `/repo/data/${'a'.repeat(64)}`;
  const headers = { 'Content-Length': 1000 };
  const sent = request({ host: '127.0.0.1', port: stage.port, method: 'POST', path, headers });
  sent.on('error', () => undefined);
  const status = new Promise<number>((resolve) => {
    sent.on('response', (reply) => resolve(reply.resume().statusCode ?? 0));
  });
  const written = (text: string): Promise<void> => new Promise((resolve) => sent.write(text, () => resolve()));
  await written('x');
  // The server has begun with the upload once its temporary file is there.
  while ((await filesBelow(stage.folder)).length === 0) await new Promise(setImmediate);
  await clock.sleep(120_000);
  await written('x');
  assert.equal(await status, 408);
  sent.destroy();
  assert.deepEqual(await filesBelow(stage.folder), []);
});

/** An upload of which the nth call to the disk fails; true when the plan met its call. */
async function uploadWithFault(nth: number, fault: LocalFault): Promise<boolean> {
  let armed = false;
  let seen = 0;
  const files: FaultyLocalFiles = withLocalFaults(nodeLocalFiles, () => {
    if (!armed) return undefined;
    seen += 1;
    return seen === nth ? fault : undefined;
  });
  const quota = new Quota({ limitBytes: 1_000_000_000 });
  await using stage = await startStage({ files, quota });
  await create(stage);
  armed = true;
  const bytes = sampleFile('data', 2_500_000);
  const path = `/repo/data/${nameOf(bytes)}`;
  const { status } = await stage.ask('POST', path, bytes);
  const met = seen >= nth;
  const left = await filesBelow(stage.folder);
  const wholeName = `repo/data/${nameOf(bytes).slice(0, 2)}/${nameOf(bytes)}`;
  if (left.includes(wholeName)) assert.deepEqual(await readFile(join(stage.folder, wholeName)), bytes);
  if (status === 200) assert.ok(left.includes(wholeName), `call ${nth}: said to be stored`);
  if (fault.kind === 'crash') return met;
  assert.deepEqual(
    left.filter((name) => name !== wholeName),
    [],
    `call ${nth}`,
  );
  assert.equal(quota.usedBytes, left.includes(wholeName) ? bytes.length : 0, `call ${nth}`);
  armed = false;
  const again = await stage.ask('POST', path, bytes);
  assert.equal(again.status, left.includes(wholeName) ? 403 : 200, `call ${nth}: the next try`);
  assert.deepEqual((await stage.ask('GET', path)).body, bytes);
  return met;
}

const faults: readonly LocalFault[] = [
  { kind: 'error', code: 'EIO' },
  { kind: 'error', code: 'ENOSPC' },
  { kind: 'short', bytes: 1000 },
  { kind: 'crash' },
];
for (const fault of faults) {
  const what = fault.kind === 'error' ? fault.code : fault.kind;
  test(`${what} at any call to the disk never leaves half a file under a name`, async () => {
    let nth = 1;
    while (await uploadWithFault(nth, fault)) {
      nth += 1;
      assert.ok(nth < 60, 'an upload has an end');
    }
    assert.ok(nth > 6, 'the calls were met');
  });
}

test('a full disk is 507, and the reason is not told in the words of the system', async () => {
  let full = false;
  const files = withLocalFaults(nodeLocalFiles, ({ operation }) =>
    full && operation === 'write' ? { kind: 'error', code: 'ENOSPC' } : undefined,
  );
  await using stage = await startStage({ files });
  await create(stage);
  full = true;
  const bytes = sampleFile('data', 3_000_000);
  const reply = await stage.ask('POST', `/repo/data/${nameOf(bytes)}`, bytes);
  assert.equal(reply.status, 507);
  assert.match(reply.body.toString(), /^the disk of the server is full\n$/);
  assert.deepEqual(await filesBelow(stage.folder), []);
});
