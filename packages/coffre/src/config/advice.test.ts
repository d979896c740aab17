/** What `config check` says of files that are right. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import type { ZoneName } from '../schedule/schedule-spec.ts';
import { adviceOn } from './advice.ts';
import { parseConfig } from './parse.ts';
import { readYaml } from './yaml-text.ts';

const beforeSummerMs = Date.UTC(2026, 2, 20);

function adviceIn(text: string): string[] {
  const surroundings = { variables: {}, systemZone: 'Europe/Paris' as ZoneName };
  const { root, config, mistakes } = parseConfig([readYaml({ file: 'coffre.yaml', text })], surroundings);
  assert.deepEqual(
    mistakes.filter(({ severity }) => severity === 'error'),
    [],
  );
  return adviceOn(root, config, beforeSummerMs).map(({ message }) => message);
}

function withPlan(plan: string, objectives = ''): string[] {
  return adviceIn(`version: 1
secrets: {pw: {env: PW}}
repositories: {main: {url: /srv/main, password: "\${secret:pw}"}}
sites:
  here: {host: web1, sources: {docs: {type: files, paths: [/srv/docs]${objectives}}}}
  there: {host: web2, sources: {docs: {type: files, paths: [/srv/docs]}}}
plans: {docs: {to: main, ${plan}}}
`);
}

test('the example of a company is told what of it nobody does yet', () => {
  const example = readFileSync(new URL('../../../../docs/examples/company.yaml', import.meta.url), 'utf8');
  assert.deepEqual(
    adviceIn(example).map((words) => /`([^`]+)`/.exec(words)?.[1]),
    [
      'alerts.heartbeat',
      'drills',
      'fleet',
      'server.audit',
      'server.metrics',
      'alerts.channels.ops',
      'alerts.channels.phone',
      'alerts.routes[0].when',
      'alerts.routes[1].when',
      'alerts.routes[2]',
    ],
  );
});

test('a plan whose sources are on two hosts saves only those of one', () => {
  assert.deepEqual(withPlan('sources: [here/docs]'), []);
  assert.deepEqual(withPlan('sources: [here/docs, there/docs]'), [
    '`plans.docs` has sources on 2 hosts (web1, web2): each run saves only those of the host that it runs on',
  ]);
});

test('an objective that the schedule cannot keep is told, and the hour of daylight saving is none', () => {
  const rpo = (objective: string, schedule: string): string[] =>
    withPlan(`sources: [here/docs], schedule: ${schedule}`, `, objectives: {rpo: ${objective}}`);
  assert.deepEqual(rpo('24h', '{at: ["02:30"]}'), []);
  assert.deepEqual(rpo('1h', '{every: 1h}'), []);
  assert.deepEqual(rpo('1h', '{every: 6h, on_change: {settle: 1s}}'), []);
  assert.deepEqual(rpo('30m', '{every: 1h}'), [
    '`plans.docs` runs too seldom for `here/docs`: up to 1 h lie between two runs, and its `rpo` is 30 min',
  ]);
  assert.deepEqual(rpo('24h', '{cron: "0 2 * * 1-5"}'), [
    '`plans.docs` runs too seldom for `here/docs`: up to 3 d lie between two runs, and its `rpo` is 24 h',
  ]);
});
