/** Reading replies: never more memory than was asked for, never fewer bytes than were announced. */
import { CoffreError } from '../../errors.ts';
import type { Gate } from '../limits/throttle.ts';
import type { HttpReply, Sender } from './sender.ts';

/** More than any file of a repository has; a server that announces more is not believed. */
const fileBytesMax = 2 ** 32;
/** What is left of a reply is read for the sake of the connection, if it is little. */
const discardedBytesMax = 256 * 1024;

export type BodyContext = {
  readonly sender: Pick<Sender, 'brokenOff'>;
  readonly signal: AbortSignal | undefined;
  /** What may pass when; no limit when absent. */
  readonly down: Gate | undefined;
  /** Begins sentences: `rest:https://host/: data/00…`. */
  readonly about: string;
};

/** Content-Length as a number; undefined when it is missing. @throws {CoffreError} BACKEND_IO when it is no number */
export function announcedBytes(reply: HttpReply, about: string): number | undefined {
  const header = reply.header('content-length');
  if (header === undefined) return undefined;
  if (!/^\d{1,15}$/.test(header)) throw contradiction(about, `Content-Length is ${JSON.stringify(header)}`);
  return Number(header);
}

/** Exactly so many bytes after the first `skip`. @throws {CoffreError} BACKEND_IO when the body has fewer */
export async function readExactly(
  reply: HttpReply,
  { skip = 0, length }: { skip?: number; length: number },
  context: BodyContext,
): Promise<Buffer> {
  if (length > fileBytesMax) throw await refusedSize(reply, length, context.about);
  // Not from the shared pool: the buffer belongs to the caller, who may hand it to a worker.
  const bytes = Buffer.allocUnsafeSlow(length);
  let at = -skip;
  await eachChunk(reply, context, (chunk) => {
    const [from, to] = [Math.max(0, -at), Math.max(0, at)];
    if (from < chunk.byteLength && to < length) chunk.copy(bytes, to, from, from + length - to);
    at += chunk.byteLength;
    return at < length + discardedBytesMax;
  });
  if (at < length) throw contradiction(context.about, `the reply has ${Math.max(0, at)} of ${length} bytes`);
  return bytes;
}

/** A body without an announced length. */
export async function readAll(reply: HttpReply, context: BodyContext): Promise<Buffer> {
  const announced = announcedBytes(reply, context.about);
  if (announced !== undefined) {
    const bytes = await readExactly(reply, { length: announced }, context);
    return bytes;
  }
  const chunks: Buffer[] = [];
  let size = 0;
  await eachChunk(reply, context, (chunk) => {
    chunks.push(chunk);
    size += chunk.byteLength;
    return size <= fileBytesMax;
  });
  if (size > fileBytesMax) throw contradiction(context.about, 'the reply does not end');
  const bytes = Buffer.allocUnsafeSlow(size);
  let at = 0;
  for (const chunk of chunks) at += chunk.copy(bytes, at);
  return bytes;
}

/** Hands on chunk by chunk until the body ends or the function has enough. */
export async function eachChunk(
  reply: HttpReply,
  { sender, signal, down }: BodyContext,
  take: (chunk: Buffer) => boolean,
): Promise<void> {
  let isOurs = false;
  try {
    for await (const chunk of reply.body as AsyncIterable<Buffer>) {
      isOurs = true;
      await down?.take(chunk.byteLength, signal);
      if (!take(chunk)) break;
      isOurs = false;
    }
  } catch (error) {
    throw isOurs ? error : sender.brokenOff(error, signal);
  }
}

/** Reads what a reply that is not wanted still has, so that its connection can be used again. */
export async function discard(reply: HttpReply): Promise<void> {
  let size = 0;
  try {
    for await (const chunk of reply.body as AsyncIterable<Buffer>) {
      size += chunk.byteLength;
      if (size > discardedBytesMax) break;
    }
  } catch {
    // Its status was all that counted.
  }
}

async function refusedSize(reply: HttpReply, length: number, about: string): Promise<CoffreError> {
  reply.body.destroy();
  return contradiction(about, `the reply announces ${length} bytes`);
}

/** The answer cannot be true. Asked again, the server or a proxy on the way may do better. */
export function contradiction(about: string, why: string): CoffreError {
  return new CoffreError('BACKEND_IO', `${about}: the answer is not used: ${why}`, {
    hint: 'Look whether a proxy on the way changes answers; the repository itself was not changed by this.',
    retryable: true,
  });
}
