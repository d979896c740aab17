import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseConfig, requireConfig } from '../config/parse.ts';
import { readYaml } from '../config/yaml-text.ts';
import { parseZone } from '../schedule/zone.ts';
import { workOf } from './work.ts';

const text = `version: 1
secrets: {pw: {env: PW}}
repositories:
  main: {url: /srv/main, password: "\${secret:pw}", check: {structure: daily}, prune: {schedule: "Sun 05:00"}}
  offsite: {url: /srv/offsite, password: "\${secret:pw}", maintained_by: lyon}
  far: {url: /srv/far, password: "\${secret:pw}", maintained_by: elsewhere}
sites:
  home: {sources: {docs: {type: files, paths: [/srv/docs], exclude: ["*.log"], objectives: {rpo: 1h}}}}
  other: {host: elsewhere, sources: {docs: {type: files, paths: [/srv/docs]}}}
plans:
  db:
    sources: [home/docs, other/docs]
    to: main
    schedule: {on_change: true}
    copy: {offsite: {schedule: "daily"}, far: {after: each}}
  theirs: {sources: [other/docs], to: main}
`;
const config = requireConfig(
  parseConfig([readYaml({ file: 'coffre.yaml', text })], { variables: {}, systemZone: parseZone('UTC') }),
);
const works = workOf(config, 'lyon');

test('plans of this host, copies with their own times and the care of repositories are due here', () => {
  assert.deepEqual(
    [...works.values()].map(({ entry, words }) => [entry.plan, words.join(' ')]),
    [
      ['db', 'run db'],
      ['copy/db/offsite', 'run db --copy offsite'],
      ['care/main', 'care main'],
      ['care/offsite', 'care offsite'],
    ],
  );
});

test('a plan and its copy never run at once, and every repository that a run touches is named', () => {
  const leases = (plan: string): string[] =>
    works.get(plan)!.entry.leases.map(({ repository, mode }) => `${repository} ${mode}`);
  assert.deepEqual(leases('db'), ['main shared', 'far shared', 'plan/db exclusive']);
  assert.deepEqual(leases('copy/db/offsite'), ['main shared', 'offsite shared', 'plan/db exclusive']);
});

test('what is watched leaves out what is not saved; the strictest objective counts', () => {
  const { watched, entry } = works.get('db')!;
  assert.deepEqual(watched?.[0], { path: '/srv/docs', exclude: ['*.log'] });
  assert.equal(entry.objectiveMs, 3_600_000);
});

test('repositories are looked at at times of their own', () => {
  const [main] = works.get('care/main')!.entry.spec.triggers;
  const [offsite] = works.get('care/offsite')!.entry.spec.triggers;
  assert.notDeepEqual(main, offsite);
  assert.equal(works.get('care/main')!.entry.spec.triggers.length, 3);
});
