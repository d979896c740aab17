import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { isCoffreError } from '@coffre/repository';
import type { ZoneName } from '../schedule/schedule-spec.ts';
import { guardsOf } from './config.ts';
import type { Config, PlanName, RepositoryName, SourceName } from './config.ts';
import { parseConfig, requireConfig } from './parse.ts';
import { environmentPlace, readSimpleStyle } from './simple-style.ts';
import { readYaml } from './yaml-text.ts';

const example = readFileSync(new URL('../../../../docs/examples/company.yaml', import.meta.url), 'utf8');
const zone = 'UTC' as ZoneName;

function configOf(text: string, variables: Record<string, string> = {}): Config {
  return requireConfig(parseConfig([readYaml({ file: 'coffre.yaml', text })], { variables, systemZone: zone }));
}

test('the example of a company becomes values with units, names and defaults', () => {
  const config = configOf(example);
  assert.deepEqual([config.timezone, config.sources.size, config.plans.size], ['Europe/Paris', 7, 5]);
  const offsite = config.repositories.get('offsite' as RepositoryName)!;
  assert.equal(offsite.limits.uploadBytesPerSecond, 2_500_000);
  assert.deepEqual(offsite.place, { medium: 'object', place: 'fr-par' });
  assert.deepEqual(offsite.access.key, { template: '${secret:s3_key}', secretNames: ['s3_key'] });
  assert.equal(offsite.maintainedBy, 'vault');
  const plan = config.plans.get('db-hourly' as PlanName)!;
  assert.deepEqual([plan.maxRuntimeMs, plan.schedule.jitterMs, plan.priority], [10_800_000, 600_000, 'low']);
  assert.deepEqual(plan.copies, [{ to: 'offsite', when: { kind: 'each' }, objectiveMs: 21_600_000, hooks: [] }]);
  assert.deepEqual(plan.retention.get('local' as RepositoryName), { policy: { hourly: 24, daily: 30 }, floor: 3 });
  assert.equal(plan.schedule.triggers[0]!.kind, 'cron');
  const states = config.plans.get('states-live' as PlanName)!;
  assert.deepEqual(states.schedule.triggers, [
    { kind: 'every', periodMs: 3_600_000, originMs: 0 },
    { kind: 'on_change', settleMs: 2000, atMostMs: 30_000 },
  ]);
  const source = config.sources.get('lyon/states' as SourceName)!;
  assert.deepEqual([source.type, source.host, source.criticality], ['files', 'app1', 'critical']);
  assert.deepEqual(guardsOf(plan, source), {
    emptySource: 'refuse',
    wrongMount: 'refuse',
    minFiles: 1,
    shrinkOverPercent: 40,
    growthOverPercent: 300,
    futureSnapshots: 'ignore',
  });
  const hooks = config.plans.get('files-6h' as PlanName)!.hooks;
  assert.deepEqual(
    hooks.map(({ timeoutMs, onError }) => [timeoutMs, onError]),
    [
      [30_000, 'abort'],
      [300_000, 'abort'],
    ],
  );
});

const small = (rest: string): string =>
  `version: 1\nsecrets: {pw: {env: PW}}\nrepositories: {r: {url: "\${WHERE:-/srv/r}", password: "\${secret:pw}"}}\n${rest}`;

test('variables fill values in, numbers too, and a default stands for what is not set', () => {
  const text = small(
    'defaults: {guards: {min_files: "${MIN}"}}\nserver: {metrics: "${METRICS:-true}"}\ncompany: "$${A} & ${NAME:-Co}"\n',
  );
  const config = configOf(text, { MIN: '7' });
  assert.equal(config.repositories.get('r' as RepositoryName)!.url.template, '/srv/r');
  assert.deepEqual([config.server.metrics, config.company], [true, '${A} & Co']);
  assert.throws(
    () => configOf(text),
    (error) => isCoffreError(error, 'CONFIG_INVALID') && /MIN is not set/.test(error.message),
  );
  const check = parseConfig([readYaml({ file: 'x', text })], { variables: {}, systemZone: zone });
  assert.deepEqual([check.mistakes, check.unset.map(({ name }) => name)], [[], ['MIN']]);
});

test('later files win key by key, and lists are taken whole', () => {
  const base = readYaml({ file: 'a', text: small('company: A\ncontacts: [{role: x}, {role: y}]\n') });
  const over = readYaml({
    file: 'b',
    text: 'company: B\ncontacts: [{role: z}]\nrepositories: {r: {compression: max}}\n',
  });
  const config = requireConfig(parseConfig([base, over], { variables: {}, systemZone: zone }));
  assert.deepEqual([config.company, config.contacts.length], ['B', 1]);
  const repository = config.repositories.get('r' as RepositoryName)!;
  assert.deepEqual([repository.compression, repository.url.template], ['max', '/srv/r']);
});

test('a slip in the environment style is refused; what may be of another program is spoken of', () => {
  const said = (name: string): string[] => {
    const names = ['BACKUP_SOURCE', 'RESTIC_REPOSITORY', 'RESTIC_PASSWORD', name];
    const placed = new Map(names.map((each) => [each, { value: '7', place: environmentPlace }] as const));
    const { mistakes, config } = parseConfig([readSimpleStyle(placed)!], { variables: {}, systemZone: zone });
    assert.equal(
      config === undefined,
      mistakes.some(({ severity }) => severity === 'error'),
    );
    return mistakes.map(({ severity, message, hint }) => `${severity}: ${message} | ${hint}`);
  };
  assert.deepEqual(said('BACKUP_RETENTION_DAY'), [
    'error: BACKUP_RETENTION_DAY says nothing to coffre | Did you mean `BACKUP_RETENTION_DAYS`?',
  ]);
  assert.match(said('BACKUP_DIR')[0]!, /^warning: BACKUP_DIR says nothing to coffre \| Known: `BACKUP_SOURCE`, /);
  assert.deepEqual(said('BACKUP_INTERVAL'), []);
});

test('the environment style means the same as a file', () => {
  const placed = new Map(
    Object.entries({
      BACKUP_SOURCE: '/srv/${data}',
      BACKUP_INTERVAL: '7200',
      BACKUP_COMPRESSION: 'false',
      RESTIC_REPOSITORY: '/srv/r',
      RESTIC_PASSWORD_COMMAND: 'pass show "my backup"',
    }).map(([name, value]) => [name, { value, place: environmentPlace }] as const),
  );
  const config = requireConfig(parseConfig([readSimpleStyle(placed)!], { variables: {}, systemZone: zone }));
  const same = configOf(`version: 1
secrets: {password: {command: [pass, show, my backup]}}
repositories: {main: {url: /srv/r, password: "\${secret:password}", compression: "off"}}
sites: {here: {sources: {data: {type: files, paths: ["/srv/$\${data}"]}}}}
plans: {backup: {sources: [here/data], to: main, schedule: {every: 7200s}, retention: {main: {within: 30d}}}}
`);
  assert.deepEqual(config, same);
  assert.equal(readSimpleStyle(new Map()), undefined);
});
