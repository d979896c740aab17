/** One file, or a range of it, out of the bucket: exactly the bytes asked for, or an error. */
import type { Readable } from 'node:stream';
import { CoffreError, isCoffreError } from '../../errors.ts';
import { fileName } from '../backend.ts';
import type { FileHandle, LoadOptions } from '../backend.ts';
import type { Gate } from '../limits/throttle.ts';
import type { S3Caller, S3Request } from './s3-client.ts';
import { failureOf } from './s3-errors.ts';
import { keyOf } from './s3-location.ts';

/** Of whatever a server says; no file of a repository is near it. */
const fileMaxBytes = 2 ** 31;

/** @param versionId of an older version; the newest when absent */
export async function loadObject(
  s3: S3Caller,
  file: FileHandle,
  options: LoadOptions,
  versionId?: string,
): Promise<Buffer> {
  const { offset = 0, length, signal } = options;
  const what = `reading ${fileName(file)}`;
  // No range can ask for no bytes.
  if (length === 0) return emptyRange(s3, file, offset, versionId);
  const ranged = offset > 0 || length !== undefined;
  const last = length === undefined ? '' : offset + length - 1;
  try {
    return await s3.call(what, signal, async (request) => {
      const input = {
        Bucket: s3.location.bucket,
        Key: keyOf(s3.location, file),
        ...(versionId === undefined ? {} : { VersionId: versionId }),
        ...(ranged ? { Range: `bytes=${offset}-${last}` } : {}),
      };
      const answer = await request.client.send(new s3.sdk.GetObjectCommand(input), { abortSignal: request.signal });
      const body = answer.Body as Readable | undefined;
      if (body === undefined) throw lies(what, 'answered without a body');
      try {
        if (ranged) requireRange(what, answer.ContentRange, offset);
        const sizeBytes = expectedSize(what, answer.ContentLength, length);
        return await collect(what, body, sizeBytes, request, s3.throttle?.down);
      } finally {
        body.destroy();
      }
    });
  } catch (error) {
    const { code, status } = failureOf(error);
    if (code !== 'InvalidRange' && status !== 416) throw error;
    if (length === undefined) return emptyRange(s3, file, offset, versionId);
    throw await pastTheEnd(s3, file, offset + length, versionId);
  }
}

function requireRange(what: string, contentRange: string | undefined, offset: number): void {
  const start = /^bytes (\d+)-/.exec(contentRange ?? '')?.[1];
  if (Number(start) !== offset)
    throw lies(what, `gave ${contentRange ?? 'everything'} instead of the range from ${offset}`);
}

function expectedSize(what: string, contentLength: number | undefined, length: number | undefined): number {
  if (contentLength === undefined) throw lies(what, 'did not say how long its answer is');
  if (contentLength > (length ?? fileMaxBytes))
    throw lies(what, `announced ${contentLength} bytes, more than asked for`);
  if (length !== undefined && contentLength < length) {
    throw new CoffreError('BACKEND_SHORT_READ', `${what}: ${contentLength} of ${length} bytes are there`, {
      hint: 'Run `coffre check`: the file is shorter than it should be.',
    });
  }
  return contentLength;
}

/** A buffer of its own, not of a pool: the caller may hand it to a thread. */
async function collect(
  what: string,
  body: Readable,
  sizeBytes: number,
  { progress, signal }: S3Request,
  down?: Gate,
): Promise<Buffer> {
  const bytes = Buffer.allocUnsafeSlow(sizeBytes);
  let filled = 0;
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      await down?.take(chunk.byteLength, signal);
      progress();
      if (filled + chunk.byteLength > sizeBytes) throw lies(what, `sent more than the ${sizeBytes} bytes it announced`);
      chunk.copy(bytes, filled);
      filled += chunk.byteLength;
    }
  } catch (error) {
    if (isCoffreError(error)) throw error;
    throw brokenOff(what, filled, sizeBytes, error);
  }
  if (filled < sizeBytes) throw brokenOff(what, filled, sizeBytes);
  return bytes;
}

function brokenOff(what: string, filled: number, sizeBytes: number, cause?: unknown): CoffreError {
  return new CoffreError('BACKEND_SHORT_READ', `${what}: the answer broke off after ${filled} of ${sizeBytes} bytes`, {
    hint: 'Check the network, then run the command again.',
    retryable: true,
    cause,
  });
}

function lies(what: string, lie: string): CoffreError {
  return new CoffreError('BACKEND_IO', `${what}: the S3 server ${lie}`, {
    hint: 'The server, or a proxy before it, does not keep to the S3 protocol.',
  });
}

async function emptyRange(s3: S3Caller, file: FileHandle, offset: number, versionId?: string): Promise<Buffer> {
  const { sizeBytes } = await statObject(s3, file, versionId);
  if (offset > sizeBytes) throw await pastTheEnd(s3, file, offset, versionId);
  return Buffer.allocUnsafeSlow(0);
}

async function pastTheEnd(s3: S3Caller, file: FileHandle, end: number, versionId?: string): Promise<CoffreError> {
  const { sizeBytes } = await statObject(s3, file, versionId);
  return new CoffreError('BACKEND_SHORT_READ', `${fileName(file)} has ${sizeBytes} of ${end} bytes`, {
    hint: 'Run `coffre check`: the file is shorter than it should be.',
  });
}

export type ObjectFacts = { readonly sizeBytes: number; readonly retainedUntilMs: number | undefined };

/** HEAD has no body and so no reason: where it is refused, a GET of one byte asks for the reason. */
export async function statObject(s3: S3Caller, file: FileHandle, versionId?: string): Promise<ObjectFacts> {
  const what = `looking at ${fileName(file)}`;
  const input = {
    Bucket: s3.location.bucket,
    Key: keyOf(s3.location, file),
    ...(versionId === undefined ? {} : { VersionId: versionId }),
  };
  const head = async (): Promise<ObjectFacts> => {
    const answer = await s3.call(what, undefined, ({ client, signal: abortSignal }) =>
      client.send(new s3.sdk.HeadObjectCommand(input), { abortSignal }),
    );
    if (answer.ContentLength === undefined) throw lies(what, 'did not say how long the file is');
    return { sizeBytes: answer.ContentLength, retainedUntilMs: answer.ObjectLockRetainUntilDate?.getTime() };
  };
  try {
    return await head();
  } catch (error) {
    const { status = 0 } = failureOf(error);
    if (!isCoffreError(error) || error.retryable || status < 300 || status >= 500) throw error;
  }
  await s3.call(what, undefined, async ({ client, signal: abortSignal }) => {
    const answer = await client.send(new s3.sdk.GetObjectCommand({ ...input, Range: 'bytes=0-0' }), { abortSignal });
    (answer.Body as Readable | undefined)?.destroy();
  });
  // It worked: the region of the bucket has become known.
  return head();
}
