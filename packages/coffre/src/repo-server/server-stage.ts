/** For tests: the handler on a free port over a temporary folder, raw requests to any server, and files of every kind. */
import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { createServer, request as httpRequest } from 'node:http';
import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nodeLocalFiles, systemClock, systemRandom } from '@coffre/repository';
import type { FileKind, LocalFiles } from '@coffre/repository';
import { judgeUpload } from './file-shape.ts';
import { createRequestHandler } from './handler.ts';
import type { HandlerOptions } from './handler.ts';
import { Quota } from './quota.ts';
import { RepositoryFiles } from './repository-files.ts';
import type { Served } from './served.ts';

export type Reply = { readonly status: number; readonly headers: IncomingHttpHeaders; readonly body: Buffer };

export type Asked = {
  readonly method: string;
  /** Sent as it is. */
  readonly path: string;
  readonly headers?: OutgoingHttpHeaders;
  readonly body?: Uint8Array;
  /** The length is not told before the body. */
  readonly chunked?: boolean;
};

/** Status 0 when the server closes the connection without an answer. */
export function ask(port: number, { method, path, headers = {}, body, chunked }: Asked): Promise<Reply> {
  return new Promise((resolve) => {
    const length = body === undefined || chunked === true ? {} : { 'Content-Length': body.byteLength };
    const sent = httpRequest({ host: '127.0.0.1', port, method, path, headers: { ...length, ...headers } }, (reply) => {
      const pieces: Buffer[] = [];
      const { statusCode: status = 0, headers: found } = reply;
      reply.on('data', (piece: Buffer) => pieces.push(piece));
      reply.on('close', () => resolve({ status, headers: found, body: Buffer.concat(pieces) }));
    });
    sent.on('error', () => resolve({ status: 0, headers: {}, body: Buffer.alloc(0) }));
    sent.end(body);
  });
}

export type ServerStage = {
  readonly folder: string;
  readonly port: number;
  readonly served: Served[];
  ask(method: string, path: string, body?: Uint8Array, headers?: OutgoingHttpHeaders): Promise<Reply>;
  [Symbol.asyncDispose](): Promise<void>;
};

export type StageOptions = Partial<HandlerOptions> & { readonly files?: LocalFiles };

export async function startStage({ files = nodeLocalFiles, ...options }: StageOptions = {}): Promise<ServerStage> {
  const folder = await mkdtemp(join(tmpdir(), 'coffre-serve-'));
  const served: Served[] = [];
  const handler = createRequestHandler({
    storage: new RepositoryFiles(files, folder),
    quota: new Quota(),
    judge: judgeUpload,
    clock: systemClock(),
    random: systemRandom(),
    run: '00000000',
    appendOnly: false,
    privateRepos: false,
    login: undefined,
    metrics: undefined,
    report: (one) => served.push(one),
    ...options,
  });
  const running = new Set<Promise<void>>();
  const server = createServer((request, response) => {
    const work = handler(request, response).finally(() => running.delete(work));
    running.add(work);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const place = server.address();
  const port = place !== null && typeof place === 'object' ? place.port : 0;
  return {
    folder,
    port,
    served,
    ask: (method, path, body, headers = {}) =>
      ask(port, { method, path, headers, ...(body === undefined ? {} : { body }) }),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await Promise.all(running);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Every file below a folder, sorted. */
export async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort();
}

export function nameOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** What no key opens, but what can be a file of its kind. */
export function sampleFile(kind: FileKind | 'config', sizeBytes = 200): Buffer {
  if (kind === 'keys') return sampleKey();
  const bytes = randomBytes(sizeBytes);
  if (kind === 'data') bytes.writeUInt32LE(37 + 32, sizeBytes - 4);
  return bytes;
}

export function sampleKey(changes: object = {}): Buffer {
  const key = {
    created: '2026-01-02T03:04:05Z',
    username: 'me',
    hostname: 'here',
    kdf: 'scrypt',
    N: 32768,
    r: 8,
    p: 5,
    salt: randomBytes(64).toString('base64'),
    data: randomBytes(168).toString('base64'),
    ...changes,
  };
  return Buffer.from(JSON.stringify(key));
}
