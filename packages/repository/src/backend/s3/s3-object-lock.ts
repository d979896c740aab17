/** Retention: what was written cannot be deleted or overwritten for some days, not even with our own key. */
import { CoffreError, isCoffreError } from '../../errors.ts';
import type { Clock } from '../../host/host.ts';
import { fileName } from '../backend.ts';
import type { FileHandle } from '../backend.ts';
import type { Retention } from '../retention.ts';
import type { S3Caller } from './s3-client.ts';
import { failureOf } from './s3-errors.ts';
import { statObject } from './s3-load.ts';
import { keyOf } from './s3-location.ts';
import type { RetentionMode } from './s3-settings.ts';

export type KeptUntil = { readonly mode: RetentionMode; readonly untilMs: number };

const dayMs = 24 * 3600_000;

/** In whole seconds, as headers carry it. Locks of the repository come and go; everything else is to stay. */
export function retentionFor(s3: S3Caller, file: FileHandle, clock: Pick<Clock, 'nowNs'>): KeptUntil | undefined {
  const { objectLock } = s3.settings;
  if (objectLock === undefined || file.kind === 'locks') return undefined;
  return { mode: objectLock.mode, untilMs: Number(clock.nowNs() / 1_000_000_000n) * 1000 + objectLock.days * dayMs };
}

/** @throws {CoffreError} BACKEND_UNPROTECTED */
export async function requireObjectLock(s3: S3Caller): Promise<void> {
  const { bucket } = s3.location;
  try {
    const answer = await s3.call('asking for the object lock', undefined, ({ client, signal: abortSignal }) =>
      client.send(new s3.sdk.GetObjectLockConfigurationCommand({ Bucket: bucket }), { abortSignal }),
    );
    if (answer.ObjectLockConfiguration?.ObjectLockEnabled === 'Enabled') return;
  } catch (error) {
    if (!isCoffreError(error) || error.retryable || failureOf(error).code === 'NoSuchBucket') throw error;
    const { status } = failureOf(error);
    if (status === undefined || status === 401 || status === 403) throw error;
  }
  throw new CoffreError('BACKEND_UNPROTECTED', `bucket ${bucket} has no object lock, which the options demand`, {
    hint: 'Make a bucket with object lock (and so with versions), or leave out -o s3.object-lock-mode.',
  });
}

/** @throws {CoffreError} BACKEND_UNPROTECTED */
export async function requireVersions(s3: S3Caller): Promise<void> {
  const { bucket } = s3.location;
  const answer = await s3.call('asking for versions', undefined, ({ client, signal: abortSignal }) =>
    client.send(new s3.sdk.GetBucketVersioningCommand({ Bucket: bucket }), { abortSignal }),
  );
  // Suspended: what was kept until then is there.
  if (answer.Status !== undefined) return;
  throw new CoffreError('BACKEND_UNPROTECTED', `bucket ${bucket} keeps no versions, so its past cannot be shown`, {
    hint: 'Leave out -o s3.as-of; turn on versioning for the future.',
  });
}

/** Amazon and its likes refuse to shorten without a right and a header of their own. */
export function bucketRetention(
  s3: S3Caller,
  { mode, days }: { readonly mode: RetentionMode; readonly days: number },
  requireProtection: () => Promise<void>,
): Retention {
  return {
    periodMs: days * dayMs,
    async until(file) {
      await requireProtection();
      return (await statObject(s3, file)).retainedUntilMs;
    },
    async extend(file, untilMs, signal) {
      await requireProtection();
      await setObjectRetention(s3, file, { mode, untilMs }, signal);
    },
  };
}

/** For servers that forget the retention of what came in pieces. */
export async function ensureObjectRetention(
  s3: S3Caller,
  file: FileHandle,
  kept: KeptUntil,
  signal?: AbortSignal,
): Promise<void> {
  const { retainedUntilMs } = await statObject(s3, file);
  if (retainedUntilMs === undefined || retainedUntilMs < kept.untilMs) await setObjectRetention(s3, file, kept, signal);
}

async function setObjectRetention(
  s3: S3Caller,
  file: FileHandle,
  { mode, untilMs }: KeptUntil,
  signal?: AbortSignal,
): Promise<void> {
  await s3.call(`extending the retention of ${fileName(file)}`, signal, ({ client, signal: abortSignal }) => {
    const input = {
      Bucket: s3.location.bucket,
      Key: keyOf(s3.location, file),
      Retention: { Mode: mode, RetainUntilDate: new Date(untilMs) },
      // Amazon wants a checksum with it; the SDK adds it.
    };
    return client.send(new s3.sdk.PutObjectRetentionCommand(input), { abortSignal });
  });
}
