/**
 * An HTTP reverse proxy on 127.0.0.1 between a client under test and a real server. What happens to each request is
 * decided by a function that is handed in, so that a test can break exactly the third upload, or every second list.
 * The `Host` header is passed on unchanged: signed requests stay valid.
 */
import { createServer, request as httpRequest } from 'node:http';
import type { IncomingHttpHeaders, IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';

export type ProxiedRequest = {
  /** 0 for the first one. */
  readonly index: number;
  readonly method: string;
  /** Path and query. */
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
};

export type ProxiedReply = { readonly status: number; readonly headers: OutgoingHttpHeaders; readonly body: Buffer };

/**
 * - `answer`: the proxy answers by itself; the server sees nothing. The upload is read first, unless `early`.
 * - `reset`: the connection is reset before anything is read. `cut-upload`: after so many bytes of the body;
 *   the server sees an upload that breaks off. `lose-answer`: the server does all of it, and the reply is lost.
 * - `cut-reply`: the reply breaks off after so many bytes of its body.
 * - `hang`: no answer ever. `hang-in-reply`: none after so many bytes of the body. Both end when the proxy is closed.
 * - `slow`: the reply comes in pieces of so many bytes, one in each turn of the event loop.
 * - `rewrite`: the whole reply is handed to a function. Headers that it sets are sent as they are, also a
 *   Content-Length that is wrong; the connection ends after the body.
 * - `twice`: the server gets the request two times; the client sees the second reply.
 */
export type Fault =
  | {
      readonly kind: 'answer';
      readonly status: number;
      readonly headers?: OutgoingHttpHeaders;
      readonly body?: string;
      readonly early?: boolean;
    }
  | { readonly kind: 'reset' | 'lose-answer' | 'hang' | 'twice' }
  | { readonly kind: 'cut-upload'; readonly afterBytes: number }
  | PartialReply
  | { readonly kind: 'rewrite'; readonly change: (reply: ProxiedReply) => ProxiedReply };

type PartialReply =
  | { readonly kind: 'cut-reply' | 'hang-in-reply'; readonly afterBytes: number }
  | { readonly kind: 'slow'; readonly pieceBytes: number };

/** Undefined passes the request and its reply on. */
export type FaultDecision = (request: ProxiedRequest) => Fault | undefined;

export type FaultProxy = AsyncDisposable & {
  readonly port: number;
  /** Every request so far. */
  readonly requests: readonly ProxiedRequest[];
  /** From now on, requests are decided by this. */
  decide(decision: FaultDecision): void;
};

export type FaultTarget = { readonly port: number } | { readonly socketPath: string };

export async function startFaultProxy(
  target: FaultTarget,
  decision: FaultDecision = () => undefined,
): Promise<FaultProxy> {
  const requests: ProxiedRequest[] = [];
  let decide = decision;
  const server = createServer({ keepAliveTimeout: 60_000 }, (incoming, outgoing) => {
    const { method = 'GET', url = '/', headers } = incoming;
    const request = { index: requests.length, method, url, headers };
    requests.push(request);
    const { socket } = incoming;
    meet(decide(request), { incoming, outgoing, target }).catch(() => socket.destroy());
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    requests,
    decide: (next) => void (decide = next),
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}

type Exchange = { readonly incoming: IncomingMessage; readonly outgoing: ServerResponse; readonly target: FaultTarget };

async function meet(fault: Fault | undefined, exchange: Exchange): Promise<void> {
  const { incoming, outgoing } = exchange;
  if (fault === undefined) return passOn(exchange);
  switch (fault.kind) {
    case 'answer':
      if (fault.early !== true) await buffer(incoming);
      outgoing.writeHead(fault.status, fault.headers ?? {}).end(fault.body ?? '');
      return;
    case 'reset':
      incoming.socket.resetAndDestroy();
      return;
    case 'cut-upload':
      return cutUpload(exchange, fault.afterBytes);
    case 'hang':
      incoming.resume();
      return;
    case 'lose-answer':
      await forward(exchange, await buffer(incoming));
      incoming.socket.resetAndDestroy();
      return;
    case 'twice': {
      const body = await buffer(incoming);
      await forward(exchange, body);
      return reply(exchange, await forward(exchange, body));
    }
    case 'rewrite':
      return reply(exchange, fault.change(await forward(exchange, await buffer(incoming))), true);
    case 'cut-reply':
    case 'hang-in-reply':
    case 'slow':
      return replyInPart(exchange, fault, await forward(exchange, await buffer(incoming)));
    default:
      return fault satisfies never;
  }
}

function toServer({ incoming, target }: Exchange): ReturnType<typeof httpRequest> {
  const { method, url, headers } = incoming;
  const place = 'port' in target ? { host: '127.0.0.1', port: target.port } : { socketPath: target.socketPath };
  const onward = httpRequest({ ...place, method, path: url, headers, agent: false });
  // One connection for one request, although the client's `Connection` header is passed on.
  onward.on('response', (answer) => answer.on('end', () => onward.destroy()));
  return onward;
}

/** Without looking at the bytes, in both directions at once: a server may answer before it has read everything. */
function passOn(exchange: Exchange): Promise<void> {
  const { incoming, outgoing } = exchange;
  const onward = toServer(exchange);
  return new Promise((resolve, reject) => {
    incoming.on('error', () => onward.destroy());
    outgoing.on('close', () => onward.destroy());
    onward.on('error', reject);
    onward.on('response', (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.rawHeaders);
      answer.on('error', reject).pipe(outgoing).on('finish', resolve);
    });
    incoming.pipe(onward);
  });
}

function forward(exchange: Exchange, body: Buffer): Promise<ProxiedReply> {
  const onward = toServer(exchange);
  return new Promise((resolve, reject) => {
    onward.on('error', reject);
    onward.on('response', (answer) => {
      buffer(answer).then((bytes) => {
        resolve({ status: answer.statusCode ?? 502, headers: answer.headers, body: bytes });
      }, reject);
    });
    onward.end(body);
  });
}

function reply({ outgoing }: Exchange, { status, headers, body }: ProxiedReply, endsConnection = false): void {
  // When it has finished it has no socket any more.
  const { socket } = outgoing;
  outgoing.writeHead(status, headers);
  if (endsConnection) outgoing.on('finish', () => socket?.destroySoon());
  outgoing.end(body);
}

async function cutUpload(exchange: Exchange, afterBytes: number): Promise<void> {
  const { socket } = exchange.incoming;
  const onward = toServer(exchange);
  onward.on('error', () => undefined);
  let left = afterBytes;
  for await (const chunk of exchange.incoming as AsyncIterable<Buffer>) {
    const part = chunk.subarray(0, left);
    left -= part.byteLength;
    await new Promise((resolve) => onward.write(part, resolve));
    if (left === 0) break;
  }
  onward.destroy();
  socket.resetAndDestroy();
}

async function replyInPart(
  { incoming, outgoing }: Exchange,
  fault: PartialReply,
  { status, headers, body }: ProxiedReply,
): Promise<void> {
  outgoing.writeHead(status, headers);
  const end = fault.kind === 'slow' ? body.byteLength : fault.afterBytes;
  const pieceBytes = fault.kind === 'slow' ? fault.pieceBytes : Math.max(1, end);
  outgoing.flushHeaders();
  for (let at = 0; at < end; at += pieceBytes) {
    const piece = body.subarray(at, Math.min(end, at + pieceBytes));
    await new Promise((resolve) => outgoing.write(piece, resolve));
    await new Promise((resolve) => setImmediate(resolve));
  }
  if (fault.kind === 'slow') outgoing.end();
  // Not a reset: that would also take away what was sent before it.
  if (fault.kind === 'cut-reply') incoming.socket.destroySoon();
}
