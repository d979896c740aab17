/** The real restic, rustic and coffre push to `coffre serve-repo`. */
import assert from 'node:assert/strict';
import { accessSync, constants, mkdirSync, writeFileSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { hash } from 'bcryptjs';
import { createStage, newRestic, snapshotsIn, type Program, type Stage } from '../interop/stage.ts';
import { skipWithout } from '../peers.ts';
import { makeCertificates } from './certificates.ts';
import { startServeRepo } from './serve-repo.ts';
import { quicken } from '../quick-key.ts';

const rustic = ['/opt/peers/cargo/bin/rustic', '/opt/peers/rustic'].find((path) => {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
});

function writeSource(stage: Stage, name: string): void {
  mkdirSync(join(stage.folder, name));
  for (let i = 0; i < 5; i += 1) writeFileSync(join(stage.folder, name, `file ${i}`), randomBytes(1_000_000));
}

describe('restic on serve-repo', { skip: skipWithout(newRestic, 'restic 0.19') }, () => {
  for (const program of ['new', 'coffre'] as const) {
    test(`${program === 'new' ? 'restic' : 'coffre'} makes, fills, checks, prunes and reads a repository`, async () => {
      using stage = createStage();
      await using server = await startServeRepo({ folder: stage.folder });
      const address = `rest:${server.origin}/user/repo/`;
      stage.ok(program, address, ['init']);
      await quicken(join(server.folder, 'repositories/user/repo'));
      for (const name of ['one', 'two']) {
        writeSource(stage, name);
        stage.ok(program, address, ['backup', name]);
      }
      assert.notEqual(stage.run(program, address, ['init']).code, 0, 'it is there already');
      stage.ok(program, address, ['check', '--read-data']);
      const [first] = snapshotsIn(stage, program, address);
      assert.ok(first);
      stage.ok(program, address, [
        'forget',
        '--prune',
        first.id,
        ...(program === 'coffre' ? ['--instant-delete'] : []),
      ]);
      for (const reader of ['new', 'coffre'] as readonly Program[]) {
        stage.ok(reader, address, ['check', '--read-data']);
        stage.ok(reader, address, ['restore', 'latest', '--target', `out-${reader}`]);
        assert.equal(snapshotsIn(stage, reader, address).length, 1);
      }
      assert.equal(server.log(), '');
    });
  }

  test('an append-only server takes backups and gives locks back, and forgets nothing', async () => {
    using stage = createStage();
    await using server = await startServeRepo({ folder: stage.folder, flags: ['--append-only'] });
    const address = `rest:${server.origin}/repo/`;
    stage.ok('new', address, ['init']);
    await quicken(join(server.folder, 'repositories/repo'));
    writeSource(stage, 'source');
    for (const program of ['new', 'coffre'] as const) {
      stage.ok(program, address, ['backup', 'source']);
      stage.ok(program, address, ['unlock', '--remove-all']);
      stage.ok(program, address, ['check', '--read-data']);
    }
    for (const program of ['new', 'coffre'] as const) {
      const forgotten = stage.run(program, address, ['forget', '--keep-last', '1', '--group-by', '', '--prune']);
      assert.notEqual(forgotten.code, 0, `${program} was refused`);
      assert.equal(snapshotsIn(stage, program, address).length, 2);
      stage.ok(program, address, ['check']);
    }
    // The one who may remove works in the folder itself, on the server's machine.
    const folder = join(stage.folder, 'repositories', 'repo');
    stage.ok('new', folder, ['forget', '--keep-last', '1', '--group-by', '', '--prune']);
    stage.ok('new', address, ['check', '--read-data']);
  });

  test('over TLS, with logins and private repositories', async () => {
    using stage = createStage();
    const htpasswd = join(stage.folder, 'htpasswd');
    writeFileSync(htpasswd, `me:${await hash('pass word', 6)}\n`);
    const { rootFile, serverCertFile, serverKeyFile } = makeCertificates(stage.folder);
    await using server = await startServeRepo({
      folder: stage.folder,
      flags: ['--private-repos', '--htpasswd', htpasswd, '--tls-cert', serverCertFile, '--tls-key', serverKeyFile],
    });
    const environment = { RESTIC_REST_USERNAME: 'me', RESTIC_REST_PASSWORD: 'pass word' };
    writeSource(stage, 'source');
    for (const program of ['new', 'coffre'] as const) {
      const address = `rest:${server.origin}/me/${program}/`;
      stage.ok(program, address, ['init', '--cacert', rootFile], { environment });
      stage.ok(program, address, ['backup', 'source', '--cacert', rootFile], { environment });
      stage.ok(program, address, ['check', '--read-data', '--cacert', rootFile], { environment });
      const elsewhere = `rest:${server.origin}/you/${program}/`;
      assert.notEqual(stage.run(program, elsewhere, ['init', '--cacert', rootFile], { environment }).code, 0);
    }
    const untrusted = stage.run('coffre', `rest:${server.origin}/me/new/`, ['snapshots'], { environment });
    assert.match(untrusted.stderr, /not trusted/);
    assert.ok(!server.log().includes('pass word'));
  });

  test('on a unix socket', async () => {
    using stage = createStage();
    const socket = join(stage.folder, 'serve.sock');
    await using server = await startServeRepo({ folder: stage.folder, listen: `unix:${socket}` });
    writeSource(stage, 'source');
    for (const program of ['new', 'coffre'] as const) {
      const address = `rest:${server.origin}/${program}/`;
      stage.ok(program, address, ['init']);
      stage.ok(program, address, ['backup', 'source']);
    }
  });

  test('a server that is full says so, and what is there stays whole', async () => {
    using stage = createStage();
    await using server = await startServeRepo({ folder: stage.folder, flags: ['--max-size', '8M'] });
    const address = `rest:${server.origin}/repo/`;
    stage.ok('new', address, ['init']);
    await quicken(join(server.folder, 'repositories/repo'));
    writeSource(stage, 'fits');
    stage.ok('new', address, ['backup', 'fits']);
    writeSource(stage, 'too much');
    for (const program of ['new', 'coffre'] as const) {
      assert.notEqual(stage.run(program, address, ['backup', 'too much']).code, 0);
    }
    stage.ok('new', address, ['check', '--read-data']);
    assert.equal(snapshotsIn(stage, 'coffre', address).length, 1);
  });

  test('rustic pushes too', { skip: rustic === undefined ? 'rustic is not installed' : false }, async () => {
    using stage = createStage();
    await using server = await startServeRepo({ folder: stage.folder, flags: ['--append-only'] });
    writeSource(stage, 'source');
    const address = `rest:${server.origin}/rustic/`;
    for (const argv of [['init'], ['backup', join(stage.folder, 'source')], ['check', '--read-data']]) {
      const env = { PATH: process.env['PATH'], HOME: stage.folder, RUSTIC_PASSWORD: 'x' };
      const ran = spawnSync(rustic!, ['-r', address, '--no-cache', ...argv], { env, timeout: 60_000 });
      assert.equal(ran.status, 0, ran.stderr.toString());
    }
    stage.ok('new', address, ['check', '--read-data'], { environment: { RESTIC_PASSWORD: 'x' } });
  });
});
