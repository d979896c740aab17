/** Facts of things that are as they should be, to be made worse one at a time. */
import type { CopyFacts, ItemFacts, PlanRunFacts, RepositoryFacts, StatusFacts, TrackFacts } from '../facts.ts';

export const nowMs: number = Date.UTC(2026, 7, 24, 6);
export const minuteMs = 60_000;
export const hourMs: number = 60 * minuteMs;
export const dayMs: number = 24 * hourMs;

export const goodRun: NonNullable<TrackFacts['lastGood']> = {
  startedMs: nowMs - hourMs,
  endedMs: nowMs - hourMs + minuteMs,
  outcome: 'success',
  reason: undefined,
  snapshot: 'ab'.repeat(32),
  isVerified: false,
  isAsked: false,
  figures: { bytesTotal: 1_000_000, bytesNew: 2000, bytesStored: 1000 },
};

export const fineRun: PlanRunFacts = {
  newest: goodRun,
  open: undefined,
  failures: 0,
  usualMs: minuteMs,
  samples: 20,
  openSlots: 0,
  newestSlot: { dueMs: nowMs - hourMs, missingMs: undefined, outcome: 'success' },
  retainsIn: ['local'],
  retention: [{ repository: 'local', run: goodRun }],
};

export const fineCopy: CopyFacts = {
  repository: 'offsite',
  newest: goodRun,
  lastGood: goodRun,
  when: 'each',
  objectiveMs: 6 * hourMs,
  recoveryPointMs: goodRun.startedMs,
  waitingSinceMs: undefined,
  dueMs: undefined,
  nextDueMs: undefined,
};

export const fineItem: ItemFacts = {
  plan: 'db-hourly',
  source: 'lyon/shop_db',
  site: 'lyon',
  foreignHost: undefined,
  criticality: 'critical',
  engine: 'sqlite',
  schedule: 'every hour',
  knownSinceMs: nowMs - 30 * dayMs,
  rpoMs: 2 * hourMs,
  rtoMs: undefined,
  place: 'lyon',
  waivers: [],
  isEnabled: true,
  pause: undefined,
  expectation: { kind: 'clock', nextDueMs: nowMs + hourMs, deadlineMs: nowMs + 2 * hourMs, open: undefined },
  retriesMax: 3,
  run: fineRun,
  backup: { repository: 'local', newest: goodRun, lastGood: goodRun },
  copies: [fineCopy],
};

const seen = { atMs: nowMs - 2 * hourMs, outcome: 'good', detail: undefined } as const;

export const fineRepository: RepositoryFacts = {
  name: 'local',
  medium: 'disk',
  place: 'lyon',
  heldSinceMs: nowMs - 30 * dayMs,
  isAppendOnly: false,
  objectLockMs: undefined,
  maintainedBy: undefined,
  verifications: { list: { newest: seen, good: seen, newestDamaged: undefined } },
  readsWhole: true,
  proved: [],
  checkDueMs: undefined,
  fullWithinMs: undefined,
  room: undefined,
  capacityAlertPercent: undefined,
  holders: [],
};

export const fineFacts: StatusFacts = {
  nowMs,
  items: [fineItem],
  repositories: [fineRepository, { ...fineRepository, name: 'offsite', medium: 'object', place: 'fr-par' }],
  unplanned: [],
};
