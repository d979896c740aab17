/** The socket around the handler: limits on what a client may hold, TLS, and an end that lets uploads finish. */
import { createServer } from 'node:http';
import type { Server, ServerOptions } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { Server as SecureServer } from 'node:https';
import { connect } from 'node:net';
import { unlink } from 'node:fs/promises';
import { CoffreError, messageOf, systemCode } from '@coffre/repository';
import type { Clock } from '@coffre/repository';
import type { RequestHandler } from './handler.ts';
import { originOf } from './listen-address.ts';
import type { ListenAddress } from './listen-address.ts';
import type { TlsFiles } from './tls-files.ts';

/** restic opens 5, Coffre as many; enough for dozens of clients at once. */
const connectionsMax = 512;
const headersTimeoutMs = 20_000;
/** Nothing came in and nothing went out. */
const idleTimeoutMs = 90_000;
const keepAliveMs = 60_000;
const stopGraceMs = 10_000;
const secureOptions = { minVersion: 'TLSv1.2', handshakeTimeout: headersTimeoutMs } as const;

export type RunningServer = {
  readonly origin: string;
  /** 0 on a unix socket. */
  readonly port: number;
  /** Running requests get ten seconds. */
  stop(): Promise<void>;
};

export type ServerParts = {
  readonly address: ListenAddress;
  readonly handler: RequestHandler;
  readonly tls: TlsFiles | undefined;
  readonly clock: Clock;
  readonly warn: (line: string) => void;
};

/** @throws {CoffreError} SERVER_ADDRESS */
export async function startServer({ address, handler, tls, clock, warn }: ServerParts): Promise<RunningServer> {
  const options: ServerOptions = {
    headersTimeout: headersTimeoutMs,
    // A pack over a slow line takes as long as it takes; silence and a trickle are what is cut off.
    requestTimeout: 0,
    keepAliveTimeout: keepAliveMs,
    maxHeaderSize: 16 * 1024,
    highWaterMark: 256 * 1024,
  };
  let stopping = false;
  const running = new Set<Promise<void>>();
  const listener = (...[request, response]: Parameters<RequestHandler>): void => {
    // A connection that is kept for a next request would hold up the end.
    response.once('close', () => stopping && server.closeIdleConnections());
    const work = handler(request, response).finally(() => running.delete(work));
    running.add(work);
  };
  const server: Server | SecureServer =
    tls === undefined
      ? createServer(options, listener)
      : createSecureServer({ ...options, ...tls.context(), ...secureOptions }, listener);
  server.maxConnections = connectionsMax;
  server.setTimeout(idleTimeoutMs);
  if (tls !== undefined)
    tls.onChange(() => (server as SecureServer).setSecureContext({ ...tls.context(), ...secureOptions }));
  await listenAt(server, address);
  server.on('error', (error) => warn(`the server: ${error.message}`));
  const place = server.address();
  const port = place !== null && typeof place === 'object' ? place.port : 0;
  return {
    port,
    origin: originOf(address, port, tls !== undefined),
    async stop() {
      stopping = true;
      await stopServer(server, clock);
      // Uploads that were cut off take away what they had begun.
      await Promise.all(running);
    },
  };
}

async function listenAt(server: Server | SecureServer, address: ListenAddress): Promise<void> {
  try {
    await listenOnce(server, address);
  } catch (error) {
    if (address.kind !== 'unix' || systemCode(error) !== 'EADDRINUSE') throw refusedAddress(address, error);
    // A server that was killed leaves its socket; one that lives answers.
    if (await accepts(address.path)) throw refusedAddress(address, error);
    await unlink(address.path);
    await listenOnce(server, address).catch((again: unknown) => Promise.reject(refusedAddress(address, again)));
  }
}

function listenOnce(server: Server | SecureServer, address: ListenAddress): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(address.kind === 'unix' ? { path: address.path } : { host: address.host, port: address.port }, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

function accepts(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ path });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

function refusedAddress(address: ListenAddress, cause: unknown): CoffreError {
  const where = address.kind === 'unix' ? address.path : `${address.host ?? ''}:${address.port}`;
  return new CoffreError('SERVER_ADDRESS', `cannot listen at ${where}: ${messageOf(cause)}`, {
    cause,
    hint: 'Another program may listen there; stop it, or choose another --listen.',
  });
}

async function stopServer(server: Server | SecureServer, clock: Clock): Promise<void> {
  const late = new AbortController();
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  // Connections on which nothing runs would keep it open until they time out.
  server.closeIdleConnections();
  const graceOver = clock.sleep(stopGraceMs, late.signal).then(
    () => server.closeAllConnections(),
    () => undefined,
  );
  await closed;
  late.abort();
  await graceOver;
}
