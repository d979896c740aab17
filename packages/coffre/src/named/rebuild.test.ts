import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import type { StoredSnapshot } from '@coffre/repository';
import type { ZoneName } from '../schedule/schedule-spec.ts';
import { backupsOf } from './backups.ts';
import { rebuiltRepository } from './rebuild.ts';
import type { RepositoryContents } from './rebuild.ts';
import { tagsOf } from './tags.ts';
import type { BackupFacts } from './tags.ts';

const startMs = Date.UTC(2026, 7, 20, 12);

function saved(id: string, afterMs: number, facts: Partial<BackupFacts>, storedMs?: number): StoredSnapshot {
  const time = new Date(startMs + afterMs).toISOString();
  const summary = {
    backup_end: new Date(startMs + afterMs + 500).toISOString(),
    total_files_processed: 2,
    total_bytes_processed: 10,
    files_new: 2,
    files_changed: 0,
    files_unmodified: 0,
    data_added: 7,
    data_added_packed: 5,
  };
  return {
    id,
    snapshot: { time, tree: '', paths: [], hostname: 'web', tags: tagsOf(facts), summary },
    storedMs,
  } as never;
}

const files = { plan: 'nightly', source: 'lyon/files', kind: 'auto', run: '7' } as const;
const shop = { ...files, source: 'lyon/shop' } as const;

const rebuilt = (snapshots: readonly StoredSnapshot[], more: Partial<RepositoryContents> = {}) =>
  rebuiltRepository({
    name: 'local',
    backups: backupsOf(snapshots, 'UTC' as ZoneName),
    isHome: () => true,
    known: new Set(),
    knownNames: new Set(),
    ...more,
  });

test('one run of a plan is one row and a row for each source, at the times when it happened', () => {
  const { runs } = rebuilt([saved('a', 0, files), saved('b', 1000, shop)]);
  const [run] = runs;
  assert.equal(runs.length, 1);
  assert.deepEqual([run?.whole?.startedMs, run?.whole?.endedMs], [startMs, startMs + 1500]);
  assert.deepEqual(
    [run?.whole?.run.kind, run?.whole?.run.source, run?.whole?.end.outcome],
    ['backup', undefined, 'success'],
  );
  assert.equal(run?.whole?.end.figures?.['bytesStored'], 10);
  assert.deepEqual(
    run?.parts.map(({ run: part, end }) => [part.kind, part.source, part.repository, end.snapshots]),
    [
      ['source', 'lyon/files', 'local', ['a']],
      ['source', 'lyon/shop', 'local', ['b']],
    ],
  );
});

test('where a plan only copies to there are copies, never older than what they are copies of', () => {
  const { runs } = rebuilt([saved('a', 0, files, startMs + 9000), saved('b', 1000, shop, startMs - 1)], {
    isHome: () => false,
  });
  assert.deepEqual(
    runs[0]?.parts.map(({ run, startedMs }) => [run.kind, startedMs - startMs]),
    [
      ['copy', 9000],
      ['copy', 1500],
    ],
  );
  assert.equal(runs[0]?.whole, undefined);
});

test('an incomplete backup is a warning, as it was', () => {
  const [run] = rebuilt([saved('a', 0, { ...files, isIncomplete: true })]).runs;
  assert.equal(run?.whole?.end.outcome, 'warning');
  assert.equal(run?.parts[0]?.end.outcome, 'warning');
});

test('names come back with their pins, and what is known is not added twice', () => {
  const snapshots = [saved('a', 0, { ...files, kind: 'manual', name: 'v1', isPinned: true })];
  const { names, runs } = rebuilt(snapshots);
  assert.deepEqual(names, [
    { repository: 'local', name: 'v1', plan: 'nightly', snapshot: 'a', isPinned: true, createdMs: startMs },
  ]);
  assert.equal(runs[0]?.parts[0]?.run.trigger, 'manual');
  const again = rebuilt(snapshots, { known: new Set(['a']), knownNames: new Set(['v1']) });
  assert.deepEqual(again, { runs: [], names: [] });
});

test('copies made before a restore and snapshots that no plan made are no runs', () => {
  assert.deepEqual(rebuilt([saved('a', 0, { ...files, kind: 'temp' }), saved('b', 0, {})]).runs, []);
});
