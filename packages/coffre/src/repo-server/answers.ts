/** Answers that are longer than a sentence: lists and files, piece by piece. */
import type { ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { CoffreError } from '@coffre/repository';
import type { ListedFile, LocalFile } from '@coffre/repository';
import type { Refusal } from './action.ts';
import { parseRange } from './byte-range.ts';
import { refused } from './refusal.ts';

const typeV1 = 'application/vnd.x.restic.rest.v1';
const typeV2 = 'application/vnd.x.restic.rest.v2';
const pieceBytes = 256 * 1024;
const namesPerPiece = 1000;

export function answer(response: ServerResponse, status: number, headers: Refusal['headers'] = {}): void {
  response.writeHead(status, { 'Content-Length': 0, ...headers }).end();
}

export function answerRefusal(response: ServerResponse, { status, reason, headers = {} }: Refusal): void {
  const text = `${reason}\n`;
  response.writeHead(status, {
    'Content-Type': 'text/plain; charset=utf-8',
    'Content-Length': Buffer.byteLength(text),
    'X-Content-Type-Options': 'nosniff',
    ...headers,
  });
  response.end(response.req.method === 'HEAD' ? undefined : text);
}

/** Names alone in version 1, with sizes in version 2. What cannot be listed to its end breaks off, never ends well. */
export async function answerList(
  response: ServerResponse,
  files: AsyncGenerator<ListedFile>,
  accept: string | undefined,
): Promise<void> {
  const withSizes = accept === typeV2;
  // A folder that is not there is told before anything else is.
  const first = await files.next();
  response.writeHead(200, { 'Content-Type': withSizes ? typeV2 : typeV1 });
  await pipeline(() => listText(first, files, withSizes), response);
}

async function* listText(
  first: IteratorResult<ListedFile>,
  files: AsyncGenerator<ListedFile>,
  withSizes: boolean,
): AsyncGenerator<string> {
  const entry = ({ name, sizeBytes }: ListedFile): string =>
    JSON.stringify(withSizes ? { name, size: sizeBytes } : name);
  let piece = '[';
  let names = 0;
  if (first.done !== true) {
    piece += entry(first.value);
    for await (const file of files) {
      piece += `,${entry(file)}`;
      names += 1;
      if (names % namesPerPiece !== 0) continue;
      yield piece;
      piece = '';
    }
  }
  yield `${piece}]`;
}

/** Resolves to the bytes that were sent. */
export async function answerFile(
  response: ServerResponse,
  file: LocalFile,
  range: string | undefined,
): Promise<number> {
  const sizeBytes = await file.sizeBytes();
  const wanted = parseRange(range, sizeBytes);
  if (wanted.kind === 'unsatisfiable') {
    throw refused(416, `the file has ${sizeBytes} bytes`, { 'Content-Range': `bytes */${sizeBytes}` });
  }
  const { start, end } = wanted.kind === 'whole' ? { start: 0, end: sizeBytes } : wanted;
  const part = wanted.kind === 'part' ? { 'Content-Range': `bytes ${start}-${end - 1}/${sizeBytes}` } : {};
  response.writeHead(wanted.kind === 'part' ? 206 : 200, {
    'Content-Type': 'application/octet-stream',
    'Content-Length': end - start,
    'Accept-Ranges': 'bytes',
    ...part,
  });
  await pipeline(() => pieces(file, start, end), response);
  return end - start;
}

/** The next piece is read while one is sent. */
async function* pieces(file: LocalFile, start: number, end: number): AsyncGenerator<Buffer> {
  let at = start;
  const read = (position: number): Promise<Buffer> => {
    const reading = readPiece(file, position, Math.min(pieceBytes, end - position));
    // It is looked at once the piece before it is sent.
    reading.catch(() => undefined);
    return reading;
  };
  let next = at < end ? read(at) : undefined;
  while (next !== undefined) {
    const piece = await next;
    at += piece.byteLength;
    next = at < end ? read(at) : undefined;
    try {
      yield piece;
    } finally {
      // The file is closed when nobody wants more of it.
      await next?.catch(() => undefined);
    }
  }
}

async function readPiece(file: LocalFile, position: number, length: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafeSlow(length);
  const read = await file.read(buffer, 0, length, position);
  if (read === 0) throw new CoffreError('BACKEND_SHORT_READ', 'the file became shorter while it was sent');
  return buffer.subarray(0, read);
}
