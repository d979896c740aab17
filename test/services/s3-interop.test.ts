/** coffre and the real restic on one bucket, and keys from everywhere. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { openBackend } from '../../packages/repository/src/backend/open-backend.ts';
import { parseLocation } from '../../packages/repository/src/backend/location.ts';
import { rejectsWith } from '../../packages/repository/src/testing/backend-conformance.ts';
import { startScriptedServer } from '../../packages/repository/src/testing/scripted-server.ts';
import { createStage, newRestic } from '../interop/stage.ts';
import { skipWithout } from '../peers.ts';
import { skipWithoutService } from './programs.ts';
import { startVersityGateway } from './versitygw.ts';
import type { VersityGateway } from './versitygw.ts';
import { samplePassword } from '../../packages/repository/src/testing/sample-repository.ts';
import { quicken } from '../quick-key.ts';

const skip = skipWithoutService('versitygw') || skipWithout(newRestic, 'restic 0.19');
let started: Promise<VersityGateway> | undefined;

function gateway(): Promise<VersityGateway> {
  return (started ??= startVersityGateway());
}

describe('S3 beside restic', { skip }, () => {
  after(async () => (await started)?.[Symbol.asyncDispose]());

  test('each reads, checks and extends what the other wrote in a bucket', async () => {
    const { origin, environment } = await gateway();
    using stage = createStage();
    const source = join(stage.folder, 'source');
    mkdirSync(source);
    const big = randomBytes(3_000_000);
    writeFileSync(join(source, 'big.bin'), big);
    for (const [first, second] of [
      ['new', 'coffre'],
      ['coffre', 'new'],
    ] as const) {
      const repository = `s3:${origin}/interop/${first}/first`;
      const ok = (program: 'new' | 'coffre', argv: readonly string[]) =>
        stage.ok(program, repository, argv, { environment });
      ok(first, ['init']);
      ok(first, ['backup', source]);
      writeFileSync(join(source, `${first}.txt`), first);
      ok(second, ['backup', source]);
      await quicken(repository, samplePassword, environment);
      for (const program of [first, second]) {
        ok(program, ['check', '--read-data']);
        const target = join(stage.folder, `${first}-${program}`);
        ok(program, ['restore', 'latest', '--target', target]);
        assert.ok(readFileSync(join(target, source, 'big.bin')).equals(big));
      }
      ok(second, ['forget', '--keep-last', '1']);
      ok(first, ['unlock']);
      assert.equal((JSON.parse(ok(first, ['snapshots', '--json'])) as unknown[]).length, 1);
    }
  });

  test('a past snapshot is restored after somebody with the keys deleted everything', async () => {
    const { origin, environment } = await gateway();
    using stage = createStage();
    const source = join(stage.folder, 'source');
    mkdirSync(source);
    writeFileSync(join(source, 'work.txt'), 'years of it');
    const repository = `s3:${origin}/attacked/p`;
    const lock = ['-o', 's3.object-lock-mode=governance', '-o', 's3.object-lock-days=2'];
    stage.ok('coffre', repository, [...lock, 'init'], { environment });
    stage.ok('coffre', repository, [...lock, 'backup', source], { environment });
    await new Promise((resolve) => setTimeout(resolve, 1100));
    const then = new Date().toISOString();
    await new Promise((resolve) => setTimeout(resolve, 1100));
    const backend = await openBackend(parseLocation(repository), { environment });
    for (const kind of ['snapshots', 'index', 'data', 'keys'] as const) {
      for await (const { name } of backend.list(kind)) await backend.remove({ kind, name });
    }
    await backend.remove({ kind: 'config' });
    await backend.close();
    assert.equal(stage.run('coffre', repository, ['snapshots'], { environment }).code, 10);

    const past = ['-o', `s3.as-of=${then}`];
    const target = join(stage.folder, 'target');
    stage.ok('coffre', repository, [...past, '--no-lock', 'check', '--read-data'], { environment });
    stage.ok('coffre', repository, [...past, '--no-lock', 'restore', 'latest', '--target', target], { environment });
    assert.equal(readFileSync(join(target, source, 'work.txt'), 'utf8'), 'years of it');
    const writing = stage.run('coffre', repository, [...past, 'backup', source], { environment });
    assert.equal(writing.code, 1);
    assert.match(writing.stderr, /BACKEND_READ_ONLY/);
  });

  test('a server in another region is found out, and keys come from a profile', async () => {
    await using abroad = await startVersityGateway({ region: 'eu-test-7' });
    using stage = createStage();
    const credentials = join(stage.folder, 'credentials');
    const { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY } = abroad.environment;
    writeFileSync(
      credentials,
      `[work]\naws_access_key_id = ${AWS_ACCESS_KEY_ID}\naws_secret_access_key = ${AWS_SECRET_ACCESS_KEY}\n`,
    );
    const environment = {
      AWS_PROFILE: 'work',
      AWS_SHARED_CREDENTIALS_FILE: credentials,
      AWS_CONFIG_FILE: join(stage.folder, 'none'),
    };
    const location = parseLocation(`s3:${abroad.origin}/far/p`);
    const backend = await openBackend(location, { environment });
    await backend.create();
    await backend.save({ kind: 'config' }, [Buffer.from('config')]);
    assert.deepEqual(await backend.load({ kind: 'config' }), Buffer.from('config'));
    const unaware = await openBackend(location, { environment });
    assert.deepEqual(await unaware.stat({ kind: 'config' }), { sizeBytes: 6 });
    const insisting = await openBackend(location, { environment, extended: new Map([['s3.region', 'us-west-2']]) });
    await rejectsWith('BACKEND_DENIED', insisting.stat({ kind: 'config' }));
    const anonymous = await openBackend(location, { extended: new Map([['s3.unsafe-anonymous-auth', 'true']]) });
    await rejectsWith('BACKEND_DENIED', anonymous.load({ kind: 'config' }));
    for (const one of [backend, unaware, insisting, anonymous]) await one.close();
  });
});

test('the role of a machine gives keys with a token', async () => {
  await using server = await startScriptedServer(({ method, url }, response) => {
    const Expiration = new Date(Date.now() + 3_600_000).toISOString();
    const keys = { AccessKeyId: 'ROLEKEY', SecretAccessKey: 'secret', Token: 'role-token' };
    let body = 'yes';
    if (url === '/latest/api/token') body = method === 'PUT' ? 'session' : '';
    else if (url.endsWith('/security-credentials/')) body = 'backup-role';
    else if (url.endsWith('/backup-role')) body = JSON.stringify({ Code: 'Success', ...keys, Expiration });
    response.writeHead(200, { 'content-length': body.length }).end(body);
  });
  // The SDK asks the process's own environment for the way to the machine's role.
  const named = { AWS_EC2_METADATA_SERVICE_ENDPOINT: `http://127.0.0.1:${server.port}`, AWS_EC2_METADATA_DISABLED: '' };
  const before = Object.keys(named).map((name) => [name, process.env[name]] as const);
  Object.assign(process.env, named);
  try {
    const environment = { AWS_SHARED_CREDENTIALS_FILE: '/nonexistent/a', AWS_CONFIG_FILE: '/nonexistent/b' };
    const backend = await openBackend(parseLocation(`s3:http://127.0.0.1:${server.port}/bucket/p`), { environment });
    assert.equal((await backend.load({ kind: 'config' })).toString(), 'yes');
    const { headers } = server.requests.at(-1)!;
    assert.match(String(headers.authorization), /Credential=ROLEKEY\//);
    assert.equal(headers['x-amz-security-token'], 'role-token');
    await backend.close();
  } finally {
    for (const [name, value] of before) {
      if (value === undefined) Reflect.deleteProperty(process.env, name);
      else process.env[name] = value;
    }
  }
});
