import { connect } from 'node:http2';
import type { ClientHttp2Session, ClientHttp2Stream, IncomingHttpHeaders } from 'node:http2';
import { Readable } from 'node:stream';
import { CoffreError, isCoffreError } from '../../errors.ts';
import { sizeOf } from '../counting.ts';
import type { Throttle } from '../limits/throttle.ts';
import { connectionError, stuckError } from '../rest/connection-error.ts';
import { writeBody } from '../rest/sender.ts';
import type { HttpReply, HttpRequest, Sender } from '../rest/sender.ts';
import type { RcloneProcess } from './rclone-process.ts';

export type RcloneSenderOptions = {
  readonly start: () => Promise<RcloneProcess>;
  /** For people. */
  readonly location: string;
  readonly startMs: number;
  readonly stuckMs: number;
  readonly throttle?: Throttle | undefined;
};

type Connection = { readonly session: ClientHttp2Session; readonly process: RcloneProcess };

/** Packs come in one go; the usual 64 KiB would make every one a dialogue. */
const windowBytes = 8 * 1024 * 1024;
/**
 * Node refuses new requests while so much is on its way, 10 MB unless told otherwise: less than one pack. What is under way
 * is bounded by the number of connections.
 */
const sessionMegabytesMax = 4096;

/** HTTP/2 over the pipes of a child, which is started by the first request, and anew by the next one after its end. */
export function createRcloneSender(options: RcloneSenderOptions): Sender {
  const { location, stuckMs } = options;
  let current: Promise<Connection> | undefined;
  let hasAnswered = false;
  /** Why the last one ended. */
  let lastEnd: string | undefined;

  async function open(): Promise<Connection> {
    const process = await options.start();
    const session = connect('http://localhost', {
      createConnection: () => process.pipes,
      maxSessionMemory: sessionMegabytesMax,
      settings: { enablePush: false, initialWindowSize: windowBytes },
    });
    // Shown by the calls that it breaks.
    session.on('error', () => undefined);
    try {
      await answering(session, process);
    } catch (error) {
      session.destroy();
      await process.stop();
      throw error;
    }
    session.setLocalWindowSize(4 * windowBytes);
    hasAnswered = true;
    return { session, process };
  }

  /** Its first frame: now it listens. */
  async function answering(session: ClientHttp2Session, process: RcloneProcess): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const late = (): void => reject(stuckError(`${location}: starting rclone`, options.startMs));
    const timer = setTimeout(late, options.startMs);
    session.once('remoteSettings', () => resolve());
    void process.ended.then((how) => reject(endedEarly(how)));
    try {
      await promise;
    } finally {
      clearTimeout(timer);
    }
  }

  /** A wrong remote never answers; a remote that has worked may work again. */
  function endedEarly(how: string): CoffreError {
    return new CoffreError('BACKEND_IO', `${location}: rclone ended before it answered (${how})`, {
      hint: `Try \`rclone lsd ${location.replace(/^rclone:/, '')}\`; rclone's own settings are in \`rclone config\`.`,
      retryable: hasAnswered,
    });
  }

  function connection(): Promise<Connection> {
    if (current !== undefined) return current;
    const opening = open();
    current = opening;
    const forget = (): void => {
      if (current === opening) current = undefined;
    };
    opening.then(({ process, session }) => {
      session.once('close', forget);
      void process.ended.then((how) => {
        lastEnd = how;
        forget();
        session.destroy();
      });
    }, forget);
    return opening;
  }

  function brokenOff(error: unknown, signal: AbortSignal | undefined): unknown {
    if (signal?.aborted === true || isCoffreError(error))
      return connectionError(error, { location, seemsWrong: false, signal });
    const why = lastEnd === undefined ? '' : ` (rclone: ${lastEnd})`;
    return new CoffreError('BACKEND_IO', `${location}: the connection to rclone broke off${why}`, {
      hint: 'What rclone said is above; the next call starts it again.',
      retryable: true,
      cause: error,
    });
  }

  async function send(request: HttpRequest): Promise<HttpReply> {
    const { method, path, parts, signal } = request;
    signal?.throwIfAborted();
    const { session } = await connection();
    const length = parts === undefined ? {} : { 'content-length': String(sizeOf(parts)) };
    try {
      const head = { ':method': method, ':path': path, ...request.headers, ...length };
      const stream = session.request(head, { endStream: parts === undefined });
      stream.setTimeout(stuckMs, () => stream.destroy(stuckError(location, stuckMs)));
      return await exchange(stream, request, options.throttle);
    } catch (error) {
      throw brokenOff(error, signal);
    }
  }

  return {
    send,
    brokenOff,
    async close() {
      const open = await current?.catch(() => undefined);
      if (open === undefined) return;
      open.session.close();
      await open.process.stop();
      open.session.destroy();
    },
  };
}

/** Resolves at the head of the reply, which may come before the upload is over. */
async function exchange(
  stream: ClientHttp2Stream,
  { parts, signal }: HttpRequest,
  throttle: Throttle | undefined,
): Promise<HttpReply> {
  const { promise: answered, resolve, reject } = Promise.withResolvers<HttpReply>();
  let isAnswered = false;
  const cancel = (): void => void stream.destroy(signal?.reason as Error);
  signal?.addEventListener('abort', cancel, { once: true });
  stream.on('response', (headers) => {
    isAnswered = true;
    resolve(replyOf(stream, headers));
  });
  stream.on('error', reject);
  stream.on('close', () => {
    signal?.removeEventListener('abort', cancel);
    reject(new Error('the stream was closed'));
  });
  if (parts !== undefined) {
    const sent = writeBody(stream, parts, { up: throttle?.up, signal, isAnswered: () => isAnswered });
    await Promise.race([sent, answered]);
  }
  return await answered;
}

function replyOf(stream: ClientHttp2Stream, headers: IncomingHttpHeaders): HttpReply {
  return {
    status: Number(headers[':status']),
    header(name) {
      const value = headers[name];
      return Array.isArray(value) ? value.join(', ') : value;
    },
    body: bodyOf(stream),
  };
}

/** Taken up from the first moment: an HTTP/2 stream that ends before somebody reads it throws its bytes away. */
function bodyOf(stream: ClientHttp2Stream): Readable {
  const body = new Readable({
    read: () => void stream.resume(),
    destroy(error, done) {
      stream.destroy();
      done(error);
    },
  });
  stream.on('data', (chunk) => {
    if (!body.push(chunk)) stream.pause();
  });
  stream.on('end', () => body.push(null));
  stream.on('error', (error) => body.destroy(error));
  stream.on('close', () => {
    if (!body.readableEnded && !stream.readableEnded) body.destroy(new Error('the stream was closed'));
  });
  return body;
}
