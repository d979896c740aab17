import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import { timetableTrigger } from '../config/values/schedule-text.ts';
import type { ZoneName } from '../schedule/schedule-spec.ts';
import { Zones } from '../schedule/zone.ts';
import { dueCare, type CareHistory } from './care-due.ts';

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const nowMs = Date.UTC(2026, 10, 21, 12);
const paris = 'Europe/Paris' as ZoneName;
const daily = timetableTrigger('daily', paris);
const nothing: CareHistory = { look: undefined, check: undefined, read: undefined, prune: undefined };
const promises = {
  check: { structure: daily, readData: { percent: 2, perMs: dayMs }, fullWithinMs: undefined },
  prune: { schedule: daily, maxUnused: undefined, maxRepackBytes: undefined },
};
const due = (done: Partial<CareHistory>, repository: Parameters<typeof dueCare>[0] = promises) =>
  dueCare(repository, { ...nothing, ...done }, nowMs, new Zones());

test('what was never done is due, and reading data stands for the check of the structure', () => {
  assert.deepEqual(due({}), ['look', 'read', 'prune']);
});

test('a repository without promises is looked at all the same', () => {
  const check = { structure: undefined, readData: undefined, fullWithinMs: undefined };
  assert.deepEqual(due({}, { check, prune: undefined }), ['look']);
});

test('a daily job that comes a few minutes early finds yesterday over', () => {
  const almostMs = nowMs - dayMs + hourMs / 2;
  assert.deepEqual(due({ look: almostMs, check: nowMs, read: almostMs, prune: nowMs }), ['look', 'read']);
  const freshMs = nowMs - 2 * hourMs;
  assert.deepEqual(due({ look: freshMs, check: nowMs, read: freshMs, prune: nowMs }), []);
});

test('a check with a time of the week waits for it', () => {
  const sunday = timetableTrigger('Sun 05:00', paris);
  const weekly = { check: { structure: sunday, readData: undefined, fullWithinMs: undefined }, prune: undefined };
  const doneMs = Date.UTC(2026, 10, 15, 12);
  assert.deepEqual(due({ look: nowMs, check: doneMs }, weekly), []);
  assert.deepEqual(due({ look: nowMs, check: doneMs - dayMs }, weekly), ['check']);
});
