/** One file into the bucket: whole or not at all, its content vouched for by its SHA-256 in the signature. */
import type { PutObjectCommandInput } from '@aws-sdk/client-s3';
import { CoffreError, isCoffreError } from '../../errors.ts';
import { fileName } from '../backend.ts';
import type { FileHandle } from '../backend.ts';
import { sizeOf } from '../counting.ts';
import { bodyOf, md5Base64Of, sha256Of, sliceParts } from './s3-body.ts';
import type { S3Caller } from './s3-client.ts';
import { failureOf } from './s3-errors.ts';
import { keyOf } from './s3-location.ts';
import { ensureObjectRetention } from './s3-object-lock.ts';
import type { KeptUntil } from './s3-object-lock.ts';

export type SaveSizes = {
  /** Larger files go up in pieces. */
  readonly wholeMaxBytes: number;
  /** At least 5 MiB on most servers. */
  readonly pieceBytes: number;
};
export const usualSizes: SaveSizes = { wholeMaxBytes: 192 * 2 ** 20, pieceBytes: 64 * 2 ** 20 };
const piecesAtOnce = 3;
const payloadHashStep = { step: 'build', name: 'payloadHash' } as const;

/** The body is not what the signature or the checksum says: damaged on the way, or the hash was wrong. */
const mismatchCodes = new Set(['XAmzContentSHA256Mismatch', 'BadDigest', 'XAmzContentChecksumMismatch']);

export type Upload = {
  readonly file: FileHandle;
  readonly parts: readonly Uint8Array[];
  readonly retention: KeptUntil | undefined;
  readonly signal?: AbortSignal | undefined;
};

export async function saveObject(s3: S3Caller, upload: Upload, sizes: SaveSizes): Promise<void> {
  if (sizeOf(upload.parts) > sizes.wholeMaxBytes) return saveInPieces(s3, upload, sizes.pieceBytes);
  const { file, parts } = upload;
  const named = file.kind === 'config' ? sha256Of(parts) : file.name;
  try {
    await putWhole(s3, upload, named);
  } catch (error) {
    if (!mismatchCodes.has(failureOf(error).code)) throw error;
    const actual = sha256Of(parts);
    if (actual === named) throw damagedOnTheWay(s3, upload, error);
    await putWhole(s3, upload, actual);
  }
}

function damagedOnTheWay({ location }: S3Caller, { file }: Upload, cause: unknown): CoffreError {
  const message = `saving ${fileName(file)}: the bytes were damaged on the way to ${location.host}`;
  return new CoffreError('BACKEND_IO', message, { hint: 'Check the network.', retryable: true, cause });
}

async function putWhole(s3: S3Caller, upload: Upload, sha256: string): Promise<void> {
  const { file, parts, signal } = upload;
  const isConfig = file.kind === 'config';
  const put = (onlyIfNew: boolean): Promise<unknown> =>
    s3.call(`saving ${fileName(file)}`, signal, async ({ client, ...watch }) => {
      const command = new s3.sdk.PutObjectCommand({
        ...objectInput(s3, upload),
        Body: await bodyOf(parts, watch, s3.throttle?.up),
        ContentLength: sizeOf(parts),
        // Amazon wants a checksum of its own beside a retention.
        ...(upload.retention === undefined ? {} : { ChecksumSHA256: Buffer.from(sha256, 'hex').toString('base64') }),
        ...(onlyIfNew ? { IfNoneMatch: '*' } : {}),
      });
      command.middlewareStack.add((next) => (args) => next(withPayloadHash(args, sha256)), payloadHashStep);
      return client.send(command, { abortSignal: watch.signal });
    });
  try {
    await put(isConfig);
  } catch (error) {
    const { code, status } = failureOf(error);
    if (isConfig && status === 501) await put(false);
    else if (isConfig && (code === 'PreconditionFailed' || status === 412)) {
      if (!(await isSame(s3, upload, error))) await put(false);
    } else throw error;
  }
}

/**
 * A first try may have stored the config, and only its answer was lost. Anything else is another repository. False when
 * there is none: versitygw takes the marker of a deleted config for a config.
 */
async function isSame(s3: S3Caller, { file, parts, signal }: Upload, cause: unknown): Promise<boolean> {
  const reading = s3.call(`reading ${fileName(file)}`, signal, async ({ client, signal: abortSignal }) => {
    const input = { Bucket: s3.location.bucket, Key: keyOf(s3.location, file) };
    const answer = await client.send(new s3.sdk.GetObjectCommand(input), { abortSignal });
    return answer.Body?.transformToByteArray();
  });
  const there = await reading.catch((error: unknown) => {
    if (isCoffreError(error, 'BACKEND_NOT_FOUND')) return 'absent' as const;
    throw error;
  });
  if (there === 'absent') return false;
  if (there !== undefined && Buffer.concat(parts).equals(there)) return true;
  throw new CoffreError('BACKEND_EXISTS', `${fileName(file)} is in the bucket already`, {
    hint: 'Another repository was made here; choose another prefix.',
    cause,
  });
}

type ObjectInput = { Bucket: string; Key: string } & Pick<
  PutObjectCommandInput,
  'ObjectLockMode' | 'ObjectLockRetainUntilDate' | 'StorageClass'
>;

function objectInput({ location, settings }: S3Caller, { file, retention }: Upload): ObjectInput {
  const { storageClass } = settings;
  return {
    Bucket: location.bucket,
    Key: keyOf(location, file),
    ...(storageClass === undefined ? {} : { StorageClass: storageClass as NonNullable<ObjectInput['StorageClass']> }),
    ...(retention === undefined
      ? {}
      : { ObjectLockMode: retention.mode, ObjectLockRetainUntilDate: new Date(retention.untilMs) }),
  };
}

/** The signature takes the hash that is known already, instead of hashing the body. */
function withPayloadHash<Args extends { request: unknown }>(args: Args, sha256: string): Args {
  const { headers } = args.request as { headers: Record<string, string> };
  headers['x-amz-content-sha256'] = sha256;
  return args;
}

async function saveInPieces(s3: S3Caller, upload: Upload, pieceBytes: number): Promise<void> {
  const { sdk, location } = s3;
  const { file, retention, signal } = upload;
  const what = `saving ${fileName(file)}`;
  signal?.throwIfAborted();
  // Not to be stopped on its way: an upload whose id is not known cannot be dropped.
  const begun = await s3.call(what, undefined, ({ client, signal: abortSignal }) =>
    client.send(new sdk.CreateMultipartUploadCommand(objectInput(s3, upload)), { abortSignal }),
  );
  const target = { Bucket: location.bucket, Key: keyOf(location, file), UploadId: begun.UploadId };
  try {
    const Parts = await sendPieces(s3, upload, target, pieceBytes);
    await s3.call(what, signal, ({ client, signal: abortSignal }) =>
      client.send(new sdk.CompleteMultipartUploadCommand({ ...target, MultipartUpload: { Parts } }), { abortSignal }),
    );
  } catch (error) {
    await dropPieces(s3, what, target);
    throw error;
  }
  // Ceph 16 forgets the retention of what came in pieces.
  if (retention !== undefined) await ensureObjectRetention(s3, file, retention, signal);
}

type Target = { readonly Bucket: string; readonly Key: string; readonly UploadId: string | undefined };
type Piece = { readonly PartNumber: number; readonly ETag: string | undefined };

/** When it rejects, no piece is on its way any more: one that comes late would outlive the dropped upload. */
async function sendPieces(s3: S3Caller, upload: Upload, target: Target, pieceBytes: number): Promise<Piece[]> {
  const { parts, signal } = upload;
  const failed = new AbortController();
  const stop = signal === undefined ? failed.signal : AbortSignal.any([signal, failed.signal]);
  const pieceCount = Math.ceil(sizeOf(parts) / pieceBytes);
  const sent: Piece[] = [];
  const numbers = Array.from({ length: pieceCount }, (_, i) => i + 1).values();
  const lane = async (): Promise<void> => {
    for (const number of numbers) {
      stop.throwIfAborted();
      const piece = sliceParts(parts, (number - 1) * pieceBytes, number * pieceBytes);
      const ETag = await sendPiece(s3, { ...upload, parts: piece, signal: stop }, target, number);
      sent.push({ PartNumber: number, ETag });
    }
  };
  const guarded = (): Promise<void> =>
    lane().catch((error: unknown) => {
      failed.abort(error);
      throw error;
    });
  await Promise.allSettled(Array.from({ length: piecesAtOnce }, guarded));
  stop.throwIfAborted();
  return sent.toSorted((a, b) => a.PartNumber - b.PartNumber);
}

async function sendPiece(s3: S3Caller, upload: Upload, target: Target, number: number): Promise<string | undefined> {
  const { file, parts, retention, signal } = upload;
  const sha256 = sha256Of(parts);
  const answer = await s3.call(`saving ${fileName(file)}`, signal, async ({ client, ...watch }) => {
    const command = new s3.sdk.UploadPartCommand({
      ...target,
      // Amazon wants a checksum of its own beside a retention.
      ...(retention === undefined ? {} : { ContentMD5: md5Base64Of(parts) }),
      PartNumber: number,
      Body: await bodyOf(parts, watch, s3.throttle?.up),
      ContentLength: sizeOf(parts),
    });
    command.middlewareStack.add((next) => (args) => next(withPayloadHash(args, sha256)), payloadHashStep);
    return client.send(command, { abortSignal: watch.signal });
  });
  return answer.ETag;
}

/** What cannot be dropped now costs space until `removeLeftovers`; the error that matters is the one before. */
async function dropPieces(s3: S3Caller, what: string, target: Target): Promise<void> {
  try {
    await s3.call(what, undefined, ({ client, signal: abortSignal }) =>
      client.send(new s3.sdk.AbortMultipartUploadCommand(target), { abortSignal }),
    );
  } catch (error) {
    if (!isCoffreError(error)) throw error;
  }
}
