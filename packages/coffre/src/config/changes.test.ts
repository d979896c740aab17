import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import { configChanges, consequences } from './changes.ts';
import { pathText } from './mistake.ts';

const base = {
  version: 1,
  repositories: { local: { url: '/backup', password: '${secret:key}' } },
  sites: { lyon: { sources: { db: { type: 'sqlite', path: '/srv/db' } } } },
  plans: {
    hourly: { sources: ['lyon/db'], to: 'local', schedule: { every: '1h' }, retention: { local: { daily: 30 } } },
  },
};
const lines = (before: object, after: object): string[] =>
  configChanges(before as never, after as never).map(({ kind, path }) => `${kind} ${pathText(path)}`);

test('the same file has no changes, in whatever order it is written', () => {
  const { plans, ...rest } = base;
  assert.deepEqual(lines(base, structuredClone({ plans, ...rest })), []);
});

test('a first file is new by its named things, not as one lump', () => {
  assert.deepEqual(lines({}, base), [
    'added version',
    'added repositories.local',
    'added sites.lyon',
    'added plans.hourly',
  ]);
});

test('single values are named, and lists are one value', () => {
  const after = structuredClone(base);
  after.plans.hourly.schedule.every = '30m';
  after.plans.hourly.sources.push('lyon/files');
  assert.deepEqual(lines(base, after), ['changed plans.hourly.sources', 'changed plans.hourly.schedule.every']);
});

test('what leaves is said with what it means for backups that are there', () => {
  const changes = configChanges(base, { ...base, repositories: {}, plans: {} });
  assert.deepEqual(consequences(changes), [
    'what is saved in local stays there; nothing looks after it any more',
    'backups of hourly stay; nothing expires them any more',
  ]);
});

test('new rules for expiry are pointed out', () => {
  const after = structuredClone(base);
  after.plans.hourly.retention.local.daily = 7;
  assert.deepEqual(consequences(configChanges(base, after)), ['the next run of hourly keeps by the new rules']);
});
