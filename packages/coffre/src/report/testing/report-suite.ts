/** A report of what runs, slots and verifications left behind, on any engine. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseConfig, requireConfig } from '../../config/parse.ts';
import { readYaml } from '../../config/yaml-text.ts';
import { parseZone } from '../../schedule/zone.ts';
import { openHistory, tellRun, tellVerification } from '../../status/testing/history.ts';
import type { Part } from '../../status/testing/history.ts';
import type { StoreLocation } from '../../store/location.ts';
import { nameBackup } from '../../store/named-backups.ts';
import { slotProgress } from '../../store/plan-progress.ts';
import { endRun, startRun } from '../../store/runs.ts';
import { closeSlot, markSlotMissing, openSlot } from '../../store/slots.ts';
import { periodOf } from '../period.ts';
import { readReport } from '../read-report.ts';
import { reportOf, successShare } from '../report.ts';

const hourMs = 3_600_000;
const nowMs = Date.parse('2026-08-25T08:00:00Z');
const dayMs = Date.parse('2026-08-23T22:00:00Z');
const zone = parseZone('Europe/Paris');

const yaml = `
version: 1
timezone: Europe/Paris
secrets: {key: {env: KEY}}
repositories:
  local: {url: /backup, password: "\${secret:key}"}
  offsite: {url: "rest:https://b.example/", password: "\${secret:key}"}
sites:
  lyon: {sources: {db: {type: sqlite, path: /srv/db, objectives: {rpo: 4h}}}}
plans:
  hourly: {sources: [lyon/db], to: local, schedule: {cron: "0 * * * *"}, copy: {offsite: {after: each}}}
`;

const saved: Part = {
  kind: 'source',
  source: 'lyon/db',
  repository: 'local',
  figures: { bytesStored: 1000, bytesRead: 5000 },
};
const copied: Part = { kind: 'copy', source: 'lyon/db', repository: 'offsite', figures: { bytesStored: 900 } };

export function reportSuite(engine: string, freshPlace: () => StoreLocation): void {
  test(`${engine}: a day is told with its failures, its gaps, its copies and its proofs`, async () => {
    const clock = { atMs: dayMs - hourMs };
    await using store = await openHistory(freshPlace(), clock);
    const plan = 'hourly';
    await tellRun(store, clock, {
      plan,
      atMs: dayMs - hourMs,
      tookMs: 30_000,
      outcome: 'success',
      parts: [saved, copied],
    });
    for (let hour = 0; hour < 24; hour += 1) {
      const atMs = dayMs + hour * hourMs;
      clock.atMs = atMs;
      await openSlot(store, { plan, dueAtMs: atMs });
      const isAway = hour >= 10 && hour < 16;
      if (isAway) {
        await markSlotMissing(store, { plan, dueAtMs: atMs });
        await closeSlot(store, { plan, dueAtMs: atMs }, 'missed', 'the machine was off');
        continue;
      }
      const isBroken = hour === 5;
      await tellRun(store, clock, {
        plan,
        atMs: atMs + 1000,
        outcome: isBroken ? 'failed' : 'success',
        parts: isBroken
          ? [{ ...saved, outcome: 'failed', reason: 'the database is locked', code: 'SOURCE_BUSY', figures: {} }]
          : [saved, { ...copied, outcome: hour === 6 || hour === 7 ? 'failed' : 'success' }],
      });
      await closeSlot(store, { plan, dueAtMs: atMs }, isBroken ? 'failed' : 'success');
    }
    await tellVerification(store, clock, dayMs + hourMs, { repository: 'local', kind: 'pack', outcome: 'good' });
    clock.atMs = dayMs + 2 * hourMs;
    await nameBackup(store, { repository: 'local', name: 'before-v2', snapshot: 'ab'.repeat(32), isPinned: true });
    const process = { host: 'test', pid: 1, bootId: 'boot 1', trigger: 'manual' } as const;
    const restore = await startRun(store, {
      plan,
      source: 'lyon/db',
      repository: 'local',
      kind: 'restore',
      ...process,
    });
    clock.atMs += 60_000;
    await endRun(store, restore, { outcome: 'success' });
    clock.atMs = nowMs;

    const config = requireConfig(
      parseConfig([readYaml({ file: 'coffre.yaml', text: yaml })], { variables: {}, systemZone: zone }),
    );
    const doors = { nowMs, here: 'here', isAlive: () => true, freeSpace: () => Promise.resolve(undefined) };
    const report = reportOf(await readReport(config, store, periodOf('daily', undefined, nowMs, zone), doors));
    assert.equal(report.period.firstDay, '2026-08-24');
    assert.deepEqual(report.backups, { good: 17, bad: 1, other: 0, warnings: 0 });
    assert.equal(successShare(report.backupsBefore), 1);
    assert.deepEqual(report.slots, { due: 24, inTime: 17, late: 0, missed: 6 });
    assert.deepEqual(report.copies, { good: 15, bad: 2, other: 0, warnings: 0 });
    assert.deepEqual(
      report.failures.map(({ kind, outcome, reason, code, count }) => [kind, outcome, reason, code, count]),
      [
        ['source', 'failed', 'the database is locked', 'SOURCE_BUSY', 1],
        ['copy', 'failed', undefined, undefined, 2],
      ],
    );
    assert.deepEqual([report.missed.length, report.missed[0]!.reason], [6, 'the machine was off']);
    const [objective] = report.objectives;
    assert.equal(objective!.kept.isMet, false);
    assert.equal(objective!.kept.worstAgeMs, 7 * hourMs + 30_000);
    assert.deepEqual(
      report.repositories.map(({ repository, bytesStored, bytesBefore }) => [repository, bytesStored, bytesBefore]),
      [
        ['local', 17_000, 1000],
        ['offsite', 17 * 900, 900],
      ],
    );
    assert.equal(report.plans[0]!.trend, 1);
    assert.deepEqual(
      report.verifications.map(({ kind, count }) => [kind, count]),
      [['pack', 1]],
    );
    assert.deepEqual(
      report.named.map(({ name, isPinned }) => [name, isPinned]),
      [['before-v2', true]],
    );
    assert.deepEqual(
      report.restores.map(({ kind, tookMs }) => [kind, tookMs]),
      [['restore', 60_000]],
    );
    assert.deepEqual(
      report.days.map(({ runs, bytesStored }) => [runs.good, bytesStored]),
      [[17, 17_000]],
    );
  });

  test(`${engine}: nothing is asked of a plan before its first slot, or while nobody knows it; afterwards it is`, async () => {
    const clock = { atMs: nowMs };
    await using store = await openHistory(freshPlace(), clock);
    const parsed = parseConfig(
      [readYaml({ file: 'coffre.yaml', text: yaml.replace('0 * * * *', '0 23 * * *').replace('4h', '1h') })],
      { variables: {}, systemZone: zone },
    );
    const config = requireConfig(parsed);
    const objectives = async (atMs: number, day?: string): Promise<boolean[]> => {
      const doors = { nowMs: atMs, here: 'h', isAlive: () => undefined, freeSpace: () => Promise.resolve(undefined) };
      const report = reportOf(await readReport(config, store, periodOf('daily', day, atMs, zone), doors));
      return report.objectives.map(({ kept }) => kept.isMet);
    };
    assert.deepEqual(await objectives(nowMs), []);
    await slotProgress(store, [{ plan: 'hourly', fingerprint: 'one' }]);
    assert.deepEqual(await objectives(nowMs + 6 * hourMs, '2026-08-25'), []);
    assert.deepEqual(await objectives(nowMs + 30 * hourMs, '2026-08-26'), [false]);
  });
}
