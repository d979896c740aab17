/** Proofs that a plan wants beyond each run, and what stands in the way of saving and copying. */
import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import { factsOf } from '../named/tags.ts';
import { makePlanScene, usualYaml } from './testing/plan-scene.ts';

const sources = `sites: {lyon: {sources: {notes: {type: command, run: [echo, remember]}}}}`;
const dayMs = 86_400_000;

test('the proof of the day comes once a day, also where nothing changed', async () => {
  await using scene = await makePlanScene();
  const yaml = usualYaml(
    scene.folder,
    `${sources}
plans: {shop: {sources: [lyon/notes], to: local, skip_if_unchanged: true, verify: {daily: [hash], weekly: [archive]}}}`,
  );
  const startMs = Date.now();
  const steps = async (afterMs: number): Promise<number | undefined> =>
    (await scene.run(yaml, 'shop', { nowMs: startMs + afterMs })).parts[0]?.figures.stepsPassed;
  assert.equal(await steps(0), 2);
  assert.equal(await steps(1000), undefined);
  assert.equal(await steps(dayMs), 1);
  assert.equal(await steps(7 * dayMs), 2);
});

test('the proof of files reads back what no proved backup has, and all of it after one that was not proved', async () => {
  await using scene = await makePlanScene();
  const yaml = usualYaml(
    scene.folder,
    `sites: {lyon: {sources: {uploads: {type: files, paths: [FOLDER/data]}}}}
plans: {shop: {sources: [lyon/uploads], to: local, verify: {each: [archive, open]}}}`,
  );
  const write = (name: string, size: number): string => scene.write(`data/${name}`, name.repeat(size));
  write('a', 1000);
  write('b', 2000);
  const readBack = async (text: string): Promise<[string, number | undefined, number | undefined]> => {
    const { outcome, parts } = await scene.run(text);
    return [outcome, parts[0]?.figures.stepsPassed, parts[0]?.figures.readBackBytes];
  };
  const first = await readBack(yaml);
  assert.deepEqual(first.slice(0, 2), ['success', 1]);
  // What a snapshot says of itself is among its files: the plan.
  const planBytes = first[2]! - 3000;
  write('c', 500);
  assert.deepEqual(await readBack(yaml), ['success', 1, 500]);
  write('d', 300);
  const unproved = yaml.replace('[archive, open]', '[]');
  assert.deepEqual(await readBack(unproved), ['success', undefined, undefined]);
  write('e', 200);
  assert.deepEqual(await readBack(yaml), ['success', 1, 4000 + planBytes]);
});

test('outside the hours of a repository nothing is copied there, and the row says why', async () => {
  await using scene = await makePlanScene();
  const plain = usualYaml(
    scene.folder,
    `${sources}
plans: {shop: {sources: [lyon/notes], to: local, copy: {offsite: {after: each}}}}`,
  );
  const yaml = plain.replace('place: there}', 'place: there, limits: {window: "19:00-07:00"}}');
  const noonMs = Date.UTC(2030, 0, 1, 12);
  const day = await scene.run(yaml, 'shop', { nowMs: noonMs });
  assert.equal(day.outcome, 'success');
  assert.deepEqual(
    day.parts.map(({ kind, outcome, reason }) => [kind, outcome, reason]),
    [
      ['source', 'success', undefined],
      ['copy', 'skipped', 'outside the hours of offsite (19:00-07:00)'],
    ],
  );
  const night = await scene.run(yaml, 'shop', { nowMs: noonMs + dayMs / 2 });
  assert.equal(night.parts[1]?.outcome, 'success');
});

test('only a copy is made when that is asked for, also of a repository that is copied to by hand', async () => {
  await using scene = await makePlanScene();
  const yaml = usualYaml(
    scene.folder,
    `${sources}
plans: {shop: {sources: [lyon/notes], to: local, copy: {offsite: {after: manual}}}}`,
  );
  assert.deepEqual(
    (await scene.run(yaml)).parts.map(({ kind }) => kind),
    ['source'],
  );
  const copied = await scene.run(yaml, 'shop', { purpose: { copyTo: 'offsite' } });
  assert.deepEqual([copied.outcome, copied.parts.map(({ kind }) => kind)], ['success', ['copy']]);
  const nowhere = await scene.run(yaml, 'shop', { purpose: { copyTo: 'moon' } });
  assert.deepEqual([nowhere.code, nowhere.hint], ['PLAN_UNKNOWN', 'It copies to offsite.']);
  assert.equal((await scene.rows()).filter(({ kind, source }) => kind === 'backup' && source === undefined).length, 1);
});

test('a repository that another host maintains, or that only takes, is never tidied from here', async () => {
  await using scene = await makePlanScene();
  const plain = usualYaml(
    scene.folder,
    `${sources}
plans: {shop: {sources: [lyon/notes], to: local, retention: {local: {last: 1, floor: 1}}}}`,
  );
  for (const words of ['append_only: true', 'maintained_by: vault.invalid']) {
    const yaml = plain.replace('place: here}', `place: here, ${words}}`);
    const { outcome, parts } = await scene.run(yaml);
    assert.deepEqual([outcome, parts.map(({ kind }) => kind)], ['success', ['source']], words);
  }
  const own = plain.replace('place: here}', `place: here, append_only: true, maintained_by: ${scene.machine.host}}`);
  assert.deepEqual(
    (await scene.run(own)).parts.map(({ kind }) => kind),
    ['source', 'retention'],
  );
});

test('pinned and named backups of a plan stay, whatever its retention says', async () => {
  await using scene = await makePlanScene();
  const yaml = usualYaml(
    scene.folder,
    `${sources}
plans: {shop: {sources: [lyon/notes], to: local, retention: {local: {last: 1, floor: 1}}}}`,
  );
  await scene.run(yaml, 'shop', { purpose: { kind: 'manual', name: 'before' } });
  await scene.run(yaml, 'shop', { purpose: { pin: true } });
  await scene.run(yaml);
  await scene.run(yaml);
  const kinds = (await scene.snapshots(yaml, 'local')).map(({ snapshot }) => factsOf(snapshot));
  assert.deepEqual(
    kinds.map(({ kind, name, isPinned }) => [kind, name, isPinned]),
    [
      ['manual', 'before', false],
      ['auto', undefined, true],
      ['auto', undefined, false],
    ],
  );
});
