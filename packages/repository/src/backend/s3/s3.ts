import { CoffreError } from '../../errors.ts';
import type { Clock } from '../../host/host.ts';
import { fileName } from '../backend.ts';
import type { Backend } from '../backend.ts';
import type { StorageOptions } from '../storage-options.ts';
import { createBucket, dropLeftoverUploads } from './s3-bucket.ts';
import { createS3Caller, loadS3Sdk } from './s3-client.ts';
import type { S3Caller } from './s3-client.ts';
import { listObjects } from './s3-list.ts';
import { loadObject, statObject } from './s3-load.ts';
import { describeS3, keyOf } from './s3-location.ts';
import type { S3Location } from './s3-location.ts';
import { bucketRetention, requireObjectLock, requireVersions, retentionFor } from './s3-object-lock.ts';
import { saveObject, usualSizes } from './s3-save.ts';
import type { SaveSizes } from './s3-save.ts';
import { readS3Settings } from './s3-settings.ts';
import { createPastView } from './s3-versions.ts';

/**
 * A repository in a bucket, laid out as restic does. Every file whose name is its hash is sent with that hash in the
 * signature, so a server that keeps to S3 stores exactly these bytes or nothing.
 * @throws {CoffreError} USAGE, HOST_UNSUPPORTED, NOT_BUILT_YET
 */
export async function createS3Backend(
  location: S3Location,
  options: StorageOptions,
  sizes: SaveSizes = usualSizes,
): Promise<Backend> {
  const settings = readS3Settings(location, options);
  const s3 = createS3Caller(await loadS3Sdk(), location, settings, options);
  return settings.asOfMs === undefined
    ? presentBucket(s3, options.clock ?? wallClock, sizes)
    : pastBucket(s3, settings.asOfMs);
}

const wallClock: Pick<Clock, 'nowNs'> = { nowNs: () => BigInt(Date.now()) * 1_000_000n };

function presentBucket(s3: S3Caller, clock: Pick<Clock, 'nowNs'>, sizes: SaveSizes): Backend {
  const { location, settings } = s3;
  const requireProtection = onceItWorks(async () => {
    if (settings.objectLock !== undefined) await requireObjectLock(s3);
  });

  return {
    location: describeS3(location),
    connectionsMax: settings.connectionsMax,
    replacesAtomically: true,
    isThrottled: true,

    async create() {
      await createBucket(s3);
      await requireProtection();
    },

    async save(file, parts, signal) {
      keyOf(location, file);
      signal?.throwIfAborted();
      await requireProtection();
      await saveObject(s3, { file, parts, retention: retentionFor(s3, file, clock), signal }, sizes);
    },

    async load(file, loadOptions = {}) {
      return loadObject(s3, file, loadOptions);
    },

    async stat(file) {
      const { sizeBytes } = await statObject(s3, file);
      return { sizeBytes };
    },

    list: (kind) => listObjects(s3, kind),

    async remove(file) {
      // S3 calls it a success to delete what is not there.
      await statObject(s3, file);
      await s3.call(`removing ${fileName(file)}`, undefined, ({ client, signal: abortSignal }) => {
        const input = { Bucket: location.bucket, Key: keyOf(location, file) };
        return client.send(new s3.sdk.DeleteObjectCommand(input), { abortSignal });
      });
    },

    ...(settings.objectLock === undefined
      ? {}
      : { retention: bucketRetention(s3, settings.objectLock, requireProtection) }),

    removeLeftovers: (clockNow) => dropLeftoverUploads(s3, Number(clockNow.nowNs() / 1_000_000n)),

    async close() {
      s3.close();
    },
  };
}

/** Read-only: what is past cannot be written. */
function pastBucket(s3: S3Caller, asOfMs: number): Backend {
  const view = createPastView(s3, asOfMs);
  const requirePast = onceItWorks(() => requireVersions(s3));
  const refuse = async (what: string): Promise<never> => {
    throw new CoffreError(
      'BACKEND_READ_ONLY',
      `${what}: the bucket is shown as it was, and the past cannot be written`,
      {
        hint: 'To read, add --no-lock; to write, leave out -o s3.as-of.',
      },
    );
  };

  return {
    location: `${describeS3(s3.location)} as of ${new Date(asOfMs).toISOString()}`,
    connectionsMax: s3.settings.connectionsMax,
    replacesAtomically: true,
    isThrottled: true,
    create: () => refuse('making a repository'),
    save: async (file) => refuse(`saving ${fileName(file)}`),
    remove: async (file) => refuse(`removing ${fileName(file)}`),

    async load(file, options = {}) {
      options.signal?.throwIfAborted();
      await requirePast();
      const { versionId } = await view.find(file);
      return loadObject(s3, file, options, versionId);
    },

    async stat(file) {
      await requirePast();
      const { sizeBytes } = await view.find(file);
      return { sizeBytes };
    },

    async *list(kind) {
      await requirePast();
      yield* view.list(kind);
    },

    async close() {
      s3.close();
    },
  };
}

/** Done once for all who ask; after a failure the next one asks again. */
function onceItWorks(work: () => Promise<void>): () => Promise<void> {
  let done: Promise<void> | undefined;
  return async () => {
    done ??= work();
    try {
      await done;
    } catch (error) {
      done = undefined;
      throw error;
    }
  };
}
