/** Answers requests for repositories: who asks, what for, may it be, then the storage. It can be mounted in any server. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Clock, FileHandle } from '@coffre/repository';
import { chooseAction } from './action.ts';
import type { Action } from './action.ts';
import { answer, answerFile, answerList, answerRefusal } from './answers.ts';
import type { Login } from './login.ts';
import type { Metrics } from './metrics.ts';
import { refusalOf, refused, RefusedRequest } from './refusal.ts';
import { parseRoute } from './route.ts';
import type { Route } from './route.ts';
import type { Moved, Served } from './served.ts';
import { receiveUpload } from './upload.ts';
import type { UploadParts } from './upload.ts';

export type HandlerOptions = UploadParts & {
  readonly appendOnly: boolean;
  /** The first folder of every address is the name of the one who asks. */
  readonly privateRepos: boolean;
  /** Undefined: everybody may. */
  readonly login: Login | undefined;
  readonly metrics: { readonly figures: Metrics; readonly open: boolean } | undefined;
  /** Of every request, once it is over. */
  readonly report: (served: Served) => void;
};

/** Never rejects. */
export type RequestHandler = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

const urlCharsMax = 2048;
type Patience = { readonly bytesMax: number; readonly timeMs: number };
/** With the rest of an upload that was refused: the largest pack that restic makes. */
const patience: Patience = { bytesMax: 160 * 1024 * 1024, timeMs: 120_000 };
const strangerPatience: Patience = { bytesMax: 1024 * 1024, timeMs: 10_000 };

/** Filled in while a request is answered, for its report. */
type Progress = { user?: string; repository?: string; moved?: Moved };

export function createRequestHandler(options: HandlerOptions): RequestHandler {
  return async (request, response) => {
    const startMs = options.clock.monotonicMs();
    // A connection that is gone has no address.
    const address = addressOf(request);
    const progress: Progress = {};
    let failure: unknown;
    try {
      await respond(request, response, options, progress);
    } catch (error) {
      failure = error;
      await giveUp(request, response, error, options.clock);
    }
    options.report({
      method: request.method ?? '',
      path: pathOf(request),
      status: response.headersSent ? response.statusCode : 0,
      address,
      user: progress.user,
      repository: progress.repository,
      moved: progress.moved,
      durationMs: options.clock.monotonicMs() - startMs,
      failure,
      aborted: request.errored !== null || (response.destroyed && !response.writableFinished),
    });
  };
}

async function respond(
  request: IncomingMessage,
  response: ServerResponse,
  options: HandlerOptions,
  progress: Progress,
): Promise<void> {
  const url = request.url ?? '';
  if (url.length > urlCharsMax) throw refused(414, 'the address is too long');
  if (options.metrics?.open === true && isMetrics(request)) return answerMetrics(response, options);
  const user = await identify(request, options);
  if (user !== undefined) progress.user = user;
  if (options.metrics !== undefined && isMetrics(request)) {
    // Its figures tell of everybody's repositories.
    if (options.privateRepos && user !== 'metrics') throw unauthorized();
    return answerMetrics(response, options);
  }
  const route = parseRoute(url);
  if (route === undefined) throw refused(400, 'the address cannot be read');
  if (options.login !== undefined && options.privateRepos && route.folder[0] !== user) throw unauthorized();
  progress.repository = route.folder.join('/');
  await act(chooseAction(request.method ?? '', route, options), { request, response, route, options, progress });
}

/** Undefined where nobody has to log in. */
async function identify(request: IncomingMessage, { login }: HandlerOptions): Promise<string | undefined> {
  if (login === undefined) return undefined;
  const result = await login(request.headers.authorization, addressOf(request));
  switch (result.kind) {
    case 'user':
      return result.name;
    case 'denied':
      throw unauthorized();
    case 'busy':
      throw refused(429, 'too many wait to log in; try again later', { 'Retry-After': '10' });
    default:
      return result satisfies never;
  }
}

type Exchange = {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly route: Route;
  readonly options: HandlerOptions;
  readonly progress: Progress;
};

async function act(action: Action, exchange: Exchange): Promise<void> {
  const { request, response, route, options, progress } = exchange;
  const { storage, quota } = options;
  const { folder } = route;
  const note = (operation: Moved['operation'], file: FileHandle, sizeBytes: number): void => {
    progress.moved = { operation, kind: file.kind, sizeBytes };
  };
  switch (action.kind) {
    case 'refuse':
      throw new RefusedRequest(action.refusal);
    case 'create':
      await storage.create(folder);
      return answer(response, 200);
    case 'list':
      return answerList(response, storage.list(folder, action.of), request.headers.accept);
    case 'stat': {
      const sizeBytes = await storage.sizeOf(folder, action.file);
      if (sizeBytes === undefined) throw refused(404, 'there is no such file');
      return answer(response, 200, { 'Content-Length': String(sizeBytes), 'Accept-Ranges': 'bytes' });
    }
    case 'load':
      return note('read', action.file, await load(exchange, action.file));
    case 'save': {
      const declaredBytes = declaredSize(request);
      // Who is refused in mid-upload is told why, over the connection that still sends.
      const body: AsyncIterable<Uint8Array> = request.iterator({ destroyOnReturn: false });
      const sizeBytes = await receiveUpload({ folder, file: action.file, declaredBytes, body }, options);
      note('write', action.file, sizeBytes);
      return answer(response, 200);
    }
    case 'remove': {
      const freedBytes = await storage.remove(folder, action.file);
      // That it is gone already is what was wanted: the answer to a first try may have been lost.
      if (freedBytes !== undefined) {
        quota.release(freedBytes);
        note('delete', action.file, freedBytes);
      }
      return answer(response, 200);
    }
    default:
      return action satisfies never;
  }
}

async function load({ request, response, route, options }: Exchange, file: FileHandle): Promise<number> {
  const open = await options.storage.open(route.folder, file);
  try {
    return await answerFile(response, open, request.headers.range);
  } finally {
    await open.close();
  }
}

function declaredSize(request: IncomingMessage): number | undefined {
  const header = request.headers['content-length'];
  return header === undefined ? undefined : Number(header);
}

/** A sentence while nothing was said yet; otherwise the answer breaks off, so that nobody takes it for whole. */
async function giveUp(request: IncomingMessage, response: ServerResponse, error: unknown, clock: Clock): Promise<void> {
  if (response.headersSent || response.destroyed) {
    response.destroy();
    return;
  }
  const refusal = refusalOf(error);
  answerRefusal(response, refusal);
  if (request.complete || request.destroyed) return;
  // To close on somebody who is sending would take the answer away from him; to listen for ever is his to abuse.
  await discardRest(request, refusal.status === 401 ? strangerPatience : patience, clock);
}

/** Until it is over or the other side goes away; who sends too much is cut off. Once answered, a request hears of its socket no more. */
function discardRest(request: IncomingMessage, { bytesMax, timeMs }: Patience, clock: Clock): Promise<void> {
  const { socket } = request;
  const untilMs = clock.monotonicMs() + timeMs;
  let bytes = 0;
  return new Promise((resolve) => {
    const done = (): void => {
      socket.off('close', done);
      resolve();
    };
    if (socket.destroyed) return resolve();
    socket.once('close', done);
    for (const event of ['end', 'error', 'close']) request.once(event, done);
    request.on('data', (chunk: Uint8Array) => {
      bytes += chunk.byteLength;
      if (bytes > bytesMax || clock.monotonicMs() > untilMs) socket.destroy();
    });
    request.resume();
  });
}

function unauthorized(): Error {
  return refused(401, 'user and password are needed here, or others than these', {
    'WWW-Authenticate': 'Basic realm="repositories", charset="UTF-8"',
  });
}

async function answerMetrics(response: ServerResponse, { metrics, quota }: HandlerOptions): Promise<void> {
  if (metrics === undefined) return;
  const { type, text } = await metrics.figures.read(quota);
  response.writeHead(200, { 'Content-Type': type, 'Content-Length': Buffer.byteLength(text) }).end(text);
}

function isMetrics(request: IncomingMessage): boolean {
  return request.method === 'GET' && pathOf(request) === '/metrics';
}

function pathOf(request: IncomingMessage): string {
  return (request.url ?? '').split('?', 1)[0] ?? '';
}

function addressOf(request: IncomingMessage): string {
  return request.socket.remoteAddress ?? 'socket';
}
