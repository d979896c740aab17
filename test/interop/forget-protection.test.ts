/** `forget --protect` on a folder whose files are as old as they would be, with restic's answer beside it. */
import assert from 'node:assert/strict';
import { utimesSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { createLocalBackend } from '../../packages/repository/src/backend/local.ts';
import type { SnapshotSummary } from '../../packages/repository/src/format/snapshot.ts';
import { formatTimestamp } from '../../packages/repository/src/format/time.ts';
import { shortId, type SnapshotId } from '../../packages/repository/src/ids.ts';
import { openRepository } from '../../packages/repository/src/repository.ts';
import {
  addSampleSnapshot,
  addSnapshotFile,
  createSampleHost,
  samplePassword,
} from '../../packages/repository/src/testing/sample-repository.ts';
import { createWorld, restic } from './cli-programs.ts';

const skip = restic === undefined ? 'restic is not here' : false;
const daySec = 86_400;

type Group = {
  remove: { id: string }[] | null;
  flagged?: { id: string; flag: string; reason: string }[];
  held?: string[];
};

describe('forget with protection', { skip }, async () => {
  const world = await createWorld();
  after(() => world[Symbol.dispose]());
  const nowSec = Math.floor(Date.now() / 1000);
  const repository = await openRepository({
    backend: createLocalBackend({ path: world.repository }),
    host: createSampleHost(),
    password: samplePassword,
  });
  await addSampleSnapshot(await repository.loadIndex(), { file: 'text' });
  const [first] = await repository.listSnapshots();
  assert.ok(first);
  await repository.remove('snapshots', first.id);

  async function add(datedDays: number, storedDays = datedDays, files = 50): Promise<SnapshotId> {
    const time = formatTimestamp({ sec: Math.round(nowSec - datedDays * daySec), nsec: made++ });
    const summary = { total_files_processed: files, total_bytes_processed: files * 1e6 } as SnapshotSummary;
    const id = await addSnapshotFile(repository, { tree: first!.snapshot.tree, time, summary });
    const storedSec = nowSec - storedDays * daySec;
    utimesSync(join(world.repository, 'snapshots', id), storedSec, storedSec);
    return id;
  }
  let made = 1;
  const good: SnapshotId[] = [];
  for (const days of [26, 25, 24, 23, 22, 21]) good.push(await add(days));
  const [empty, back, ahead] = [await add(20, 20, 0), await add(23.5, 19), await add(2, 18)];
  const flood: SnapshotId[] = [];
  for (let at = 0; at < 10; at += 1) flood.push(await add(0));
  const rules = ['forget', '--dry-run', '--json', '--keep-last', '4'];
  const forget = (...more: string[]): Group => {
    const run = world.coffre([...rules, ...more]);
    assert.equal(run.code, 0, run.stderr);
    const groups = JSON.parse(run.stdout) as Group[];
    assert.equal(groups.length, 1);
    return groups[0] as Group;
  };
  const removed = ({ remove }: Group): string[] => (remove ?? []).map(({ id }) => id).sort();

  test('without it the flood wins, as in restic, and the answers are the same byte for byte', () => {
    assert.equal(world.coffre(rules).stdout, world.restic(rules).stdout);
    for (const id of good) assert.ok(removed(forget()).includes(id));
  });

  test('with it the rules count the good ones, and what stays out is named with the reason', () => {
    const group = forget('--protect', '14d');
    assert.deepEqual(removed(group), good.slice(0, 2).sort());
    assert.deepEqual(
      new Map(group.flagged?.map(({ id, flag }) => [id, flag])),
      new Map([
        [ahead, 'dated-ahead'],
        [empty, 'shrunken'],
        [back, 'dated-back'],
      ]),
    );
    assert.deepEqual(group.held?.toSorted(), flood.toSorted());
    const shown = world.coffre(['forget', '--dry-run', '--keep-last', '4', '--protect', '14d']).stdout;
    assert.match(shown, /10 new snapshots stay and count for no rule yet\n3 snapshots look wrong/);
    assert.ok(shown.includes(`${shortId(empty)} holds none of the files of the ones before it`));
  });

  test('an accepted one counts again; without protection there is nothing to accept', () => {
    const group = forget('--protect', '14d', '--accept', shortId(empty));
    assert.ok(!group.flagged?.some(({ id }) => id === empty));
    assert.deepEqual(removed(group), good.slice(0, 3).sort());
    for (const wrong of [
      ['--accept', shortId(empty)],
      ['--protect', '0d'],
      ['--protect', 'soon'],
      ['--protect', '14d', '--accept', 'ffffffff'],
    ]) {
      const run = world.coffre([...rules, ...wrong]);
      assert.deepEqual([run.code, run.stdout], [1, ''], wrong.join(' '));
    }
  });

  test('three good ones are the floor where none is named, also for ids', () => {
    const few = world.coffre(['forget', '--dry-run', '--json', '--keep-last', '1', '--protect', '14d']);
    assert.deepEqual(removed((JSON.parse(few.stdout) as Group[])[0] as Group), good.slice(0, 3).sort());
    const named = world.coffre(['forget', '--dry-run', '--protect', '14d', ...good.slice(1)]);
    assert.deepEqual([named.code, named.stderr.includes('POLICY_FLOOR')], [1, true]);
    assert.equal(world.coffre(['forget', '--dry-run', '--protect', '14d', ahead, back]).code, 0);
  });

  test('what is removed is what was shown, and restic agrees afterwards', () => {
    assert.equal(world.coffre(['forget', '--keep-last', '4', '--protect', '14d']).code, 0);
    const left = JSON.parse(world.restic(['snapshots', '--json']).stdout) as { id: string }[];
    assert.deepEqual(left.map(({ id }) => id).sort(), [...good.slice(2), empty, back, ahead, ...flood].sort());
  });
});
