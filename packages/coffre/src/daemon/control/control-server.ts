/**
 * The socket of the daemon: HTTP with JSON, for whoever may open it, which is its owner. What follows a run is one JSON
 * message a line, until the run has ended.
 */
import { rmSync } from 'node:fs';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { once } from 'node:events';
import { CoffreError, isCoffreError, messageOf } from '@coffre/repository';
import { answer } from './control-routes.ts';
import type { Controlled } from './control-routes.ts';
import { socketPath } from './socket-path.ts';

// An `import` reads every name of the module, and one of them loads all of fetch: a tenth of a second of each start.
const { createServer } = process.getBuiltinModule('node:http');

const bodyBytesMax = 64 * 1024;

/** Listens until it is disposed of. The lock of the folder must be held: a socket that is there already is a dead one's. */
export async function serveControl(folder: string, controlled: Controlled): Promise<AsyncDisposable> {
  using place = socketPath(folder);
  rmSync(place.file, { force: true });
  const server = createServer((request, response) => void respond(controlled, request, response));
  // Made for its owner only: between making it and changing its mode somebody could open it.
  const before = process.umask(0o177);
  try {
    server.listen(place.path);
  } finally {
    process.umask(before);
  }
  await once(server, 'listening');
  return { [Symbol.asyncDispose]: async () => await close(server, place.file) };
}

async function close(server: Server, file: string): Promise<void> {
  // Who follows a run has got its end by now.
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  rmSync(file, { force: true });
}

async function respond(controlled: Controlled, request: IncomingMessage, response: ServerResponse): Promise<void> {
  response.on('error', () => undefined);
  try {
    const url = new URL(request.url ?? '/', 'http://coffre');
    const body = request.method === 'POST' ? await readBody(request) : {};
    const words = { method: request.method ?? '', path: url.pathname, query: url.searchParams, body };
    const answered = await answer(controlled, words);
    if ('value' in answered) return send(response, 200, answered.value);
    response.writeHead(200, { 'content-type': 'application/x-ndjson' });
    for await (const line of answered.messages) {
      if (response.destroyed) return;
      if (!response.write(`${JSON.stringify(line)}\n`)) await once(response, 'drain');
    }
    response.end();
  } catch (error) {
    if (response.headersSent) response.destroy();
    else send(response, statusOf(error), failureOf(error));
  }
}

function send(response: ServerResponse, status: number, value: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(`${JSON.stringify(value)}\n`);
}

async function readBody(request: IncomingMessage): Promise<unknown> {
  const parts: Buffer[] = [];
  let usedBytes = 0;
  // What is too much is read and dropped: cut off in the middle, nobody would hear why.
  for await (const part of request as AsyncIterable<Buffer>) {
    usedBytes += part.byteLength;
    if (usedBytes <= bodyBytesMax) parts.push(part);
  }
  if (usedBytes > bodyBytesMax) throw new CoffreError('USAGE', 'more was sent than any request needs');
  try {
    return usedBytes === 0 ? {} : JSON.parse(Buffer.concat(parts).toString('utf8'));
  } catch (cause) {
    throw new CoffreError('USAGE', 'what was sent is not JSON', { cause });
  }
}

function statusOf(error: unknown): number {
  if (!isCoffreError(error)) return 500;
  if (error.code === 'PLAN_UNKNOWN' || error.code === 'PLAN_NOT_RUNNING') return 404;
  return error.code === 'USAGE' ? 400 : 409;
}

function failureOf(error: unknown): unknown {
  if (!isCoffreError(error)) return { code: 'DAEMON_REFUSED', message: messageOf(error) };
  return { code: error.code, message: error.message, ...(error.hint !== undefined && { hint: error.hint }) };
}
