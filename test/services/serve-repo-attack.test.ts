/** Somebody with the login of an append-only server and bad intentions. */
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { ask, nameOf, sampleFile, sampleKey } from '../../packages/coffre/src/repo-server/server-stage.ts';
import { createStage, newRestic } from '../interop/stage.ts';
import { skipWithout } from '../peers.ts';
import { startServeRepo } from './serve-repo.ts';
import { quicken } from '../quick-key.ts';

const kinds = ['data', 'index', 'snapshots', 'locks', 'keys'] as const;

/** For each folder, what cannot be a file of its kind. */
function garbageFor(kind: (typeof kinds)[number]): readonly Buffer[] {
  const everywhere = [
    Buffer.alloc(0),
    Buffer.from('x'),
    randomBytes(16),
    randomBytes(32),
    Buffer.alloc(33),
    Buffer.alloc(500),
    Buffer.alloc(100_000 % 60_000),
    Buffer.concat([Buffer.alloc(16), randomBytes(500)]),
    Buffer.from('{}'),
    Buffer.from('[]'),
    Buffer.from('null'),
  ];
  const noPack = [
    randomBytes(1000).fill(0, 996),
    randomBytes(1000).fill(255, 996),
    Buffer.concat([randomBytes(1000), Buffer.from([68, 0, 0, 0])]),
    Buffer.concat([randomBytes(100), Buffer.from([109, 0, 0, 0])]),
    Buffer.concat([randomBytes(1000), Buffer.from([0, 0, 0, 69])]),
    randomBytes(1000).fill(7, 996),
    Buffer.from('PK\u0003\u0004 a zip, or so it says, of some length'),
    Buffer.from(JSON.stringify({ blobs: [] }).padEnd(300)),
    Buffer.from('A'.repeat(5000)),
  ];
  const noKey = [
    randomBytes(1000),
    Buffer.from(JSON.stringify({ kdf: 'scrypt' })),
    sampleKey({ N: 2 ** 40 }),
    sampleKey({ N: 2 ** 20, r: 64, p: 64 }),
    sampleKey({ kdf: 'argon2' }),
    sampleKey({ salt: 'AA==' }),
    sampleKey({ data: null }),
    sampleKey({ hostname: 'x'.repeat(5000) }),
    Buffer.concat([sampleKey(), Buffer.from('{}')]),
  ];
  const tooLarge = [randomBytes(70_000)];
  if (kind === 'data') return [...everywhere, ...noPack];
  if (kind === 'keys') return [...everywhere, ...noKey, ...tooLarge];
  return kind === 'locks' ? [...everywhere, ...tooLarge] : everywhere;
}

/** Every file with its content's digest. */
function stateOf(folder: string): Map<string, string> {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => statSync(join(folder, name)).isFile())
    .sort();
  return new Map(
    files.map((name) => [
      name,
      createHash('sha256')
        .update(readFileSync(join(folder, name)))
        .digest('hex'),
    ]),
  );
}

test('nothing that cannot be a file of its kind gets into any folder', async () => {
  await using server = await startServeRepo({ flags: ['--append-only'] });
  await ask(server.port, { method: 'POST', path: '/r/?create=true' });
  const before = stateOf(server.folder);
  for (const kind of kinds) {
    for (const [i, body] of garbageFor(kind).entries()) {
      for (const chunked of [false, true]) {
        const path = `/r/${kind}/${nameOf(body)}`;
        const { status } = await ask(server.port, { method: 'POST', path, body, chunked });
        assert.ok(status === 400 || status === 413, `${kind} garbage ${i}: ${status}`);
      }
    }
  }
  for (const body of [Buffer.alloc(0), Buffer.alloc(100), randomBytes(32), randomBytes(70_000)]) {
    const { status } = await ask(server.port, { method: 'POST', path: '/r/config', body });
    assert.ok(status === 400 || status === 413);
  }
  assert.deepEqual(stateOf(server.folder), before);
});

test('nothing is removed or replaced by any method, header or spelling', async () => {
  await using server = await startServeRepo({ flags: ['--append-only'] });
  await ask(server.port, { method: 'POST', path: '/r/?create=true' });
  const paths = ['/r/config'];
  await ask(server.port, { method: 'POST', path: '/r/config', body: sampleFile('config') });
  for (const kind of kinds) {
    const body = sampleFile(kind);
    assert.equal((await ask(server.port, { method: 'POST', path: `/r/${kind}/${nameOf(body)}`, body })).status, 200);
    if (kind !== 'locks') paths.push(`/r/${kind}/${nameOf(body)}`);
  }
  const before = stateOf(server.folder);
  const methods = ['DELETE', 'PUT', 'PATCH', 'POST', 'MOVE', 'COPY', 'MKCOL', 'PROPPATCH', 'LOCK', 'TRACE', 'PURGE'];
  const trick = {
    'X-HTTP-Method-Override': 'DELETE',
    'X-Method-Override': 'DELETE',
    Destination: '/r/keys/',
    'If-Match': '*',
  };
  for (const path of paths) {
    const spellings = [
      path,
      path.replace('/r/', '//r//'),
      path.replace('/r/', '/%72/'),
      `${path}?create=true`,
      `${path}/`,
    ];
    for (const spelling of spellings) {
      for (const method of methods) {
        for (const headers of [{}, trick]) {
          const kind = path.split('/')[2] as 'config';
          const { status } = await ask(server.port, { method, path: spelling, headers, body: sampleFile(kind) });
          assert.ok(status === 403 || status === 404 || status === 405, `${method} ${spelling}: ${status}`);
        }
      }
    }
  }
  for (const path of ['/r/', '/', '/r/data/', '/r/locks/', '/r', `/r/locks/../keys/${nameOf(randomBytes(1))}`]) {
    assert.ok((await ask(server.port, { method: 'DELETE', path })).status >= 400, path);
  }
  for (const path of ['/r/?create=true', '/?create=true', '/r/data/?create=true']) {
    await ask(server.port, { method: 'POST', path });
  }
  assert.deepEqual(stateOf(server.folder), before);
});

test('no address reads or writes beside the repositories', async () => {
  await using server = await startServeRepo();
  const secret = sampleFile('config');
  writeFileSync(join(server.folder, 'config'), secret);
  mkdirSync(join(server.folder, 'keys'));
  const key = sampleKey();
  writeFileSync(join(server.folder, 'keys', nameOf(key)), key);
  writeFileSync(join(server.folder, 'repositories', '.htpasswd'), 'me:secret');
  const climbs = [
    '/../config',
    '/%2e%2e/config',
    '/..%2fconfig',
    '/%2e%2e%2fconfig',
    '/r/..%2f..%2fconfig',
    '/r/%2e%2e/%2e%2e/config',
    '/..%5cconfig',
    '/..%255cconfig',
    '/%252e%252e/config',
    '/%c0%ae%c0%ae/config',
    '/....//config',
    '/.%00./config',
    '/r%00/../config',
    `/../keys/${nameOf(key)}`,
    `/%2e%2e/keys/${nameOf(key)}`,
    `/r/../../keys/${nameOf(key)}`,
    '/.htpasswd',
    '/.htpasswd/config',
    '/r/.htpasswd',
    '/%2e%68tpasswd',
    '//etc/passwd',
    '/keys/../.htpasswd',
    '/keys/..%2f.htpasswd',
    'http://127.0.0.1/../config',
    '*',
  ];
  const before = stateOf(server.folder);
  for (const path of climbs) {
    for (const method of ['GET', 'HEAD', 'POST', 'DELETE']) {
      const body = method === 'POST' ? { body: sampleFile('config') } : {};
      const { status, body: said } = await ask(server.port, { method, path, ...body });
      const nothingDone = status === 400 || status === 404 || status === 405 || (method === 'DELETE' && status === 200);
      assert.ok(nothingDone, `${method} ${path}: ${status}`);
      assert.ok(!said.includes(secret) && !said.includes(key) && !said.includes('secret'), path);
    }
  }
  assert.deepEqual(stateOf(server.folder), before);
});

test('requests that are not quite HTTP end the connection, never the server', async () => {
  await using server = await startServeRepo({ flags: ['--append-only'] });
  const letters = [
    'GET / HTTP/1.1\r\n\r\n',
    'GET  /\r\n\r\n',
    '\0\0\0\0',
    'POST /r/config HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n',
    'POST /r/config HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    'POST /r/config HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello',
    'POST /r/config HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n',
    `GET /${'a'.repeat(100_000)} HTTP/1.1\r\nHost: x\r\n\r\n`,
    `GET / HTTP/1.1\r\nHost: x\r\nX: ${'a'.repeat(100_000)}\r\n\r\n`,
    'CONNECT evil:25 HTTP/1.1\r\nHost: x\r\n\r\n',
    'GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n',
    'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  ];
  for (const letter of letters) {
    await new Promise<void>((resolve) => {
      const socket = connect(server.port, '127.0.0.1', () => socket.end(letter, 'latin1'));
      socket.on('error', () => undefined);
      socket.on('close', () => resolve());
      socket.resume();
    });
  }
  assert.equal((await ask(server.port, { method: 'GET', path: '/r/config' })).status, 404);
  assert.ok(!server.log().includes(' at '), 'no stack trace');
});

describe('restic after an attack', { skip: skipWithout(newRestic, 'restic 0.19') }, () => {
  test('restores from an append-only server that was offered every kind of garbage', async () => {
    using stage = createStage();
    await using server = await startServeRepo({ folder: stage.folder, flags: ['--append-only'] });
    const address = `rest:${server.origin}/r/`;
    stage.ok('new', address, ['init']);
    await quicken(join(server.folder, 'repositories/r'));
    mkdirSync(join(stage.folder, 'source'));
    writeFileSync(join(stage.folder, 'source', 'file'), 'worth keeping');
    symlinkSync('file', join(stage.folder, 'source', 'link'));
    stage.ok('new', address, ['backup', 'source']);
    for (const kind of kinds) {
      for (const body of garbageFor(kind)) {
        await ask(server.port, { method: 'POST', path: `/r/${kind}/${nameOf(body)}`, body });
      }
    }
    for (const program of ['new', 'coffre'] as const) {
      stage.ok(program, address, ['restore', 'latest', '--target', program]);
      assert.ok(existsSync(join(stage.folder, program)));
    }
    stage.ok('new', address, ['check', '--read-data']);
  });
});
