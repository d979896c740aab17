import type { Readable, Writable } from 'node:stream';
import { inPieces } from '../limits/pieces.ts';
import type { Gate } from '../limits/throttle.ts';

export type HttpRequest = {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'DELETE';
  /** Path and query. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent one after the other under one Content-Length. */
  readonly parts?: readonly Uint8Array[];
  readonly signal?: AbortSignal | undefined;
};

export type HttpReply = {
  readonly status: number;
  /** @param name in lower case */
  header(name: string): string | undefined;
  /** Must be read or destroyed. Its errors are for `brokenOff`. */
  readonly body: Readable;
};

/**
 * One exchange over whatever carries HTTP: a TCP or unix socket, or the pipes of a child.
 * `send` resolves at the head of the reply. It rejects with a CoffreError, or with the reason of the signal.
 */
export type Sender = {
  send(request: HttpRequest): Promise<HttpReply>;
  /** An error of a reply's body, in the words of the storage contract. */
  brokenOff(error: unknown, signal: AbortSignal | undefined): unknown;
  close(): Promise<void>;
};

export type BodyOptions = {
  /** What may pass when; no limit when absent. */
  readonly up?: Gate | undefined;
  readonly signal?: AbortSignal | undefined;
  /** A refusal came: nobody reads the rest. */
  readonly isAnswered: () => boolean;
};

/** Writes a body as fast as it is taken, and ends it. */
export async function writeBody(to: Writable, parts: readonly Uint8Array[], options: BodyOptions): Promise<void> {
  const { up, signal, isAnswered } = options;
  const batches = inBatches(parts);
  for await (const piece of up === undefined ? batches : inPieces([...batches], up, signal)) {
    if (isAnswered() || to.destroyed) return;
    if (!to.write(piece)) await drained(to);
  }
  if (!isAnswered()) to.end();
}

function drained(stream: Writable): Promise<void> {
  const events = ['drain', 'close', 'response'];
  return new Promise((resolve) => {
    const done = (): void => {
      for (const event of events) stream.off(event, done);
      resolve();
    };
    for (const event of events) stream.on(event, done);
  });
}

/** Parts below this are copied together: one system call for many blobs. */
const smallBytes = 16 * 1024;
const batchBytes = 256 * 1024;

/** The same bytes in fewer pieces. Large parts are handed on as they are. */
export function* inBatches(parts: readonly Uint8Array[]): Generator<Uint8Array> {
  let small: Uint8Array[] = [];
  let size = 0;
  for (const part of parts) {
    if (part.byteLength === 0) continue;
    if (size > 0 && (part.byteLength >= smallBytes || size + part.byteLength > batchBytes)) {
      yield joined(small);
      [small, size] = [[], 0];
    }
    if (part.byteLength >= smallBytes) yield part;
    else {
      small.push(part);
      size += part.byteLength;
    }
  }
  if (size > 0) yield joined(small);
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const [only] = parts;
  return parts.length === 1 && only !== undefined ? only : Buffer.concat(parts);
}
