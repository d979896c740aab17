/** Killed, stopped, full: what `coffre serve-repo` leaves behind. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import type { ClientRequest } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { connect } from 'node:tls';
import { ask, filesBelow, nameOf, sampleFile } from '../../packages/coffre/src/repo-server/server-stage.ts';
import { isRoot } from '../interop/stage.ts';
import { makeCertificates } from './certificates.ts';
import { startServeRepo } from './serve-repo.ts';
import type { ServeRepo } from './serve-repo.ts';

type HalfUpload = { readonly sent: ClientRequest; readonly status: Promise<number>; readonly rest: Buffer };

/** Until the server has a file for it. */
async function uploadHalf(server: ServeRepo, bytes: Buffer): Promise<HalfUpload> {
  const headers = { 'Content-Length': bytes.length };
  const path = `/r/data/${nameOf(bytes)}`;
  const sent = request({ host: '127.0.0.1', port: server.port, method: 'POST', path, headers });
  const status = new Promise<number>((resolve) => {
    sent.on('response', (reply) => resolve(reply.resume().statusCode ?? 0));
    sent.on('error', () => resolve(0));
  });
  const half = bytes.length / 2;
  await new Promise<void>((resolve) => sent.write(bytes.subarray(0, half), () => resolve()));
  await until(async () => (await filesIn(server)).some((name) => name.includes('-tmp-')));
  return { sent, status, rest: bytes.subarray(half) };
}

const filesIn = (server: ServeRepo): Promise<string[]> => filesBelow(join(server.folder, 'repositories'));

async function until(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo())) await new Promise((resolve) => setTimeout(resolve, 5));
}

test('a server killed in mid-upload leaves no half file, and its successor sweeps what it began', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'coffre-serve-faults-'));
  try {
    const bytes = sampleFile('data', 8_000_000);
    const path = `/r/data/${nameOf(bytes)}`;
    {
      await using server = await startServeRepo({ folder });
      await ask(server.port, { method: 'POST', path: '/r/?create=true' });
      const { status } = await uploadHalf(server, bytes);
      assert.equal(await server.end('SIGKILL'), 'SIGKILL');
      assert.equal(await status, 0);
      assert.equal((await filesIn(server)).length, 1);
    }
    await using server = await startServeRepo({ folder, flags: ['--max-size', '10M'] });
    assert.deepEqual(await filesIn(server), []);
    await until(async () => server.log().includes('removed 1 unfinished upload'));
    assert.equal((await ask(server.port, { method: 'GET', path })).status, 404);
    assert.equal((await ask(server.port, { method: 'POST', path, body: bytes })).status, 200);
    assert.deepEqual((await ask(server.port, { method: 'GET', path })).body, bytes);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('asked to stop it finishes the upload that runs, takes no new one, and ends well', async () => {
  await using server = await startServeRepo();
  await ask(server.port, { method: 'POST', path: '/r/?create=true' });
  const bytes = sampleFile('data', 4_000_000);
  const { sent, status, rest } = await uploadHalf(server, bytes);
  const ended = server.end('SIGTERM');
  await until(async () => (await ask(server.port, { method: 'GET', path: '/r/config' })).status === 0);
  sent.end(rest);
  assert.equal(await status, 200);
  assert.equal(await ended, 0);
  assert.deepEqual(await filesIn(server), [`r/data/${nameOf(bytes).slice(0, 2)}/${nameOf(bytes)}`]);
});

test('Ctrl-C ends it as an interruption', async () => {
  await using server = await startServeRepo();
  assert.equal(await server.end('SIGINT'), 130);
});

test('a client that goes away leaves nothing', async () => {
  await using server = await startServeRepo();
  await ask(server.port, { method: 'POST', path: '/r/?create=true' });
  const { sent } = await uploadHalf(server, sampleFile('data', 4_000_000));
  sent.destroy();
  await until(async () => (await filesIn(server)).length === 0);
});

test(
  'a full disk is said as such, and takes files again when there is room',
  { skip: !isRoot && 'needs root' },
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'coffre-serve-full-'));
    mkdirSync(join(folder, 'repositories'));
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=6m', 'tmpfs', join(folder, 'repositories')]);
    try {
      await using server = await startServeRepo({ folder });
      await ask(server.port, { method: 'POST', path: '/r/?create=true' });
      const [fits, tooMuch, small] = [4_000_000, 4_000_000, 1000].map((size) => sampleFile('data', size)) as [
        Buffer,
        Buffer,
        Buffer,
      ];
      const put = async (body: Buffer): Promise<number> =>
        (await ask(server.port, { method: 'POST', path: `/r/data/${nameOf(body)}`, body })).status;
      assert.equal(await put(fits), 200);
      assert.equal(await put(tooMuch), 507);
      assert.equal((await filesIn(server)).length, 1);
      await until(async () => /507 .*ENOSPC/.test(server.log()));
      assert.equal(await put(small), 200);
      await ask(server.port, { method: 'DELETE', path: `/r/data/${nameOf(fits)}` });
      assert.equal(await put(tooMuch), 200);
      await server.end('SIGTERM');
    } finally {
      execFileSync('umount', [join(folder, 'repositories')]);
      rmSync(folder, { recursive: true });
    }
  },
);

test('a renewed certificate is shown to the next client, and a broken one is not', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'coffre-serve-tls-'));
  try {
    const [first, second] = ['first', 'second'].map((name) => {
      mkdirSync(join(folder, name));
      return makeCertificates(join(folder, name));
    });
    assert.ok(first !== undefined && second !== undefined);
    const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
    const install = (from: typeof first): void => {
      copyFileSync(from.serverKeyFile, key);
      copyFileSync(from.serverCertFile, cert);
    };
    install(first);
    await using server = await startServeRepo({ folder, flags: ['--tls-cert', cert, '--tls-key', key] });
    const before = await shownCertificate(server.port);
    install(second);
    await until(async () => (await shownCertificate(server.port)) !== before);
    const renewed = await shownCertificate(server.port);
    writeFileSync(cert, 'broken');
    process.kill(server.pid, 'SIGHUP');
    await until(async () => server.log().includes('the old certificate stays'));
    assert.equal(await shownCertificate(server.port), renewed);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

function shownCertificate(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false }, () => {
      const { fingerprint256 } = socket.getPeerCertificate();
      socket.destroy();
      resolve(fingerprint256);
    });
    socket.on('error', reject);
  });
}

const refusals: readonly (readonly [string, readonly string[], RegExp])[] = [
  ['no folder', ['--path', join(tmpdir(), `coffre-missing-${process.pid}`), '--no-auth'], /cannot be served/],
  ['a file', ['--path', '/etc/passwd', '--no-auth'], /it is no folder/],
  ['nobody to let in', ['--path', tmpdir()], /\.htpasswd cannot be read/],
  ['two wishes', ['--path', tmpdir(), '--no-auth', '--htpasswd', 'x'], /exclude each other/],
  ['private to nobody', ['--path', tmpdir(), '--no-auth', '--private-repos'], /needs users/],
  ['half a certificate', ['--path', tmpdir(), '--no-auth', '--tls-cert', 'x'], /belong together/],
  [
    'no certificate',
    ['--path', tmpdir(), '--no-auth', '--tls-cert', '/etc/passwd', '--tls-key', '/etc/passwd'],
    /cannot be used/,
  ],
  ['no address', ['--path', tmpdir(), '--no-auth', '--listen', 'nowhere'], /needs an address and a port/],
  ["somebody else's address", ['--path', tmpdir(), '--no-auth', '--listen', '192.0.2.1:8000'], /cannot listen/],
  ['no size', ['--path', tmpdir(), '--no-auth', '--max-size', 'much'], /needs a size/],
];
test('what cannot be served is said before anything listens', async () => {
  for (const [what, flags, sentence] of refusals) {
    const started = startServeRepo({ bare: true, flags });
    await assert.rejects(started, (error) => error instanceof Error && sentence.test(error.message), what);
  }
  await using server = await startServeRepo();
  const taken = startServeRepo({ listen: `127.0.0.1:${server.port}` });
  await assert.rejects(taken, /cannot listen at 127\.0\.0\.1/);
});

test('a socket that a killed server left is taken over, a living one is not', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'coffre-serve-socket-'));
  const listen = `unix:${join(folder, 'serve.sock')}`;
  try {
    const killed = await startServeRepo({ folder, listen });
    await killed.end('SIGKILL');
    assert.ok(readdirSync(folder).includes('serve.sock'));
    await using living = await startServeRepo({ folder, listen });
    await assert.rejects(startServeRepo({ folder, listen }), /cannot listen/);
    assert.equal(await living.end('SIGTERM'), 0);
    assert.ok(!readdirSync(folder).includes('serve.sock'));
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('many half-open connections do not keep others out', async () => {
  await using server = await startServeRepo();
  await ask(server.port, { method: 'POST', path: '/r/?create=true' });
  const halves = await Promise.all(
    Array.from({ length: 50 }, () => uploadHalf(server, sampleFile('data', 200_000)).then(({ sent }) => sent)),
  );
  const body = randomBytes(100);
  assert.equal((await ask(server.port, { method: 'POST', path: `/r/index/${nameOf(body)}`, body })).status, 200);
  for (const sent of halves) sent.destroy();
  await until(async () => (await filesIn(server)).length === 1);
});
