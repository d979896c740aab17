/** The bucket itself: made when it is missing, swept of uploads that nobody finished. */
import type { BucketLocationConstraint } from '@aws-sdk/client-s3';
import { isCoffreError } from '../../errors.ts';
import type { S3Caller } from './s3-client.ts';
import { failureOf } from './s3-errors.ts';
import { endlessList } from './s3-list.ts';
import { isAmazon } from './s3-location.ts';

const leftoverAgeMs = 24 * 3600_000;

/** A key that may not look at the bucket may still write into it: whoever made the bucket made it. */
export async function createBucket(s3: S3Caller): Promise<void> {
  const { sdk, location, settings } = s3;
  const Bucket = location.bucket;
  try {
    await s3.call('looking for the bucket', undefined, ({ client, signal: abortSignal }) =>
      client.send(new sdk.ListObjectsV2Command({ Bucket, MaxKeys: 1 }), { abortSignal }),
    );
    return;
  } catch (error) {
    if (failureOf(error).code === 'AccessDenied') return;
    if (!isCoffreError(error, 'BACKEND_NOT_FOUND')) throw error;
  }
  const abroad = isAmazon(location) && s3.region() !== 'us-east-1';
  const input = {
    Bucket,
    ...(settings.objectLock === undefined ? {} : { ObjectLockEnabledForBucket: true }),
    ...(abroad ? { CreateBucketConfiguration: { LocationConstraint: s3.region() as BucketLocationConstraint } } : {}),
  };
  try {
    await s3.call('making the bucket', undefined, ({ client, signal: abortSignal }) =>
      client.send(new sdk.CreateBucketCommand(input), { abortSignal }),
    );
  } catch (error) {
    // Somebody else with the same account was as fast.
    if (failureOf(error).code !== 'BucketAlreadyOwnedByYou') throw error;
  }
}

/** Pieces of uploads that a killed writer left behind cost space and are seen nowhere. @returns how many uploads */
export async function dropLeftoverUploads(s3: S3Caller, nowMs: number): Promise<number> {
  const { sdk, location } = s3;
  const what = 'sweeping unfinished uploads';
  const Prefix = location.prefix === '' ? '' : `${location.prefix}/`;
  let dropped = 0;
  let place: { KeyMarker?: string; UploadIdMarker?: string } = {};
  for (;;) {
    const from = place;
    const answer = await s3.call(what, undefined, ({ client, signal: abortSignal }) =>
      client.send(new sdk.ListMultipartUploadsCommand({ Bucket: location.bucket, Prefix, ...from }), { abortSignal }),
    );
    for (const { Key, UploadId, Initiated } of answer.Uploads ?? []) {
      if (Initiated === undefined || nowMs - Initiated.getTime() < leftoverAgeMs) continue;
      await s3.call(what, undefined, ({ client, signal: abortSignal }) =>
        client.send(new sdk.AbortMultipartUploadCommand({ Bucket: location.bucket, Key, UploadId }), { abortSignal }),
      );
      dropped += 1;
    }
    if (answer.IsTruncated !== true) return dropped;
    const { NextKeyMarker, NextUploadIdMarker } = answer;
    if (
      NextKeyMarker === undefined ||
      NextKeyMarker + NextUploadIdMarker === `${from.KeyMarker}${from.UploadIdMarker}`
    ) {
      throw endlessList(what);
    }
    place = {
      KeyMarker: NextKeyMarker,
      ...(NextUploadIdMarker === undefined ? {} : { UploadIdMarker: NextUploadIdMarker }),
    };
  }
}
