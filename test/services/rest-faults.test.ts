/** A line that fails in every way between us and rest-server: nothing wrong is believed, nothing transient is final. */
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import type { OutgoingHttpHeaders } from 'node:http';
import { after, before, beforeEach, describe, test } from 'node:test';
import type { Backend, FileHandle } from '../../packages/repository/src/backend/backend.ts';
import { parseLocation } from '../../packages/repository/src/backend/location.ts';
import { openBackend } from '../../packages/repository/src/backend/open-backend.ts';
import { withRetry } from '../../packages/repository/src/backend/retry.ts';
import type { RetryEvent } from '../../packages/repository/src/backend/retry.ts';
import type { StorageOptions } from '../../packages/repository/src/backend/storage-options.ts';
import { isCoffreError } from '../../packages/repository/src/errors.ts';
import { listed, rejectsWith } from '../../packages/repository/src/testing/backend-conformance.ts';
import { createFakeClock } from '../../packages/repository/src/testing/fake-clock.ts';
import { createSeededRandom } from '../../packages/repository/src/testing/seeded-random.ts';
import { startFaultProxy } from './fault-proxy.ts';
import type { Fault, FaultDecision, FaultProxy, ProxiedReply, ProxiedRequest } from './fault-proxy.ts';
import { skipWithoutService } from './programs.ts';
import { startRestServer } from './rest-server.ts';
import type { RestServer } from './rest-server.ts';

type Pack = { readonly file: FileHandle & { readonly name: string }; readonly bytes: Buffer };

function pack(size: number): Pack {
  const bytes = randomBytes(size);
  return { bytes, file: { kind: 'data', name: createHash('sha256').update(bytes).digest('hex') } };
}

/** Only the first request of these. */
function once(fault: Fault, matches: (request: ProxiedRequest) => boolean = () => true): FaultDecision {
  let met = false;
  return (request) => {
    if (met || !matches(request)) return undefined;
    met = true;
    return fault;
  };
}

function withoutLength(headers: OutgoingHttpHeaders): OutgoingHttpHeaders {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => name !== 'content-length'));
}

async function failureOf(call: Promise<unknown>): Promise<unknown> {
  return call.then(
    () => assert.fail('it worked'),
    (thrown: unknown) => thrown,
  );
}

const is = (method: string) => (request: ProxiedRequest) => request.method === method;
const isList = ({ url }: ProxiedRequest): boolean => url.endsWith('/data/');

function answer(status: number, headers: Record<string, string> = {}): Fault {
  return { kind: 'answer', status, headers };
}

function rewrite(change: (reply: ProxiedReply) => Partial<ProxiedReply>): Fault {
  return { kind: 'rewrite', change: (reply) => ({ ...reply, ...change(reply) }) };
}

describe('a line that fails', { skip: skipWithoutService('rest-server') }, () => {
  let server: RestServer;
  let proxy: FaultProxy;
  let straight: Backend;
  /** Through the proxy: as it is, and with retries that take no time. */
  let bare: Backend;
  let patient: Backend;
  /** The same for a server that hangs: soon tired of waiting. */
  let hasty: { bare: Backend; patient: Backend };
  let events: RetryEvent[] = [];
  const held = pack(300_000);

  before(async () => {
    server = await startRestServer();
    proxy = await startFaultProxy({ port: server.port! });
    const open = (port: number, options: StorageOptions = {}): Promise<Backend> =>
      openBackend(parseLocation(`rest:http://127.0.0.1:${port}/repo/`), options);
    const clock = createFakeClock({ sleepless: true });
    const retrying = (backend: Backend): Backend =>
      withRetry(backend, { clock, random: createSeededRandom(1), report: (event) => events.push(event) });
    [straight, bare] = [await open(server.port!), await open(proxy.port)];
    patient = retrying(bare);
    const tired = await open(proxy.port, { stuckRequestTimeoutMs: 200 });
    hasty = { bare: tired, patient: retrying(tired) };
    await straight.create();
    await straight.save({ kind: 'config' }, [Buffer.from('config')]);
    await straight.save(held.file, [held.bytes]);
  });
  after(async () => {
    for (const backend of [straight, bare, hasty.bare]) await backend.close();
    await proxy[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
  });
  beforeEach(() => {
    events = [];
    proxy.decide(() => undefined);
  });

  const hangs = (fault: Fault): boolean => fault.kind === 'hang' || fault.kind === 'hang-in-reply';
  const through = (fault: Fault): { bare: Backend; patient: Backend } => (hangs(fault) ? hasty : { bare, patient });

  const transient: Readonly<Record<string, Fault>> = {
    'a 500': answer(500),
    'a 502': answer(502),
    'a 503': answer(503),
    'a 504': answer(504),
    'a 429': answer(429),
    'a reset': { kind: 'reset' },
    'an answer that never comes': { kind: 'hang' },
    'an answer that is lost': { kind: 'lose-answer' },
  };
  const transientUploads: Readonly<Record<string, Fault>> = {
    ...transient,
    'an upload that breaks off': { kind: 'cut-upload', afterBytes: 100_000 },
    'a refusal before the upload is over': { ...answer(503), early: true } as Fault,
    'an upload that arrives twice': { kind: 'twice' },
  };
  for (const [name, fault] of Object.entries(transientUploads)) {
    test(`saving survives ${name}, and the file is whole`, async () => {
      const { file, bytes } = pack(700_000);
      proxy.decide(once(fault, is('POST')));
      await through(fault).patient.save(file, [bytes.subarray(0, 11), bytes.subarray(11)]);
      assert.ok((await straight.load(file)).equals(bytes));
      assert.ok(hangs(fault) ? events.length > 0 : events.length === (fault.kind === 'twice' ? 0 : 1));
      await straight.remove(file);
    });
  }

  const damagedReplies: Readonly<Record<string, Fault>> = {
    ...transient,
    'a body that breaks off': { kind: 'cut-reply', afterBytes: 1000 },
    'a body that stops coming': { kind: 'hang-in-reply', afterBytes: 70_000 },
    'a body that is short of its length': rewrite(({ body }) => ({ body: body.subarray(0, 500) })),
    'a length that is no number': rewrite(({ headers }) => ({ headers: { ...headers, 'content-length': 'many' } })),
    'an encoded body': rewrite(({ headers }) => ({ headers: { ...headers, 'content-encoding': 'gzip' } })),
  };
  for (const [name, fault] of Object.entries(damagedReplies)) {
    test(`reading a file and a range of it survives ${name}`, async () => {
      const storage = through(fault).patient;
      proxy.decide(once(fault, is('GET')));
      assert.ok((await storage.load(held.file)).equals(held.bytes));
      proxy.decide(once(fault, is('GET')));
      const part = await storage.load(held.file, { offset: 1000, length: 200_000 });
      assert.ok(part.equals(held.bytes.subarray(1000, 201_000)));
      // A kept connection that was reset is replaced without a word.
      assert.ok(events.length >= 2 || name === 'a reset' || name === 'an answer that is lost');
    });
  }

  const wrongRanges: Readonly<Record<string, Fault>> = {
    'another range': rewrite(({ headers }) => ({ headers: { ...headers, 'content-range': 'bytes 0-1999/300000' } })),
    'a range without a place': rewrite(({ headers }) => ({ headers: { ...headers, 'content-range': 'all' } })),
    'more than was asked for': rewrite(({ headers, body }) => ({
      headers: { ...headers, 'content-length': '2001', 'content-range': 'bytes 1000-3000/300000' },
      body: Buffer.concat([body, Buffer.from('x')]),
    })),
  };
  for (const [name, fault] of Object.entries(wrongRanges)) {
    test(`${name} is not taken for the one that was asked for`, async () => {
      proxy.decide(once(fault));
      await rejectsWith('BACKEND_IO', bare.load(held.file, { offset: 1000, length: 2000 }));
      proxy.decide(once(fault));
      const part = await patient.load(held.file, { offset: 1000, length: 2000 });
      assert.ok(part.equals(held.bytes.subarray(1000, 3000)));
    });
  }

  test('a server that knows no ranges gives the file, of which the range is taken', async () => {
    const asWhole: readonly Fault[] = [
      rewrite(() => ({ status: 200 })),
      rewrite(({ headers }) => ({ headers: withoutLength(headers), status: 200 })),
    ];
    for (const fault of asWhole) {
      proxy.decide(({ headers }) => {
        delete headers.range;
        return fault;
      });
      await readsRanges(bare, held);
    }
  });

  async function readsRanges(backend: Backend, { file, bytes }: Pack): Promise<void> {
    for (const [offset, length] of [
      [0, 10],
      [70_000, 150_000],
      [299_999, 1],
    ] as const) {
      const part = await backend.load(file, { offset, length });
      assert.ok(part.equals(bytes.subarray(offset, offset + length)));
    }
    await rejectsWith('BACKEND_SHORT_READ', backend.load(file, { offset: 299_999, length: 2 }));
  }

  test('a slow body is waited for as long as it comes', async () => {
    proxy.decide(() => ({ kind: 'slow', pieceBytes: 1000 }));
    assert.ok((await bare.load(held.file)).equals(held.bytes));
    assert.equal((await listed(bare, 'data')).length, 1);
  });

  const listings: Readonly<Record<string, Fault>> = {
    ...transient,
    'breaks off': { kind: 'cut-reply', afterBytes: 40 },
    'is cut, with a length to match': rewrite(({ body }) => shortened(body.subarray(0, -2))),
    'is cut in its first bytes': rewrite(() => shortened(Buffer.from('['))),
    'is nothing': rewrite(() => shortened(Buffer.alloc(0))),
    'is a page for people': rewrite(() => ({
      ...shortened(Buffer.from('<p>')),
      headers: { 'content-type': 'text/html' },
    })),
    'is something else': rewrite(() => shortened(Buffer.from('{"files":[]}'))),
    'goes on after its end': rewrite(({ body }) => shortened(Buffer.concat([body, body]))),
    'has an entry without a size': rewrite(() => shortened(Buffer.from(`[{"name":"${'a'.repeat(64)}"}]`))),
    'gives one file two sizes': rewrite(({ body }) => {
      const again = body.toString().replace('300000', '5');
      return shortened(Buffer.from(`[${body.toString().slice(1, -1)},${again.slice(1)}`));
    }),
  };
  function shortened(body: Buffer): ProxiedReply {
    return { status: 200, headers: { 'content-type': 'application/vnd.x.restic.rest.v2' }, body };
  }
  for (const [name, fault] of Object.entries(listings)) {
    test(`a list that ${name} is neither empty nor part of the truth`, async () => {
      const expected = [{ name: held.file.name, sizeBytes: held.bytes.byteLength }];
      proxy.decide(once(fault, isList));
      const seen = await listed(through(fault).bare, 'data').catch((error: unknown) =>
        assert.ok(isCoffreError(error, 'BACKEND_IO')),
      );
      if (seen !== undefined) assert.deepEqual(seen, expected);
      assert.ok(seen === undefined || name === 'a reset' || name === 'an answer that is lost');
      proxy.decide(once(fault, isList));
      assert.deepEqual(await listed(through(fault).patient, 'data'), expected);
    });
  }

  test('a list of version 1 is completed by asking for each size; what is gone by then is left out', async () => {
    const more = Array.from({ length: 20 }, (_, i) => pack(i));
    for (const { file, bytes } of more) await straight.save(file, [bytes]);
    proxy.decide((request) => {
      if (!isList(request)) return undefined;
      request.headers.accept = 'application/vnd.x.restic.rest.v1';
      return rewrite(({ headers, body }) => {
        return {
          headers: withoutLength(headers),
          body: Buffer.from(`["${'0'.repeat(64)}",${body.toString().slice(1)}`),
        };
      });
    });
    assert.deepEqual(await listed(bare, 'data'), await listed(straight, 'data'));
    for (const { file } of more) await straight.remove(file);
  });

  test('no folder is empty only where there is no repository yet', async () => {
    proxy.decide((request) => (isList(request) ? answer(404) : undefined));
    const error = await failureOf(listed(bare, 'data'));
    assert.ok(isCoffreError(error, 'BACKEND_IO') && !error.retryable && error.hint !== undefined);
    proxy.decide((request) => (request.method === 'POST' ? undefined : answer(404)));
    assert.deepEqual(await listed(bare, 'data'), []);
  });

  test('a list of rclone that says 404 has failed, with and without a repository', async () => {
    proxy.decide((request) => (isList(request) ? answer(404, { server: 'rclone/v1.60.1' }) : undefined));
    await rejectsWith('BACKEND_IO', listed(bare, 'data'));
    proxy.decide(() => undefined);
    await bare.stat({ kind: 'config' });
  });

  test('a stale list does not bring back what is gone', async () => {
    const gone = pack(10);
    await straight.save(gone.file, [gone.bytes]);
    const seen = await listed(straight, 'data');
    await straight.remove(gone.file);
    const stale = seen.map(({ name, sizeBytes }) => ({ name, size: sizeBytes }));
    proxy.decide(
      once(
        rewrite(() => shortened(Buffer.from(JSON.stringify(stale)))),
        isList,
      ),
    );
    assert.deepEqual(await listed(bare, 'data'), seen);
    await rejectsWith('BACKEND_NOT_FOUND', bare.load(gone.file));
  });

  for (const status of [400, 408, 425]) {
    test(`${status} to an upload is tried again`, async () => {
      const { file, bytes } = pack(100);
      proxy.decide(once(answer(status), is('POST')));
      await patient.save(file, [bytes]);
      assert.deepEqual(await straight.load(file), bytes);
      await straight.remove(file);
    });
  }

  test('a server that names a pause is given it', async () => {
    proxy.decide(once(answer(503, { 'retry-after': '45' })));
    await patient.load(held.file);
    assert.deepEqual(
      events.map(({ delayMs }) => delayMs),
      [45_000],
    );
  });

  const final: readonly (readonly [number, string])[] = [
    [301, 'BACKEND_IO'],
    [401, 'BACKEND_DENIED'],
    [403, 'BACKEND_DENIED'],
    [405, 'BACKEND_IO'],
    [413, 'BACKEND_IO'],
    [501, 'BACKEND_IO'],
    [507, 'BACKEND_FULL'],
  ];
  for (const [status, code] of final) {
    test(`${status} is asked once, and is ${code} with a hint`, async () => {
      proxy.decide((request) => (request.method === 'POST' ? answer(status) : undefined));
      const { file, bytes } = pack(100);
      const error = await failureOf(patient.save(file, [bytes]));
      assert.ok(isCoffreError(error) && error.code === code && error.hint !== undefined, String(error));
      assert.equal(events.length, 0);
    });
  }

  test('a login that is refused after a while ends the work', async () => {
    let asked = 0;
    proxy.decide(() => ((asked += 1) > 3 ? answer(401) : undefined));
    for (let round = 0; round < 3; round += 1) await patient.load(held.file);
    await rejectsWith('BACKEND_DENIED', patient.load(held.file));
  });

  test('a removal survives a lost answer', async () => {
    const { file, bytes } = pack(100);
    await straight.save(file, [bytes]);
    proxy.decide(once({ kind: 'lose-answer' }, is('DELETE')));
    await patient.remove(file);
    await rejectsWith('BACKEND_NOT_FOUND', straight.stat(file));
  });

  test('a refusal that comes before a large upload is over is heard', async () => {
    const { file, bytes } = pack(20_000_000);
    proxy.decide(once({ ...answer(507), early: true } as Fault, is('POST')));
    await rejectsWith('BACKEND_FULL', patient.save(file, [bytes]));
  });
});
