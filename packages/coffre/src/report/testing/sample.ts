/** A report with something in every section. */
import { nowMs } from '../../status/testing/facts.ts';
import { fineFacts } from '../../status/testing/facts.ts';
import { statusOf } from '../../status/status.ts';
import { parseZone } from '../../schedule/zone.ts';
import { periodOf } from '../period.ts';
import type { ReportFacts } from '../report.ts';

const hourMs = 3_600_000;
const sum = {
  tookMs: 60_000,
  bytesStored: 1_000_000,
  bytesRead: 5_000_000,
  bytesNew: 2_000_000,
  snapshotsRemoved: 0,
} as const;

/** @param name stands wherever somebody could choose a name or a reason */
export function sampleFacts(name: string): ReportFacts {
  const period = periodOf('weekly', '2026-08-17', nowMs, parseZone('Europe/Paris'));
  const backup = { plan: name, source: undefined, repository: name, kind: 'backup' } as const;
  const failure = { plan: name, source: name, repository: name, reason: name, code: name };
  const trouble = {
    plan: name,
    source: name,
    repository: name,
    reason: name,
    code: name,
    startedMs: period.fromMs + hourMs,
    tookMs: 5000,
  };
  return {
    nowMs,
    company: name,
    zone: 'Europe/Paris',
    period,
    plans: [name],
    sums: [
      { ...sum, ...backup, outcome: 'success', count: 9, tookMs: 9 * 60_000 },
      { ...sum, ...backup, outcome: 'warning', count: 1, tookMs: 60_000 },
      { ...sum, ...backup, outcome: 'failed', count: 2 },
      { ...sum, ...backup, outcome: 'cancelled', count: 1 },
      { ...sum, ...backup, outcome: undefined, count: 1, tookMs: 0 },
      { ...sum, ...backup, source: name, kind: 'source', outcome: 'success', count: 10, bytesStored: 3_000_000_000 },
      { ...sum, ...backup, source: name, repository: `${name}2`, kind: 'copy', outcome: 'success', count: 7 },
      { ...sum, ...backup, source: name, repository: `${name}2`, kind: 'copy', outcome: 'failed', count: 1 },
      { ...sum, ...backup, repository: `${name}2`, kind: 'copy', outcome: 'success', count: 3 },
      { ...sum, ...backup, kind: 'retention', outcome: 'success', count: 1, snapshotsRemoved: 4 },
    ],
    before: [{ ...sum, ...backup, outcome: 'success', count: 10, tookMs: 10 * 30_000 }],
    days: period.dayStartsMs.slice(1).map((_, day) => [
      { kind: 'backup', outcome: 'success', count: day, tookMs: day * 60_000, bytesStored: 0 },
      { kind: 'source', outcome: 'success', count: day, tookMs: day * 60_000, bytesStored: day * 1_000_000 },
    ]),
    slots: [
      { plan: name, outcome: 'success', count: 9 },
      { plan: name, outcome: 'success-late', count: 1 },
      { plan: name, outcome: 'missed', count: 1 },
      { plan: name, outcome: 'skipped', count: 5 },
      { plan: name, outcome: undefined, count: 1 },
    ],
    failures: [
      {
        ...failure,
        kind: 'source',
        outcome: 'failed',
        count: 3,
        firstMs: period.fromMs,
        lastMs: period.fromMs + hourMs,
      },
    ],
    missed: [{ plan: name, dueMs: period.fromMs, outcome: 'missed', reason: name }],
    restores: [{ ...trouble, kind: 'restore', outcome: 'success' }],
    verifications: [{ repository: name, kind: 'pack', outcome: 'good', count: 7, newestMs: period.toMs - hourMs }],
    named: [{ name, repository: name, plan: name, isPinned: true, createdMs: period.fromMs }],
    objectives: [
      {
        plan: name,
        source: name,
        objectiveMs: hourMs,
        kept: { isMet: false, keptShare: 0.9999, worstAgeMs: 2 * hourMs },
      },
    ],
    rooms: new Map([
      [name, { sizeBytes: 5e9, freeBytes: 30e9, capacityBytes: 100e9, usedPercent: 70, daysToFull: undefined }],
      [`${name}2`, undefined],
    ]),
    status: statusOf(fineFacts),
  };
}
