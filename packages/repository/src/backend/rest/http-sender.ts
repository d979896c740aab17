import type { Agent, ClientRequest, IncomingMessage, RequestOptions } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { sizeOf } from '../counting.ts';
import type { Gate } from '../limits/throttle.ts';
import { systemCode } from '../local-errors.ts';
import { connectionError, stuckError } from './connection-error.ts';
import type { Login, RestLocation } from './rest-location.ts';
import { writeBody } from './sender.ts';
import type { HttpReply, HttpRequest, Sender } from './sender.ts';
import { createTlsContext } from './tls-context.ts';
import type { StorageOptions } from '../storage-options.ts';

// An `import` reads every name of the module, and one of them loads all of fetch: a tenth of a second of each start.
const { Agent: HttpAgent, request: httpRequest } = process.getBuiltinModule('node:http');

export type HttpSenderOptions = Pick<StorageOptions, 'tls' | 'environment' | 'throttle'> & {
  /** Of the server, for people. */
  readonly shown: string;
  readonly connectionsMax: number;
  readonly userAgent: string;
  readonly stuckMs: number;
  readonly login?: Login | undefined;
};

/** A server that is being restarted is waited for; an address with a typing error is not, for long. */
const firstContactTriesMax = 5;

/** HTTP/1.1 over TCP, TLS or a unix socket. Connections are kept and used again. */
export function createHttpSender(location: RestLocation, options: HttpSenderOptions): Sender {
  const { shown, stuckMs } = options;
  const agent = createAgent(location, options);
  const makeRequest = location.secure ? httpsRequest : httpRequest;
  const fixed: RequestOptions = { ...serverOf(location), agent, timeout: stuckMs };
  const headers = fixedHeaders(options);
  let hasAnswered = false;
  let failures = 0;

  function failure(error: unknown, signal: AbortSignal | undefined): unknown {
    failures += 1;
    const seemsWrong = !hasAnswered && failures >= firstContactTriesMax;
    return connectionError(error, { location: shown, seemsWrong, signal });
  }

  async function send(request: HttpRequest): Promise<HttpReply> {
    const { method, path, parts, signal } = request;
    signal?.throwIfAborted();
    const length = parts === undefined ? {} : { 'content-length': String(sizeOf(parts)) };
    const outgoing = makeRequest({
      ...fixed,
      method,
      path,
      headers: { ...headers, ...request.headers, ...length },
      ...(signal === undefined ? {} : { signal }),
    });
    outgoing.on('timeout', () => outgoing.destroy(stuckError(shown, stuckMs)));
    try {
      const reply = await exchange(outgoing, request, options.throttle?.up);
      hasAnswered = true;
      return replyOf(outgoing, reply);
    } catch (error) {
      // The server had closed the kept connection in the meantime. Kept ones run out, so this ends.
      const isRepeatable = method === 'GET' || method === 'HEAD';
      if (isRepeatable && outgoing.reusedSocket && isReset(error)) return send(request);
      throw failure(error, signal);
    }
  }

  return {
    send,
    brokenOff: failure,
    async close() {
      agent.destroy();
    },
  };
}

function createAgent(location: RestLocation, options: HttpSenderOptions): Agent {
  const { connectionsMax, environment = {}, tls = {} } = options;
  const isTcp = 'host' in location.server;
  const common = {
    keepAlive: true,
    // One more for the locks, which must not wait behind packs.
    maxSockets: connectionsMax + 1,
    // HTTPS_PROXY and NO_PROXY, as restic honours them.
    ...(isTcp && !isLoopback(location.server.host) ? { proxyEnv: proxyVariables(environment) } : {}),
  };
  if (!location.secure) return new HttpAgent(common);
  return new HttpsAgent({ ...common, secureContext: createTlsContext(tls), rejectUnauthorized: tls.insecure !== true });
}

function proxyVariables(environment: NonNullable<StorageOptions['environment']>): NodeJS.ProcessEnv {
  const names = ['HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY', 'http_proxy', 'https_proxy', 'no_proxy'];
  return Object.fromEntries(names.map((name) => [name, environment[name]]));
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host.startsWith('127.');
}

function serverOf({ server }: RestLocation): RequestOptions {
  return 'host' in server
    ? { host: server.host, port: server.port }
    : { socketPath: server.socketPath, host: 'localhost' };
}

function fixedHeaders({ userAgent, login }: HttpSenderOptions): Record<string, string> {
  const common = { 'user-agent': userAgent, 'accept-encoding': 'identity' };
  if (login === undefined) return common;
  const { username, password } = login;
  return { ...common, authorization: `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}` };
}

/** Resolves at the head of the reply, which may come before the upload is over: a refusal. */
async function exchange(
  outgoing: ClientRequest,
  { parts = [], signal }: HttpRequest,
  up: Gate | undefined,
): Promise<IncomingMessage> {
  let isAnswered = false;
  const answered = new Promise<IncomingMessage>((resolve, reject) => {
    outgoing.on('response', (reply) => {
      isAnswered = true;
      resolve(reply);
    });
    outgoing.on('error', reject);
  });
  const sent = writeBody(outgoing, parts, { up, signal, isAnswered: () => isAnswered });
  const [reply] = await Promise.all([answered, Promise.race([sent, answered])]);
  return reply;
}

function replyOf(outgoing: ClientRequest, reply: IncomingMessage): HttpReply {
  // A refusal that came early: the rest of the upload is never sent, so the connection cannot be used again.
  if (!outgoing.writableEnded) reply.on('close', () => outgoing.destroy());
  return {
    status: reply.statusCode ?? 0,
    header(name) {
      const value = reply.headers[name];
      return Array.isArray(value) ? value.join(', ') : value;
    },
    body: reply,
  };
}

function isReset(error: unknown): boolean {
  const code = systemCode(error);
  return code === 'ECONNRESET' || code === 'EPIPE';
}
