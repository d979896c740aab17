/** What a run says of reading, storing and restoring, held against bytes that are known. */
import { strict as assert } from 'node:assert';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { assumedRate } from '../named/restore-estimate.ts';
import { factsOf } from '../named/tags.ts';
import { makePlanScene, usualYaml } from './testing/plan-scene.ts';
import type { RunFigures } from './run-figures.ts';

const sources = `sites: {lyon: {sources: {shop: {type: files, paths: [FOLDER/shop]}}}}`;
const kib = 1024;
/** The manifest, its signature, the hashes and folders are saved with every backup. */
const beside = 16 * kib;

function isAbout(actual: number | undefined, expected: number): void {
  assert.ok(actual !== undefined && actual >= expected && actual <= expected + beside, `${actual} is not ${expected}`);
}

test('a full read, two backups after it and another full read say what they read, added, and would take', async () => {
  await using scene = await makePlanScene();
  const put = (name: string, sizeKib: number): string =>
    scene.write(`shop/${name}`, randomBytes((sizeKib * kib) / 2).toString('hex'));
  const yaml = usualYaml(scene.folder, `${sources}\nplans: {shop: {sources: [lyon/shop], to: local}}`);
  const run = async (full = false): Promise<RunFigures> =>
    (await scene.run(yaml, 'shop', { purpose: { full } })).parts[0]?.figures ?? {};
  put('all', 400);
  const first = await run();
  isAbout(first.bytesRead, 400 * kib);
  isAbout(first.bytesNew, 400 * kib);
  assert.deepEqual([first.readFull, first.bytesSinceFull, first.incrementalEstimateMs], [1, 0, undefined]);
  put('one', 30);
  const second = await run();
  put('two', 20);
  const third = await run();
  isAbout(third.bytesRead, 20 * kib);
  isAbout(third.bytesNew, 20 * kib);
  isAbout(third.bytesTotal, 450 * kib);
  assert.equal(third.bytesSinceFull, second.bytesNew! + third.bytesNew!);
  assert.equal(third.readFull, undefined);
  const ms = (bytes: number | undefined): number => Math.ceil((bytes! / assumedRate.bytesPerSecond) * 1000);
  assert.deepEqual(
    [third.restoreEstimateMs, third.differentialEstimateMs, third.incrementalEstimateMs, third.restoreMeasured],
    [ms(third.bytesTotal), ms(third.bytesSinceFull), ms(third.bytesNew), undefined],
  );
  const again = await run(true);
  isAbout(again.bytesRead, 450 * kib);
  assert.deepEqual([again.readFull, again.bytesSinceFull], [1, 0]);
  const saved = await scene.snapshots(yaml, 'local');
  assert.deepEqual(
    saved.map(({ snapshot }) => factsOf(snapshot).isFull),
    [true, false, false, true],
  );
  const types = [];
  for (const { id } of saved) {
    const text = (await scene.fileOf(yaml, 'local', id, '/.coffre/manifest.json')).toString();
    types.push((JSON.parse(text) as { type: string }).type);
  }
  assert.deepEqual(types, ['full', 'incremental', 'incremental', 'full']);
  assert.deepEqual(
    saved.map(({ snapshot }) => snapshot.summary?.bytes_read),
    [first, second, third, again].map(({ bytesRead }) => bytesRead),
  );
});

test('the read-back of this run says how fast it comes back, and those before it where this one has none', async () => {
  await using scene = await makePlanScene();
  scene.write('shop/all', randomBytes(600 * kib).toString('hex'));
  const plan = (verify: string): string =>
    usualYaml(scene.folder, `${sources}\nplans: {shop: {sources: [lyon/shop], to: local${verify}}}`);
  const proved = (await scene.run(plan(', verify: {each: [hash]}'))).parts[0]?.figures;
  assert.equal(proved?.restoreMeasured, 1);
  const { readBackBytes = 0, readBackMs = 0, bytesTotal = 0 } = proved ?? {};
  isAbout(readBackBytes, 1200 * kib);
  assert.equal(proved?.restoreEstimateMs, Math.ceil((bytesTotal / ((readBackBytes * 1000) / readBackMs)) * 1000));
  scene.write('shop/more', 'more');
  const later = (await scene.run(plan(''))).parts[0]?.figures;
  assert.deepEqual([later?.restoreMeasured, later?.readBackMs], [1, undefined]);
});
