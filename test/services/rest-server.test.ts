/** What rest-server is told to refuse, and what is said about it. */
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import type { Backend, FileHandle } from '../../packages/repository/src/backend/backend.ts';
import { parseLocation } from '../../packages/repository/src/backend/location.ts';
import { openBackend } from '../../packages/repository/src/backend/open-backend.ts';
import type { StorageOptions } from '../../packages/repository/src/backend/storage-options.ts';
import { isCoffreError } from '../../packages/repository/src/errors.ts';
import type { CoffreError, ErrorCode } from '../../packages/repository/src/errors.ts';
import { rejectsWith } from '../../packages/repository/src/testing/backend-conformance.ts';
import { makeCertificates } from './certificates.ts';
import { skipWithoutService } from './programs.ts';
import { startRestServer } from './rest-server.ts';

const password = 'canary:/@%#';

function opened(address: string, options: StorageOptions = {}): Promise<Backend> {
  return openBackend(parseLocation(`rest:${address}`), options);
}

function pack(size: number, kind: 'data' | 'locks' = 'data'): { file: FileHandle; bytes: Buffer } {
  const bytes = randomBytes(size);
  return { bytes, file: { kind, name: createHash('sha256').update(bytes).digest('hex') } };
}

/** The error, which says what to do next and keeps the password to itself. */
async function refusal(code: ErrorCode, call: Promise<unknown>): Promise<CoffreError> {
  const error = await call.then(
    () => assert.fail(`${code} was expected`),
    (thrown: unknown) => thrown,
  );
  assert.ok(isCoffreError(error, code), String(error));
  assert.ok(error.hint !== undefined);
  assert.ok(!`${error.message} ${error.hint} ${String(error.cause)}`.includes('canary'));
  return error;
}

describe('rest-server', { skip: skipWithoutService('rest-server') }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'coffre-rest-test-'));
  after(() => rmSync(folder, { recursive: true }));
  const htpasswd = join(folder, 'htpasswd');
  writeFileSync(htpasswd, `me:{SHA}${createHash('sha1').update(password).digest('base64')}\n`);
  const certificates = makeCertificates(folder);

  test('one that is append-only keeps everything but locks, and says so', async () => {
    await using server = await startRestServer({ flags: ['--append-only'] });
    const backend = await opened(`${server.origin}/repo`);
    await backend.create();
    for (const kind of ['data', 'locks'] as const) {
      const { file, bytes } = pack(100, kind);
      await backend.save(file, [bytes]);
      await rejectsWith('BACKEND_EXISTS', backend.save(file, [bytes, bytes]));
      if (kind === 'locks') await backend.remove(file);
      else assert.match((await refusal('BACKEND_DENIED', backend.remove(file))).message, /append-only/);
    }
    await backend.save({ kind: 'config' }, [Buffer.from('config')]);
    await refusal('BACKEND_DENIED', backend.remove({ kind: 'config' }));
    await backend.close();
  });

  test('one that is full says so before anything is stored', async () => {
    await using server = await startRestServer({ flags: ['--max-size=2000000'] });
    const backend = await opened(`${server.origin}/repo/`);
    await backend.create();
    const { file, bytes } = pack(3_000_000);
    await refusal('BACKEND_FULL', backend.save(file, [bytes]));
    await rejectsWith('BACKEND_NOT_FOUND', backend.stat(file));
    const small = pack(1000);
    await backend.save(small.file, [small.bytes]);
    assert.deepEqual(await backend.load(small.file), small.bytes);
    await backend.close();
  });

  test('an upload that does not match its name is refused, and may be tried again', async () => {
    await using server = await startRestServer();
    const backend = await opened(`${server.origin}/repo/`);
    await backend.create();
    const { file, bytes } = pack(1_000_000);
    const damaged = Buffer.from(bytes);
    damaged[17] = damaged[17]! ^ 1;
    const error = await refusal('BACKEND_IO', backend.save(file, [damaged]));
    assert.ok(error.retryable);
    await backend.save(file, [bytes]);
    await backend.close();
  });

  test('private repositories open to their owner, with a login from the address or the environment', async () => {
    await using server = await startRestServer({ flags: ['--private-repos', `--htpasswd-file=${htpasswd}`] });
    const host = server.origin.replace('http://', '');
    const environment = { RESTIC_REST_USERNAME: 'me', RESTIC_REST_PASSWORD: password };
    const good = [
      await opened(`http://me:${encodeURIComponent(password)}@${host}/me/repo/`),
      await opened(`http://${host}/me/repo/`, { environment }),
    ];
    for (const backend of good) {
      assert.ok(!backend.location.includes('canary'));
      await backend.create();
      await rejectsWith('BACKEND_NOT_FOUND', backend.stat({ kind: 'config' }));
      await backend.close();
    }
    const bad = [
      await opened(`http://me:canary-wrong@${host}/me/repo/`, { environment }),
      await opened(`http://${host}/me/repo/`),
      await opened(`http://${host}/other/repo/`, { environment }),
    ];
    for (const backend of bad) {
      assert.ok(!(await refusal('BACKEND_DENIED', backend.stat({ kind: 'config' }))).retryable);
      await refusal('BACKEND_DENIED', backend.create());
      await refusal('BACKEND_DENIED', backend.save({ kind: 'config' }, [Buffer.from('x')]));
      await refusal('BACKEND_DENIED', Array.fromAsync(backend.list('data')));
      await backend.close();
    }
  });

  test('TLS needs a root that is trusted, from a file, or the word of the user', async () => {
    const { rootFile, serverCertFile: certFile, serverKeyFile: keyFile } = certificates;
    await using server = await startRestServer({ tls: { certFile, keyFile } });
    const { file, bytes } = pack(2_000_000);
    for (const tls of [{ caFiles: [rootFile] }, { insecure: true }]) {
      const backend = await opened(`${server.origin}/repo/`, { tls });
      await backend.create();
      if (tls.insecure !== true) await backend.save(file, [bytes]);
      assert.ok((await backend.load(file)).equals(bytes));
      await backend.close();
    }
    const distrusted = await opened(`${server.origin}/repo/`);
    const error = await refusal('BACKEND_HOST_UNKNOWN', distrusted.stat({ kind: 'config' }));
    assert.match(error.message, /not trusted/);
    assert.match(error.hint ?? '', /--cacert/);
    const plain = await opened(`${server.origin.replace('https', 'http')}/repo/`);
    await refusal('BACKEND_IO', plain.list('data')[Symbol.asyncIterator]().next());
    for (const backend of [distrusted, plain]) await backend.close();
  });

  test('https spoken to a plain server is not tried for long', async () => {
    await using server = await startRestServer();
    const backend = await opened(`${server.origin.replace('http', 'https')}/repo/`);
    assert.ok(!(await refusal('BACKEND_IO', backend.stat({ kind: 'config' }))).retryable);
    await backend.close();
  });

  test('a client certificate is shown to a server that asks for one', async () => {
    const { rootFile, serverCertFile, serverKeyFile, clientFile } = certificates;
    const [ca, cert, key] = [rootFile, serverCertFile, serverKeyFile].map((file) => readFileSync(file));
    const server = createServer({ ca, cert, key, requestCert: true, rejectUnauthorized: true }, (_, response) => {
      response.writeHead(404).end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = `https://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    const known = await opened(address, { tls: { caFiles: [rootFile], clientCertFile: clientFile } });
    await rejectsWith('BACKEND_NOT_FOUND', known.stat({ kind: 'config' }));
    const stranger = await opened(address, { tls: { caFiles: [rootFile] } });
    await refusal('BACKEND_IO', stranger.stat({ kind: 'config' }));
    await known.close();
    await stranger.close();
    await new Promise((resolve) => server.close(resolve));
  });

  test('certificate files that are none are refused before anything is sent', async () => {
    const tls = [{ caFiles: ['/nonexistent'] }, { caFiles: [htpasswd] }, { clientCertFile: certificates.rootFile }];
    for (const options of tls) await refusal('USAGE', opened('https://127.0.0.1:9/', { tls: options }));
  });
});
