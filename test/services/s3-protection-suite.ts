/** Object lock and the past of a bucket, against a real server: what an attacker with the keys can and cannot do. */
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { after, describe, test } from 'node:test';
import { createS3Backend } from '../../packages/repository/src/backend/s3/s3.ts';
import { parseS3Location } from '../../packages/repository/src/backend/s3/s3-location.ts';
import type { SaveSizes } from '../../packages/repository/src/backend/s3/s3-save.ts';
import { extendRetention } from '../../packages/repository/src/backend/retention.ts';
import type { Backend, FileHandle, FileKind } from '../../packages/repository/src/backend/backend.ts';
import { listed, rejectsWith } from '../../packages/repository/src/testing/backend-conformance.ts';
import { systemClock } from '../../packages/repository/src/host/system.ts';
import type { S3Scene } from './s3-scene.ts';

type Extended = Readonly<Record<string, string>>;

const locking = { 's3.object-lock-mode': 'governance', 's3.object-lock-days': '3' };
const compliance = { 's3.object-lock-mode': 'compliance', 's3.object-lock-days': '3' };
const dayMs = 24 * 3600_000;
const smallPieces: SaveSizes = { wholeMaxBytes: 6 * 2 ** 20, pieceBytes: 5 * 2 ** 20 };

function sample(kind: FileKind, size = 100): { file: FileHandle & { name: string }; bytes: Buffer; key: string } {
  const bytes = randomBytes(size);
  const name = createHash('sha256').update(bytes).digest('hex');
  return { file: { kind, name }, bytes, key: `p/${kind}/${kind === 'data' ? `${name.slice(0, 2)}/` : ''}${name}` };
}

/** Servers give times to the second. */
async function nextSecond(): Promise<string> {
  await systemClock().sleep(1100);
  const now = new Date(Math.floor(Date.now() / 1000) * 1000).toISOString();
  await systemClock().sleep(1100);
  return now;
}

export function describeS3Protection({ name, skip, start }: S3Scene): void {
  const run = randomBytes(3).toString('hex');
  const bucketOf = (bucket: string): string => `${bucket}-${run}`;
  let started: ReturnType<S3Scene['start']> | undefined;
  const server = (): ReturnType<S3Scene['start']> => (started ??= start());

  async function at(bucket: string, extended: Extended = {}, sizes?: SaveSizes): Promise<Backend> {
    const { origin, environment } = await server();
    const location = parseS3Location(`${origin}/${bucketOf(bucket)}/p`);
    return createS3Backend(location, { environment, extended: new Map(Object.entries(extended)) }, sizes);
  }

  /** Of the same server, for what the storage interface has no word for. */
  async function client() {
    const { S3Client, ...sdk } = await import('@aws-sdk/client-s3');
    const { origin, environment } = await server();
    const credentials = {
      accessKeyId: environment.AWS_ACCESS_KEY_ID,
      secretAccessKey: environment.AWS_SECRET_ACCESS_KEY,
    };
    return { sdk, s3: new S3Client({ endpoint: origin, region: 'us-east-1', forcePathStyle: true, credentials }) };
  }

  describe(`S3 protection on ${name}`, { skip }, () => {
    after(async () => (await started)?.[Symbol.asyncDispose]());

    test('what is written is kept, locks are not, and retention is only ever extended', async () => {
      const backend = await at('kept', compliance);
      await backend.create();
      const [pack, lock] = [sample('data'), sample('locks')];
      await backend.save(pack.file, [pack.bytes]);
      await backend.save(lock.file, [lock.bytes]);
      await backend.save({ kind: 'config' }, [Buffer.from('config')]);
      const { s3, sdk } = await client();
      const head = (Key: string) => s3.send(new sdk.HeadObjectCommand({ Bucket: bucketOf('kept'), Key }));
      const { ObjectLockMode, ObjectLockRetainUntilDate, VersionId } = await head(pack.key);
      assert.equal(ObjectLockMode, 'COMPLIANCE');
      assert.ok(Math.abs(Number(ObjectLockRetainUntilDate) - (Date.now() + 3 * dayMs)) < 60_000);
      assert.equal((await head('p/config')).ObjectLockMode, 'COMPLIANCE');
      assert.equal((await head(lock.key)).ObjectLockMode, undefined);
      await assert.rejects(
        s3.send(new sdk.DeleteObjectCommand({ Bucket: bucketOf('kept'), Key: pack.key, VersionId })),
      );

      const untilMs = Math.floor(Date.now() / 1000) * 1000 + 9 * dayMs;
      assert.deepEqual(await extendRetention(backend, [pack.file], { untilMs }), { extended: 1, longEnough: 0 });
      assert.equal(Number((await head(pack.key)).ObjectLockRetainUntilDate), untilMs);
      const sooner = { untilMs: untilMs - dayMs };
      assert.deepEqual(await extendRetention(backend, [pack.file], sooner), { extended: 0, longEnough: 1 });
      await backend.close();
      s3.destroy();
    });

    test('a large file goes up in pieces, protected like others, and no piece stays behind', async () => {
      const backend = await at('pieces', locking, smallPieces);
      await backend.create();
      const { file, bytes, key } = sample('data', 16 * 2 ** 20 + 123);
      await backend.save(file, [bytes.subarray(0, 7), bytes.subarray(7, 2 ** 23), bytes.subarray(2 ** 23)]);
      assert.ok((await backend.load(file)).equals(bytes));
      const { s3, sdk } = await client();
      const head = await s3.send(new sdk.HeadObjectCommand({ Bucket: bucketOf('pieces'), Key: key }));
      assert.equal(head.ObjectLockMode, 'GOVERNANCE');

      const stopped = sample('data', 16 * 2 ** 20);
      const stop = new AbortController();
      const saving = backend.save(stopped.file, [stopped.bytes], stop.signal);
      setTimeout(() => stop.abort(new Error('stop')), 20);
      await assert.rejects(saving, /stop/);
      assert.equal((await listed(backend, 'data')).length, 1);

      // A piece that was on its way may come to the server after the upload was dropped.
      const uploads = async () => {
        const left = await s3.send(new sdk.ListMultipartUploadsCommand({ Bucket: bucketOf('pieces') }));
        return left.Uploads?.length ?? 0;
      };
      await s3.send(new sdk.CreateMultipartUploadCommand({ Bucket: bucketOf('pieces'), Key: stopped.key }));
      const clock = systemClock();
      assert.equal(await backend.removeLeftovers?.(clock), 0);
      assert.ok((await uploads()) >= 1);
      const tomorrow = { ...clock, nowNs: () => clock.nowNs() + BigInt(2 * dayMs) * 1_000_000n };
      assert.ok(((await backend.removeLeftovers?.(tomorrow)) ?? 0) >= 1);
      assert.equal(await uploads(), 0);
      await backend.close();
      s3.destroy();
    });

    test('a bucket that cannot lock is refused before anything is written', async () => {
      const plain = await at('plain');
      await plain.create();
      const { file, bytes } = sample('data');
      const demanding = await at('plain', locking);
      await rejectsWith('BACKEND_UNPROTECTED', demanding.create());
      await rejectsWith('BACKEND_UNPROTECTED', demanding.save(file, [bytes]));
      assert.deepEqual(await listed(plain, 'data'), []);
      const past = await at('plain', { 's3.as-of': '2026-08-20T14:00:00Z' });
      await rejectsWith('BACKEND_UNPROTECTED', listed(past, 'data'));
      for (const one of [plain, demanding, past]) await one.close();
    });

    test('the past is shown whatever was deleted and overwritten since, and cannot be written', async () => {
      const backend = await at('history', locking);
      await backend.create();
      const [stays, goesBefore, deleted, later] = [sample('data'), sample('index'), sample('data'), sample('data')];
      for (const one of [stays, goesBefore, deleted]) await backend.save(one.file, [one.bytes]);
      await nextSecond();
      await backend.remove(goesBefore.file);
      const then = await nextSecond();
      await backend.remove(deleted.file);
      await backend.save(stays.file, [Buffer.from('encrypted by somebody else')]);
      await backend.save(later.file, [later.bytes]);

      const past = await at('history', { 's3.as-of': then });
      const names = [stays, deleted].map((one) => one.file.name).toSorted();
      assert.deepEqual(
        (await listed(past, 'data')).map(({ name }) => name),
        names,
      );
      assert.deepEqual(await listed(past, 'index'), []);
      const fresh = await at('history', { 's3.as-of': then });
      for (const { file, bytes } of [stays, deleted]) {
        for (const view of [past, fresh]) assert.deepEqual(await view.load(file), bytes);
        assert.deepEqual(await fresh.load(file, { offset: 10, length: 20 }), bytes.subarray(10, 30));
        assert.deepEqual(await fresh.stat(file), { sizeBytes: 100 });
      }
      for (const { file } of [goesBefore, later]) await rejectsWith('BACKEND_NOT_FOUND', fresh.load(file));
      await rejectsWith('BACKEND_READ_ONLY', past.save(later.file, [later.bytes]));
      await rejectsWith('BACKEND_READ_ONLY', past.remove(stays.file));
      await rejectsWith('BACKEND_READ_ONLY', past.create());
      for (const one of [backend, past, fresh]) await one.close();
    });

    test('lists of more than a thousand files and versions are complete', async () => {
      const backend = await at('many', { ...locking, 's3.connections': '20' });
      await backend.create();
      const bytes = Buffer.from('small');
      const count = 1050;
      const numbers = Array.from({ length: count }, (_, i) => i.toString(16).padStart(64, '0'));
      await Promise.all(numbers.map((name) => backend.save({ kind: 'snapshots', name }, [bytes])));
      assert.equal((await listed(backend, 'snapshots')).length, count);
      const then = await nextSecond();
      const old = await at('many', { 's3.list-objects-v1': 'true' });
      assert.equal((await listed(old, 'snapshots')).length, count);
      const past = await at('many', { 's3.as-of': then });
      assert.equal((await listed(past, 'snapshots')).length, count);
      for await (const { storedMs } of backend.list('snapshots')) assert.ok(storedMs !== undefined);
      for (const one of [backend, old, past]) await one.close();
    });
  });
}
