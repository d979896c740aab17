/** Retention: what was written cannot be deleted or overwritten for some days, not even with our own key. */
import { CoffreError, isCoffreError } from '../../errors.ts';
import type { Clock } from '../../host/host.ts';
import { fileName } from '../backend.ts';
import type { FileHandle } from '../backend.ts';
import type { S3Caller } from './s3-client.ts';
import { failureOf } from './s3-errors.ts';
import { statObject } from './s3-load.ts';
import { keyOf } from './s3-location.ts';
import type { RetentionMode } from './s3-settings.ts';

export type Retention = { readonly mode: RetentionMode; readonly untilMs: number };

const dayMs = 24 * 3600_000;

/** In whole seconds, as headers carry it. Locks of the repository come and go; everything else is to stay. */
export function retentionFor(s3: S3Caller, file: FileHandle, clock: Pick<Clock, 'nowNs'>): Retention | undefined {
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

/** Never shortens. @returns whether it had to be made longer */
export async function extendObjectRetention(
  s3: S3Caller,
  file: FileHandle,
  retention: Retention,
  signal?: AbortSignal,
): Promise<boolean> {
  const { retainedUntilMs } = await statObject(s3, file);
  if (retainedUntilMs !== undefined && retainedUntilMs >= retention.untilMs) return false;
  await s3.call(`extending the retention of ${fileName(file)}`, signal, ({ client, signal: abortSignal }) => {
    const input = {
      Bucket: s3.location.bucket,
      Key: keyOf(s3.location, file),
      Retention: { Mode: retention.mode, RetainUntilDate: new Date(retention.untilMs) },
      // Amazon wants a checksum with it; the SDK adds it.
    };
    return client.send(new s3.sdk.PutObjectRetentionCommand(input), { abortSignal });
  });
  return true;
}
