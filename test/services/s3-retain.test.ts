/** `coffre retain` on a bucket with object lock: what snapshots need is kept for longer, and nothing else. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { createStage } from '../interop/stage.ts';
import { skipWithoutService } from './programs.ts';
import { startVersityGateway } from './versitygw.ts';
import type { VersityGateway } from './versitygw.ts';

const dayMs = 24 * 3600_000;
const lockFor = (days: number): string[] => [
  '-o',
  's3.object-lock-mode=governance',
  '-o',
  `s3.object-lock-days=${days}`,
];

describe('keeping files for longer', { skip: skipWithoutService('versitygw') }, () => {
  test('everything in use is kept for the new period, what is not in use is left, and a second run changes nothing', async () => {
    await using gateway = await startVersityGateway();
    using stage = createStage();
    const repository = `s3:${gateway.origin}/retained/p`;
    const environment = gateway.environment;
    const ok = (...argv: string[]): string => stage.ok('coffre', repository, argv, { environment });
    const source = join(stage.folder, 'source');
    mkdirSync(source);
    ok(...lockFor(2), 'init');
    writeFileSync(join(source, 'gone'), randomBytes(50_000));
    ok(...lockFor(2), 'backup', source);
    rmSync(join(source, 'gone'));
    writeFileSync(join(source, 'stays'), randomBytes(50_000));
    ok(...lockFor(2), 'backup', source);

    const before = await daysKept(gateway, 'retained');
    assert.ok([...before.values()].every((days) => days === 2));
    const retain = (...argv: string[]): Summary => JSON.parse(ok(...argv, '--json')) as Summary;
    const dry = retain(...lockFor(5), 'retain', 'latest', '--dry-run');
    assert.deepEqual([dry.dry_run, dry.files_long_enough, dry.packs], [true, 0, 2]);
    assert.deepEqual(await daysKept(gateway, 'retained'), before);

    // The first snapshot is left out: its own packs keep their two days.
    const done = retain(...lockFor(5), 'retain', 'latest');
    assert.deepEqual([done.packs, done.files_extended], [2, dry.files_extended]);
    const kept = await daysKept(gateway, 'retained');
    const packDays = [...kept].filter(([key]) => key.startsWith('p/data/')).map(([, days]) => days);
    assert.deepEqual(
      packDays.toSorted((a, b) => a - b),
      [2, 2, 5, 5],
    );
    assert.ok([...kept].every(([key, days]) => key.startsWith('p/data/') || days === 5));

    const all = retain(...lockFor(5), 'retain', '--enough', '4d');
    assert.deepEqual([all.packs, all.files_extended, all.files_long_enough], [4, 2, done.files_extended]);
    assert.ok([...(await daysKept(gateway, 'retained')).values()].every((days) => days === 5));
    assert.equal(retain(...lockFor(3), 'retain').files_extended, 0);
  });

  test('without object lock, or without its options, it says what is missing', async () => {
    await using gateway = await startVersityGateway();
    using stage = createStage();
    const repository = `s3:${gateway.origin}/plain/p`;
    const { environment } = gateway;
    stage.ok('coffre', repository, ['init'], { environment });
    const bare = stage.run('coffre', repository, ['retain'], { environment });
    assert.equal(bare.code, 1);
    assert.match(bare.stderr, /BACKEND_UNPROTECTED.*object-lock-mode/s);
    const unlockable = stage.run('coffre', repository, [...lockFor(3), 'retain'], { environment });
    assert.match(unlockable.stderr, /BACKEND_UNPROTECTED/);
  });
});

type Summary = {
  readonly dry_run: boolean;
  readonly files_extended: number;
  readonly files_long_enough: number;
  readonly packs: number;
};

/** In whole days from now, of everything that is no lock of the repository. */
async function daysKept({ origin, environment }: VersityGateway, bucket: string): Promise<Map<string, number>> {
  const { S3Client, ListObjectsV2Command, HeadObjectCommand } = await import('@aws-sdk/client-s3');
  const credentials = {
    accessKeyId: environment.AWS_ACCESS_KEY_ID,
    secretAccessKey: environment.AWS_SECRET_ACCESS_KEY,
  };
  const s3 = new S3Client({ endpoint: origin, region: 'us-east-1', forcePathStyle: true, credentials });
  const { Contents = [] } = await s3.send(new ListObjectsV2Command({ Bucket: bucket }));
  const days = new Map<string, number>();
  for (const { Key = '' } of Contents) {
    if (Key.startsWith('p/locks/') || Key.endsWith('/')) continue;
    const { ObjectLockRetainUntilDate: until } = await s3.send(new HeadObjectCommand({ Bucket: bucket, Key }));
    days.set(Key, until === undefined ? 0 : Math.round((until.getTime() - Date.now()) / dayMs));
  }
  s3.destroy();
  return days;
}
