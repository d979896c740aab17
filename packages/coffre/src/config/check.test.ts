import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import type { ZoneName } from '../schedule/schedule-spec.ts';
import { placeText } from './mistake.ts';
import { parseConfig } from './parse.ts';
import { readYaml } from './yaml-text.ts';

const example = readFileSync(new URL('../../../../docs/examples/company.yaml', import.meta.url), 'utf8');

function mistakesIn(text: string): string[] {
  const { mistakes } = parseConfig([readYaml({ file: 'coffre.yaml', text })], {
    variables: {},
    systemZone: 'UTC' as ZoneName,
  });
  return mistakes
    .filter(({ severity }) => severity === 'error')
    .map(
      ({ place, message, hint }) =>
        `${placeText(place).slice('coffre.yaml:'.length)} ${message}${hint === undefined ? '' : ` | ${hint}`}`,
    );
}

/** The example with texts exchanged, each of which must be there. */
function broken(...changes: readonly (readonly [from: string, to: string])[]): string[] {
  const text = changes.reduce((all, [from, to]) => {
    assert.ok(all.includes(from), from);
    return all.replace(from, to);
  }, example);
  return mistakesIn(text);
}

test('the example of a whole company is valid, with one warning about a source that has no second place', () => {
  const { mistakes, config } = parseConfig([readYaml({ file: 'coffre.yaml', text: example })], {
    variables: {},
    systemZone: 'UTC' as ZoneName,
  });
  assert.deepEqual(
    mistakes.map(({ severity, message }) => `${severity}: ${message}`),
    ['warning: `lyon/states` is critical and is kept at one place only (lyon)'],
  );
  assert.notEqual(config, undefined);
});

test('a repository that says no place is no other place, as status counts it', () => {
  const warnings = (place: string): string[] => {
    const text = `version: 1
secrets: {pw: {env: PW}}
repositories:
  main: {url: /srv/main, password: "\${secret:pw}"}
  far: {url: /srv/far, password: "\${secret:pw}"${place}}
sites: {home: {place: lyon, sources: {docs: {type: files, paths: [/srv/docs], criticality: high}}}}
plans: {docs: {sources: [home/docs], to: main, copy: {far: {after: each}}}}
`;
    const { mistakes } = parseConfig([readYaml({ file: 'coffre.yaml', text })], {
      variables: {},
      systemZone: 'UTC' as ZoneName,
    });
    return mistakes.map(({ message }) => message);
  };
  assert.deepEqual(warnings(''), ['`home/docs` is high and is kept where nobody said']);
  assert.deepEqual(warnings(', place: " Lyon"'), ['`home/docs` is high and is kept at one place only ( Lyon)']);
  assert.deepEqual(warnings(', place: paris'), []);
});

test('a state that is neither PostgreSQL nor a file of the state folder is refused', () => {
  const store = (url: string): string[] => mistakesIn(`version: 1\nstore: {url: "${url}"}\n`);
  assert.deepEqual(store('postgres://coffre@db/coffre'), []);
  assert.deepEqual(store('sqlite:///var/lib/state.db'), [
    '2:14 `store.url` is no place for the state | Give postgres://USER@HOST/DATABASE, or leave it out: then it is a file in the state folder.',
  ]);
});

for (const type of ['postgresql', 'mysql', 'mariadb', 'mongodb', 'redis']) {
  test(`what belongs inside \`connect\` of ${type} is told so, whether there is one or not`, () => {
    const source = (keys: string): string[] =>
      mistakesIn(`version: 1\nsites: {home: {sources: {db: {type: ${type}, ${keys}}}}}\n`);
    const hint = (key: string): string =>
      `\`sites.home.sources.db\` has no key \`${key}\` | \`${key}\` belongs inside \`connect\`.`;
    const words = (found: readonly string[]): string[] => found.map((line) => line.replace(/^\S+ /, ''));
    assert.deepEqual(words(source('connect: {host: db1}, databases: [shop]')), [hint('databases')]);
    assert.deepEqual(words(source('exclude_databases: [log], host: db1')), [hint('exclude_databases'), hint('host')]);
    assert.deepEqual(source('connect: {host: db1, databases: [shop]}'), []);
  });
}

test('a misspelled key and a name that nobody declared are told with what was meant, all at once and in order', () => {
  assert.deepEqual(broken(['    to: local\n    schedule: {cron', '    to: locale\n    shedule: {cron']), [
    '65:9 `plans.db-hourly.to` names the repository `locale`, which is not declared | Did you mean `local`?',
    '66:5 `plans.db-hourly` has no key `shedule` | Did you mean `schedule`?',
  ]);
  assert.deepEqual(
    broken(['type: files, paths: [/srv/shop/uploads], exclude', 'type: files, path: [/srv/shop/uploads], exclude']),
    ['47:30 `sites.lyon.sources.uploads` has no key `path` | Did you mean `paths`?'],
  );
  assert.deepEqual(broken(['{restore: [lyon/config', '{restor: [lyon/config']), [
    '116:10 `runbooks.host-lost.stages[4]` has no key `restor` | Did you mean `restore`?',
  ]);
  assert.deepEqual(broken(['type: postgresql\n', 'type: postgres\n']), [
    '43:15 `sites.lyon.sources.shop_db.type` is "postgres", which is no type of source | Did you mean `postgresql`?',
  ]);
  assert.deepEqual(broken(['to: [phone, ops]', 'to: [fone, ops]']), [
    '133:89 `alerts.routes[0].to[0]` names the channel `fone`, which is not declared | Known: `ops`, `phone`.',
  ]);
  assert.deepEqual(broken(['medium: disk', 'medium: dsk']), [
    '22:13 `repositories.local.medium` must be one of disk, removable, nas, server, object, tape, optical, not "dsk" | Did you mean `disk`?',
  ]);
});

test('a secret that is written into the file is refused and never repeated', () => {
  const found = broken(
    ['password: ${secret:vault_key}\n    medium: disk', 'password: hunter2\n    medium: disk'],
    ['coffre:${secret:mail_pw}@', 'coffre:hunter2@'],
    ['key: "${secret:s3_key}"', 'key: hunter2'],
    ['{systemd: coffre-s3}', 'hunter2'],
    ['contacts:\n', 'store: {url: "postgres://coffre:hunter2@db/coffre", password: hunter2}\ncontacts:\n'],
  );
  assert.equal(found.length, 6);
  assert.equal(found.join('\n').includes('hunter2'), false);
  assert.match(
    found[1]!,
    /^21:15 `repositories\.local\.password` is a secret and cannot be written into the file \| .*\$\{secret:local_password\} here\.$/,
  );
  assert.match(found[3]!, /^130:\d+ `alerts\.channels\.ops\.mail\.smtp` has a password in it/);
});

test('a secret that is not declared is told where it is used', () => {
  assert.deepEqual(broken(['${secret:s3_key}', '${secret:s3key}']), [
    '30:42 `repositories.offsite.access.key` uses the secret `s3key`, which is not declared under `secrets` | Did you mean `s3_key`?',
  ]);
});

test('values without their unit say how they are written', () => {
  assert.deepEqual(
    broken(
      ['jitter: 10m', 'jitter: 10 minutes'],
      ['shrink_over: 40%', 'shrink_over: 40'],
      ['upload: 20 Mbit/s', 'upload: 20'],
      ['within: 7d', 'within: 7m'],
      ['schedule: "Sun 06:00"', 'schedule: "Sunn 06:00"'],
      ['cron: "0 3 * * 0"', 'cron: "0 3 31 2 *"'],
    ),
    [
      '5:11 `defaults.jitter` must be a duration such as 30s, 10m, 3h or 90d, not "10 minutes"',
      '9:61 `defaults.guards.shrink_over` must be a percentage such as 80%, not 40',
      '36:22 `repositories.offsite.limits.upload` must be a rate such as 20 Mbit/s, not 20',
      '83:33 `plans.states-live.retention.local.within` cannot use `m`: write 1mo for a month',
      `87:22 \`plans.logs-weekly.schedule.cron\` cannot be used: no such day ever comes | Check the day and the month.`,
      `100:15 \`drills.shop-weekly.schedule\` cannot be used: "sunn" is not a day | Write Sun, Mon-Fri, weekdays, '1st Sat', 'last Fri', 15th or 'last day'.`,
    ],
  );
});

test('what YAML itself refuses is one sentence at its place', () => {
  assert.deepEqual(mistakesIn('version: 1\ntimezone: UTC\ntimezone: UTC\n'), [
    '3:1 the key `timezone` is there twice | Keep one of them.',
  ]);
  assert.deepEqual(mistakesIn('version: 1\n--- \nversion: 1\n').length, 1);
  assert.match(mistakesIn('version: 1\nplans: [a\n')[0]!, /^\d:\d+ this is not YAML: /);
  assert.match(mistakesIn('version: 1\n\tplans: x\n')[0]!, /^2:1 this is not YAML: /);
});

test('settings that exclude each other are told', () => {
  assert.deepEqual(broken(['copy: {offsite: {after: each, objective: 6h}}', 'copy: {local: {after: each}}']), [
    '67:12 `plans.db-hourly.copy` copies from `local` to itself',
    '68:59 `plans.db-hourly.retention` has rules for `offsite`, where this plan keeps nothing | Add `offsite` to `copy`, or take the rules out.',
  ]);
  assert.deepEqual(
    broken(
      ['schedule: {every: 6h}', 'schedule: {after: logs-weekly}'],
      ['schedule: {cron: "0 3 * * 0"}', 'schedule: {after: files-6h}'],
    ),
    [
      '73:23 `plans.files-6h.schedule.after` makes the plan wait for itself',
      '87:23 `plans.logs-weekly.schedule.after` makes the plan wait for itself',
    ],
  );
  assert.deepEqual(broken(['run: [/srv/shop/bin/maintenance, "off"]', 'run: ["true"], shell: "true"']), [
    '78:9 `plans.files-6h.hooks[1]` has both `run` and `shell`; keep one',
  ]);
});

test('what would quietly do nothing, or something else than it says, is told', () => {
  assert.deepEqual(
    broken(
      ['shrink_over: 40%', 'shrink_over: 150%'],
      ['max_runtime: 3h ', 'max_runtime: 0s '],
      ['url: /backup/coffre ', 'url: ~/coffre '],
      ['vault_key: {file: /etc', 'vault_key: {file: ~/etc'],
      ['paths: [/srv/shop/uploads]', 'paths: [/srv/a, ~/b]'],
      ['timeout: 30s', 'timeout: 0s'],
      ['to: local\n', 'to: local\n    tags: ["coffre:pinned", "a,b"]\n'],
    ),
    [
      '7:16 `defaults.max_runtime` leaves no time at all | Take it out for the usual limit.',
      '9:61 `defaults.guards.shrink_over` must be less than 100%, not "150%" | Nothing shrinks by more.',
      '12:21 `secrets.vault_key.file` begins with ~, which only a shell understands | Write "${HOME}/etc/coffre/keys/repo.key", or the whole path.',
      '20:10 `repositories.local.url` begins with ~, which only a shell understands | Write "${HOME}/coffre", or the whole path.',
      '47:46 `sites.lyon.sources.uploads.paths[1]` begins with ~, which only a shell understands | Write "${HOME}/b", or the whole path.',
      '66:12 `plans.db-hourly.tags[0]` begins with coffre:, as the tags do that say what a backup is | Choose another word.',
      '66:29 `plans.db-hourly.tags[1]` must be a word without commas and control characters, not "a,b"',
      '78:88 `plans.files-6h.hooks[0].timeout` leaves no time at all | Take it out for the usual limit.',
    ],
  );
  const said = (from: string, to: string): string => {
    const files = [readYaml({ file: 'coffre.yaml', text: example.replace(from, to) })];
    const { mistakes } = parseConfig(files, { variables: {}, systemZone: 'UTC' as ZoneName });
    return mistakes.map(({ severity, message }) => `${severity} ${message}`).join('\n');
  };
  assert.match(
    said('schedule: {every: 6h}', 'schedule: {window: "19:00-07:00"}'),
    /^warning `plans\.files-6h\.schedule` starts nothing: it says no time and no event$/m,
  );
  assert.match(
    said('type: postgresql\n', 'type: postgresql\n        guards: {min_files: 3, future_snapshots: warn}\n'),
    /^warning `sites\.lyon\.sources\.\w+\.guards\.min_files` changes nothing: a source of type postgresql is not guarded by its files$/m,
  );
});
