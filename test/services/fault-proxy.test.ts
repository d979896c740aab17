import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { after, before, describe, test } from 'node:test';
import { startFaultProxy } from './fault-proxy.ts';
import type { Fault, ProxiedReply } from './fault-proxy.ts';

const long = 'x'.repeat(100_000);

describe('the proxy that breaks requests on demand', () => {
  const seen: string[] = [];
  const server = createServer((request, response) => {
    buffer(request).then(
      (body) => {
        seen.push(`${request.method} ${request.url} ${body.byteLength}`);
        response.end(long);
      },
      () => seen.push('broken upload'),
    );
  });
  before(() => new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve)));
  after(() => new Promise((resolve) => server.close(resolve)));

  async function through(fault: Fault | undefined, init: RequestInit = {}): Promise<Response> {
    seen.length = 0;
    await using proxy = await startFaultProxy({ port: (server.address() as AddressInfo).port }, () => fault);
    const response = await fetch(`http://127.0.0.1:${proxy.port}/a?b`, { ...init, signal: AbortSignal.timeout(5000) });
    const bytes = await response.arrayBuffer();
    assert.deepEqual(
      proxy.requests.map(({ index, url }) => [index, url]),
      [[0, '/a?b']],
    );
    return new Response(bytes, response);
  }

  test('passes on what it is not told to break', async () => {
    assert.equal(await (await through(undefined, { method: 'POST', body: 'hello' })).text(), long);
    assert.deepEqual(seen, ['POST /a?b 5']);
  });

  test('answers by itself', async () => {
    const response = await through({ kind: 'answer', status: 503, headers: { 'retry-after': '7' } });
    assert.equal(response.status, 503);
    assert.equal(response.headers.get('retry-after'), '7');
    assert.deepEqual(seen, []);
  });

  test('sends a request twice', async () => {
    await through({ kind: 'twice' }, { method: 'POST', body: 'hello' });
    assert.deepEqual(seen, ['POST /a?b 5', 'POST /a?b 5']);
  });

  test('gives a reply in many small pieces', async () => {
    assert.equal(await (await through({ kind: 'slow', pieceBytes: 10_001 })).text(), long);
  });

  test('changes a reply', async () => {
    const change = (): ProxiedReply => ({ status: 200, headers: {}, body: Buffer.from('other') });
    assert.equal(await (await through({ kind: 'rewrite', change })).text(), 'other');
  });

  const breaks: readonly Fault[] = [
    { kind: 'reset' },
    { kind: 'lose-answer' },
    { kind: 'cut-reply', afterBytes: 500 },
    { kind: 'cut-upload', afterBytes: 3 },
  ];
  for (const fault of breaks) {
    test(`${fault.kind} breaks the request, and the server saw what it should`, async () => {
      await assert.rejects(through(fault, { method: 'POST', body: 'hello' }), TypeError);
      const whole = fault.kind === 'lose-answer' || fault.kind === 'cut-reply';
      if (whole) assert.deepEqual(seen, ['POST /a?b 5']);
      else assert.ok(!seen.includes('POST /a?b 5'));
    });
  }

  test('hanging ends with the proxy', async () => {
    await using proxy = await startFaultProxy({ port: (server.address() as AddressInfo).port }, () => ({
      kind: 'hang',
    }));
    const waiting = fetch(`http://127.0.0.1:${proxy.port}/`).then(
      () => 'answered',
      () => 'broken',
    );
    await new Promise((resolve) => setTimeout(resolve, 20));
    await proxy[Symbol.asyncDispose]();
    assert.equal(await waiting, 'broken');
  });
});
