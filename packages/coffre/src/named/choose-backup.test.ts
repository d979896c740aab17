import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import type { StoredSnapshot } from '@coffre/repository';
import type { ZoneName } from '../schedule/schedule-spec.ts';
import { backupsOf, usersOfName } from './backups.ts';
import { chooseBackup } from './choose-backup.ts';
import type { BackupWish } from './choose-backup.ts';
import { tagsOf } from './tags.ts';
import type { BackupFacts } from './tags.ts';

const zone = 'Europe/Paris' as ZoneName;
const nowNs = BigInt(Date.UTC(2026, 7, 20, 14)) * 1_000_000n;

function saved(id: string, time: string, facts: Partial<BackupFacts> = {}, sizeBytes = 10): StoredSnapshot {
  const summary = { total_bytes_processed: sizeBytes };
  return { id: id.padEnd(64, '0'), snapshot: { time, tree: '', paths: [], tags: tagsOf(facts), summary } } as never;
}
const db = { plan: 'db', source: 'lyon/db', kind: 'auto', run: '7' } as const;
const files = { ...db, source: 'lyon/files' } as const;

const repository = [
  saved('a1', '2026-08-18T12:00:00Z', { ...db, run: '5' }),
  saved('a2', '2026-08-18T12:00:05Z', { ...files, run: '5' }),
  saved('b1', '2026-08-19T12:00:00Z', { ...db, run: '6' }),
  saved('c1', '2026-08-20T12:00:00Z', db),
  saved('c2', '2026-08-20T12:00:04Z', files),
  saved('d1', '2026-08-20T13:00:00Z', { ...db, kind: 'manual', name: 'v1', run: '8', isPinned: true }),
  saved('e1', '2026-08-20T13:30:00Z', { ...db, kind: 'temp', run: '9' }),
  saved('f1', '2027-01-01T00:00:00Z', { ...db, run: '10' }),
];

const chosen = (wish: BackupWish, among: readonly StoredSnapshot[] = repository): string[] =>
  chooseBackup(among, wish, { zone, nowNs }).map(({ snapshots }) => snapshots[0]!.id.slice(0, 2));
const latest = { kind: 'latest' } as const;
const at = (text: string) => ({ kind: 'at', instantNs: BigInt(Date.parse(text)) * 1_000_000n }) as const;

test('one run of a plan is one backup, whatever its sources; a number used again is another run', () => {
  const twice = [...repository, saved('07', '2026-07-01T00:00:00Z', db)];
  const lines = backupsOf(twice, zone).map(({ name, snapshots }) => `${name}: ${snapshots.length}`);
  assert.deepEqual(lines, [
    'backup_2027-01-01_01-00-00: 1',
    'e1000000: 1',
    'v1: 1',
    'backup_2026-08-20_14-00-00: 2',
    'backup_2026-08-19_14-00-00: 1',
    'backup_2026-08-18_14-00-00: 2',
    'backup_2026-07-01_02-00-00: 1',
  ]);
});

test('whoever was killed while pinning left two of one: they are one backup, and it is pinned', () => {
  const again = saved('c9', '2026-08-20T12:00:00Z', { ...db, isPinned: true });
  const found = backupsOf([...repository, again], zone).find(({ name }) => name === 'backup_2026-08-20_14-00-00');
  assert.deepEqual(
    found?.snapshots.map(({ id }) => id.slice(0, 2)),
    ['c9', 'c2'],
  );
  assert.deepEqual(
    found?.leftovers.map(({ id }) => id.slice(0, 2)),
    ['c1'],
  );
  const byName: BackupWish = { which: { kind: 'name', name: 'backup_2026-08-20_14-00-00' }, source: 'lyon/db' };
  assert.deepEqual(chosen(byName, [...repository, again]), ['c9']);
});

test('the newest of each source, never one of the future nor a copy made before a restore', () => {
  assert.deepEqual(chosen({ which: latest }), ['d1', 'c2']);
  assert.deepEqual(chosen({ which: latest, source: 'lyon/files' }), ['c2']);
});

test('those of a moment are the newest up to then, and earlier ones can stand in', () => {
  assert.deepEqual(chosen({ which: at('2026-08-20T12:00:02Z') }), ['c1', 'a2']);
  const [first] = chooseBackup(repository, { which: at('2026-08-20T12:30:00Z'), source: 'lyon/db' }, { zone, nowNs });
  assert.deepEqual(
    first?.snapshots.map(({ id }) => id.slice(0, 2)),
    ['c1', 'b1', 'a1'],
  );
  assert.throws(() => chosen({ which: at('2026-08-01T00:00:00Z') }), {
    code: 'SNAPSHOT_NOT_FOUND',
    message: 'there is no backup up to 2026-08-01 02:00:00+02:00',
    hint: 'The oldest is of 2026-08-18 14:00:00+02:00.',
  });
});

test('a name means the snapshots of one backup', () => {
  const named = (name: string) => chosen({ which: { kind: 'name', name } });
  assert.deepEqual(named('v1'), ['d1']);
  assert.deepEqual(named('backup_manual_v1'), ['d1']);
  assert.deepEqual(named('backup_2026-08-20_14-00-00'), ['c1', 'c2']);
  assert.deepEqual(named('backup_2026-08-20_14-00-04'), ['c1', 'c2']);
  assert.throws(() => named('v2'), { code: 'SNAPSHOT_NOT_FOUND' });
});

test('what could be several backups is asked, not guessed', () => {
  const other = saved('99', '2026-08-20T12:00:00Z', { ...db, plan: 'other', source: 'lyon/x' });
  assert.throws(() => chosen({ which: latest }, [...repository, other]), { code: 'USAGE' });
  const byName: BackupWish = { which: { kind: 'name', name: 'backup_2026-08-20_14-00-00' } };
  assert.throws(() => chosen(byName, [...repository, other]), { code: 'USAGE' });
  assert.deepEqual(chosen({ ...byName, plan: 'other' }, [...repository, other]), ['99']);
});

test('snapshots that no plan made can be restored as the latest', () => {
  assert.deepEqual(
    chosen({ which: latest }, [saved('1', '2026-08-01T00:00:00Z'), saved('2', '2026-08-02T00:00:00Z')]),
    ['20'],
  );
});

test('a name that is in use is found in whatever form it is written', () => {
  assert.deepEqual(usersOfName(repository, 'v1').length, 1);
  assert.deepEqual(usersOfName(repository, 'v2').length, 0);
});
