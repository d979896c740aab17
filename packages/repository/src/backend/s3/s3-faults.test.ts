/** What servers and networks do wrong, by a server that does it: nothing corrupt is taken, what passes is survived. */
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { test } from 'node:test';
import { isCoffreError } from '../../errors.ts';
import type { ErrorCode } from '../../errors.ts';
import { createFakeClock } from '../../testing/fake-clock.ts';
import { startScriptedServer } from '../../testing/scripted-server.ts';
import type { ScriptedAnswer, ScriptedServer } from '../../testing/scripted-server.ts';
import { createSeededRandom } from '../../testing/seeded-random.ts';
import type { Backend, FileHandle } from '../backend.ts';
import { withRetry } from '../retry.ts';
import { createS3Backend } from './s3.ts';
import { parseS3Location } from './s3-location.ts';

const bytes = randomBytes(1_000_000);
const pack: FileHandle = { kind: 'data', name: createHash('sha256').update(bytes).digest('hex') };
const config: FileHandle = { kind: 'config' };

type Extended = Readonly<Record<string, string>>;

async function at(server: ScriptedServer, extended: Extended = {}, stuckRequestTimeoutMs = 20_000): Promise<Backend> {
  const sizes = { wholeMaxBytes: 2_000_000, pieceBytes: 1_000_000 };
  const options = {
    environment: { AWS_ACCESS_KEY_ID: 'a', AWS_SECRET_ACCESS_KEY: 'b' },
    extended: new Map(Object.entries({ 's3.retries': '1', ...extended })),
    stuckRequestTimeoutMs,
  };
  return createS3Backend(parseS3Location(`http://127.0.0.1:${server.port}/vault/p`), options, sizes);
}

function patient(backend: Backend): Backend {
  return withRetry(backend, { clock: createFakeClock({ sleepless: true }), random: createSeededRandom(1) });
}

function says(status: number, code = '', more = ''): ScriptedAnswer {
  const body = code === '' ? '' : `<Error><Code>${code}</Code><Message>said</Message>${more}</Error>`;
  return (_, response) => void response.writeHead(status, { 'content-type': 'application/xml' }).end(body);
}

const done: ScriptedAnswer = (_, response) => void response.writeHead(200, { etag: '"x"' }).end();
const reset: ScriptedAnswer = (_, response) => response.socket?.resetAndDestroy();
const gives = (status: number, headers: Record<string, string | number>, body: Buffer): ScriptedAnswer => {
  return (_, response) => void response.writeHead(status, { 'content-length': body.byteLength, ...headers }).end(body);
};
const brokenOff: ScriptedAnswer = (_, response) => {
  response.writeHead(200, { 'content-length': bytes.byteLength });
  response.write(bytes.subarray(0, 1000), () => response.socket?.destroy());
};

async function failsWith(code: ErrorCode, retryable: boolean, call: Promise<unknown>): Promise<void> {
  await assert.rejects(call, (error) => {
    assert.ok(isCoffreError(error, code), `${code} was expected, not ${String(error)}`);
    assert.equal(error.retryable, retryable, error.message);
    return true;
  });
}

test('the name of a pack is the hash in the signature, and the body is the pack', async () => {
  await using server = await startScriptedServer(done);
  await (await at(server)).save(pack, [bytes.subarray(0, 10), bytes.subarray(10, 500_000), bytes.subarray(500_000)]);
  const { headers, body, url } = server.requests[0]!;
  assert.equal(headers['x-amz-content-sha256'], pack.kind === 'data' && pack.name);
  assert.equal(headers['content-length'], '1000000');
  assert.ok(body.equals(bytes) && url.startsWith('/vault/p/data/'));
});

const passing: Record<string, ScriptedAnswer> = {
  'a server that asks to slow down': says(503, 'SlowDown'),
  'a broken answer of a broken server': says(500),
  'a reset connection': reset,
  'a server that never answers': () => undefined,
};

for (const [what, answer] of Object.entries(passing)) {
  test(`${what} is survived by saving and loading`, async () => {
    await using saving = await startScriptedServer(answer, answer, done);
    await patient(await at(saving, {}, 300)).save(pack, [bytes]);
    assert.ok(saving.requests.at(-1)?.body.equals(bytes));
    const file = gives(200, { 'content-length': bytes.byteLength }, bytes);
    await using loading = await startScriptedServer(answer, answer, file);
    assert.ok((await patient(await at(loading, {}, 300)).load(pack)).equals(bytes));
  });
}

test('an answer that breaks off is a short read, and is asked for again', async () => {
  await using server = await startScriptedServer(brokenOff);
  await failsWith('BACKEND_SHORT_READ', true, (await at(server)).load(pack));
  const file = gives(200, { 'content-length': bytes.byteLength }, bytes);
  await using mended = await startScriptedServer(brokenOff, file);
  assert.ok((await patient(await at(mended)).load(pack)).equals(bytes));
});

test('a download that stops moving is given up', async () => {
  await using server = await startScriptedServer((_, response) => {
    response.writeHead(200, { 'content-length': 1000 });
    response.write('some');
  });
  await failsWith('BACKEND_IO', true, (await at(server, {}, 200)).load(pack));
});

test('more or other bytes than asked for are refused', async () => {
  const range = { offset: 10, length: 5 };
  const answers: [ErrorCode, ScriptedAnswer][] = [
    ['BACKEND_IO', gives(200, {}, Buffer.alloc(100))],
    ['BACKEND_IO', gives(206, { 'content-range': 'bytes 0-4/100' }, Buffer.alloc(5))],
    ['BACKEND_IO', gives(206, { 'content-range': 'bytes 10-19/100' }, Buffer.alloc(10))],
    ['BACKEND_SHORT_READ', gives(206, { 'content-range': 'bytes 10-12/13' }, Buffer.alloc(3))],
  ];
  for (const [code, answer] of answers) {
    await using server = await startScriptedServer(answer);
    await failsWith(code, false, (await at(server)).load(pack, range));
  }
  await using endless = await startScriptedServer((_, response: ServerResponse) => {
    response.writeHead(200, { 'transfer-encoding': 'chunked' }).end('of unknown length');
  });
  await failsWith('BACKEND_IO', false, (await at(endless)).load(pack));
});

for (const code of ['ExpiredToken', 'InvalidAccessKeyId', 'AccessDenied', 'NoSuchBucket', 'QuotaExceeded']) {
  test(`${code} is permanent: asked once`, async () => {
    await using server = await startScriptedServer(says(403, code));
    await assert.rejects(
      patient(await at(server, { 's3.retries': '3' })).load(pack),
      (error) => isCoffreError(error) && !error.retryable,
    );
    assert.equal(server.requests.length, 1);
  });
}

test('a wrong clock is told, and mended where the server says what time it is', async () => {
  const skewed: ScriptedAnswer = (_, response) => {
    response.writeHead(403, { date: 'Thu, 20 Aug 2026 14:00:00 GMT' });
    response.end('<Error><Code>RequestTimeTooSkewed</Code><Message>said</Message></Error>');
  };
  await using server = await startScriptedServer(skewed);
  await failsWith('BACKEND_DENIED', false, (await at(server)).load(pack));
  const file = gives(200, { 'content-length': bytes.byteLength }, bytes);
  await using mended = await startScriptedServer(skewed, file);
  assert.ok((await (await at(mended, { 's3.retries': '2' })).load(pack)).equals(bytes));
  assert.match(String(mended.requests[1]?.headers['x-amz-date']), /^20260820T/);
});

test('the region that a server names is taken, unless somebody insists on another', async () => {
  const elsewhere = says(400, 'AuthorizationHeaderMalformed', '<Region>eu-west-9</Region>');
  await using server = await startScriptedServer(elsewhere, done);
  await (await at(server)).save(pack, [bytes]);
  assert.match(String(server.requests[1]?.headers.authorization), /\/eu-west-9\/s3\//);
  assert.ok(server.requests[1]?.body.equals(bytes));
  await using strict = await startScriptedServer(elsewhere, done);
  await failsWith('BACKEND_DENIED', false, (await at(strict, { 's3.region': 'eu-west-1' })).save(pack, [bytes]));
});

test('a config whose answer was lost counts as saved; another one is never overwritten', async () => {
  const mine = Buffer.from('mine');
  const exists = says(412, 'PreconditionFailed');
  await using same = await startScriptedServer(exists, gives(200, {}, mine));
  await (await at(same)).save(config, [mine]);
  assert.equal(same.requests[0]?.headers['if-none-match'], '*');
  await using other = await startScriptedServer(exists, gives(200, {}, Buffer.from('theirs')));
  await failsWith('BACKEND_EXISTS', false, (await at(other)).save(config, [mine]));
  await using unable = await startScriptedServer(says(501, 'NotImplemented'), done);
  await (await at(unable)).save(config, [mine]);
  assert.equal(unable.requests[1]?.headers['if-none-match'], undefined);
});

test('bytes damaged on the way are sent again', async () => {
  const damaged = says(400, 'XAmzContentSHA256Mismatch');
  await using server = await startScriptedServer(damaged);
  await failsWith('BACKEND_IO', true, (await at(server)).save(pack, [bytes]));
  await using mended = await startScriptedServer(damaged, done);
  await patient(await at(mended)).save(pack, [bytes]);
  assert.equal(mended.requests.length, 2);
});

test('a list that ends too early is an error, not a shorter list', async () => {
  const page = '<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>';
  await using server = await startScriptedServer(gives(200, {}, Buffer.from(page)));
  const backend = await at(server);
  await failsWith('BACKEND_IO', false, Array.fromAsync(backend.list('data')));
});

test('a bucket that vanishes is not an empty one', async () => {
  await using server = await startScriptedServer(done, says(404, 'NoSuchBucket'));
  const backend = await at(server);
  await backend.save(pack, [bytes]);
  await failsWith('BACKEND_NOT_FOUND', false, Array.fromAsync(backend.list('data')));
});

test('an upload in pieces that fails is dropped whole', async () => {
  await using server = await startScriptedServer((request, response) => {
    if (request.url.includes('partNumber=2')) return says(403, 'QuotaExceeded')(request, response);
    const begun = '<InitiateMultipartUploadResult><UploadId>u1</UploadId></InitiateMultipartUploadResult>';
    response.writeHead(request.method === 'DELETE' ? 204 : 200, { etag: '"x"' });
    response.end(request.method === 'POST' ? begun : '');
  });
  await failsWith('BACKEND_FULL', false, (await at(server)).save(pack, [bytes, bytes, bytes]));
  const { method, url } = server.requests.at(-1)!;
  assert.equal(method, 'DELETE');
  assert.match(url, /uploadId=u1/);
  assert.ok(!server.requests.some((request) => request.method === 'POST' && request.url.includes('uploadId')));
});
