/**
 * `POST /hooks/PLAN` starts a plan that has `webhook: true`: after `git push`, before a deployment. Whoever has no right
 * learns nothing, not even which plans there are. `?wait=true` answers when the run has ended.
 */
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo, ListenOptions } from 'node:net';
import { CoffreError, messageOf } from '@coffre/repository';
import type { DaemonClock } from '../daemon-clock.ts';
import type { DaemonLog } from '../daemon-log.ts';
import type { DueLoop } from '../loop.ts';
import { followNext } from '../control/follow.ts';
import { RateLimit } from './rate-limit.ts';
import { mayCall } from './webhook-token.ts';

// An `import` reads every name of the module, and one of them loads all of fetch: a tenth of a second of each start.
const { createServer } = process.getBuiltinModule('node:http');

export type WebhookParts = {
  readonly loop: DueLoop;
  readonly key: Buffer;
  readonly clock: DaemonClock;
  readonly log: DaemonLog;
};

export type WebhookServer = AsyncDisposable & { readonly port: number };

/** Some services send all that was pushed along. */
const bodyBytesMax = 4 << 20;
const refusalsPerMinute = 10;
const callsPerMinute = 60;
const requestTimeoutMs = 10_000;

/** @throws {CoffreError} SERVER_ADDRESS */
export async function serveWebhooks(address: ListenOptions, parts: WebhookParts): Promise<WebhookServer> {
  const door = new Door(parts);
  const server = createServer((request, response) => void door.answer(request, response));
  server.requestTimeout = requestTimeoutMs;
  server.headersTimeout = requestTimeoutMs;
  server.maxConnections = 100;
  server.listen(address);
  try {
    await once(server, 'listening');
  } catch (cause) {
    const where = `${address.host ?? ''}:${address.port ?? address.path ?? ''}`;
    throw new CoffreError('SERVER_ADDRESS', `cannot listen at ${where} for webhooks: ${messageOf(cause)}`, {
      hint: 'Give another address in `server.listen`, or stop what uses it.',
      cause,
    });
  }
  return {
    port: (server.address() as AddressInfo).port,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

class Door {
  readonly #parts: WebhookParts;
  readonly #refusals = new RateLimit(refusalsPerMinute);
  readonly #calls = new RateLimit(callsPerMinute);

  constructor(parts: WebhookParts) {
    this.#parts = parts;
  }

  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.on('error', () => undefined);
    try {
      await this.#answer(request, response);
    } catch (error) {
      this.#parts.log.error('webhook.fault', { error });
      if (!response.headersSent) send(response, 500, {});
    }
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { loop, key, clock, log } = this.#parts;
    const from = request.socket.remoteAddress ?? '';
    const nowMs = clock.now().monotonicMs;
    const url = URL.parse(request.url ?? '', 'http://coffre');
    const plan = planOf(url?.pathname);
    if (request.method !== 'POST' || plan === undefined) return send(response, 404, {});
    const body = await bodyOf(request);
    if (body === undefined) return send(response, 413, {});
    const hasHook = loop.works.get(plan)?.entry.spec.triggers.some(({ kind }) => kind === 'webhook') === true;
    if (!mayCall(key, plan, request.headers, body) || !hasHook) {
      const isOften = !this.#refusals.take(from, nowMs);
      log.warn('webhook.refused', { from });
      return send(response, isOften ? 429 : 401, {});
    }
    if (!this.#calls.take(plan, nowMs)) return send(response, 429, {});
    const messages = url?.searchParams.get('wait') === 'true' ? followNext(loop, plan) : undefined;
    log.info('webhook.called', { plan, from });
    loop.ask(plan, 'webhook');
    if (messages === undefined) return send(response, 202, { plan, accepted: true });
    for await (const message of messages) {
      if (message.type !== 'ended') continue;
      const isGood = message.outcome === 'success' || message.outcome === 'warning';
      return send(response, isGood ? 200 : 500, { plan, outcome: message.outcome, reason: message.reason });
    }
    send(response, 500, { plan, outcome: 'cancelled' });
  }
}

function planOf(path: string | undefined): string | undefined {
  const name = /^\/hooks\/([^/]{1,300})$/.exec(path ?? '')?.[1];
  try {
    return name === undefined ? undefined : decodeURIComponent(name);
  } catch {
    return undefined;
  }
}

/** Undefined when it is too much; the rest is read and dropped. */
async function bodyOf(request: IncomingMessage): Promise<Buffer | undefined> {
  const parts: Buffer[] = [];
  let usedBytes = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    usedBytes += part.byteLength;
    if (usedBytes <= bodyBytesMax) parts.push(part);
  }
  return usedBytes > bodyBytesMax ? undefined : Buffer.concat(parts);
}

function send(response: ServerResponse, status: number, value: object): void {
  const headers = { 'content-type': 'application/json', ...(status === 429 && { 'retry-after': '60' }) };
  response.writeHead(status, headers);
  response.end(`${JSON.stringify(value)}\n`);
}
