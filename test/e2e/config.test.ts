/** `coffre config` as a user runs it: exit codes, streams, files beside each other. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { compiled } from '../compiled.ts';
import { launcher } from '../program.ts';

const company = fileURLToPath(new URL('../../docs/examples/company.yaml', import.meta.url));

type Ended = { readonly code: number | null; readonly stdout: string; readonly stderr: string };

function coffre(folder: string, words: readonly string[], variables: Record<string, string> = {}): Ended {
  const env = { ...compiled, PATH: process.env['PATH'], HOME: folder, ...variables };
  const { status, stdout, stderr } = spawnSync(launcher, words, { cwd: folder, env, encoding: 'utf8' });
  return { code: status, stdout, stderr };
}

function scene(t: { after(done: () => void): void }): string {
  const folder = mkdtempSync(join(tmpdir(), 'coffre-config-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

test('a good file is valid, a bad one ends with 2 and says every mistake with its place', (t) => {
  const folder = scene(t);
  const good = coffre(folder, ['config', 'check', '--config', company]);
  assert.deepEqual([good.code, good.stderr], [0, '']);
  assert.match(good.stdout, /company\.yaml is valid, with 11 warnings\n$/);
  writeFileSync(join(folder, 'coffre.yaml'), 'version: 1\nplan: {}\nserver: {metrics: maybe}\n');
  const bad = coffre(folder, ['config', 'check']);
  assert.equal(bad.code, 2);
  assert.equal(
    bad.stdout,
    'coffre.yaml:2:1: the configuration has no key `plan`\n    Did you mean `plans`?\n' +
      'coffre.yaml:3:19: `server.metrics` must be true or false, not "maybe"\n',
  );
  assert.match(bad.stderr, /^Fatal: coffre\.yaml has 2 mistakes\n {2}CONFIG_INVALID: /);
  const json = coffre(folder, ['config', 'check', '--json']);
  const report = JSON.parse(json.stdout) as { valid: boolean; mistakes: { line: number; path: string }[] };
  assert.deepEqual(
    [json.code, report.valid, report.mistakes.map(({ line, path }) => `${line} ${path}`)],
    [2, false, ['2 plan', '3 server.metrics']],
  );
  assert.equal((JSON.parse(json.stderr) as { error_code: string }).error_code, 'CONFIG_INVALID');
});

test('no file is read without end, and an included one must hold keys', (t) => {
  const folder = scene(t);
  writeFileSync(join(folder, 'coffre.yaml'), 'version: 1\ninclude: [/dev/zero]\n');
  const endless = coffre(folder, ['config', 'check']);
  assert.deepEqual(
    [endless.code, endless.stdout],
    [2, 'coffre.yaml:2:11: /dev/zero is larger than 4 MiB\n    Split it into `conf.d/`.\n'],
  );
  writeFileSync(join(folder, 'words.yaml'), 'only words\n');
  writeFileSync(join(folder, 'coffre.yaml'), 'version: 1\ninclude: [words.yaml]\n');
  assert.equal(coffre(folder, ['config', 'check']).stdout, 'words.yaml:1:1: words.yaml must be a map of keys\n');
});

test('parts in conf.d and includes are one configuration, and each value says where it came from', (t) => {
  const folder = scene(t);
  mkdirSync(join(folder, 'conf.d'));
  writeFileSync(
    join(folder, 'base.yaml'),
    'secrets: {pw: {env: PW}}\nrepositories: {r: {url: /srv/r, password: "${secret:pw}"}}\n',
  );
  writeFileSync(
    join(folder, 'coffre.yaml'),
    `version: 1\ninclude: [base.yaml]\nsites: {home: {host: elsewhere, sources: {docs: {type: files, paths: ["\${DOCS}"]}}}}\n`,
  );
  writeFileSync(join(folder, 'conf.d/10.yaml'), 'plans: {p: {sources: [home/docs], to: r, schedule: daily}}\n');
  writeFileSync(join(folder, 'conf.d/20.yaml'), 'plans: {p: {schedule: {every: 6h}}}\n');
  const checked = coffre(folder, ['config', 'check']);
  assert.deepEqual([checked.code, checked.stdout], [0, 'not set here, so not looked at: DOCS\ncoffre.yaml is valid\n']);
  const shown = coffre(folder, ['config', 'show', '--effective', '--origin'], { DOCS: '/home/docs', PW: 'hunter2' });
  assert.equal(shown.code, 0, shown.stderr);
  for (const line of [
    'url: /srv/r # base.yaml:2:25',
    '- /home/docs # coffre.yaml:3:71, $DOCS',
    'every: 6h # conf.d/20.yaml:1:31',
    'jitter: 0s # default',
    'password: ${secret:pw} # base.yaml:2:43',
    '# home/docs: no agent for elsewhere on this machine',
  ]) {
    assert.ok(shown.stdout.includes(line), `${line}\n${shown.stdout}`);
  }
  assert.equal(shown.stdout.includes('hunter2'), false);
  assert.equal(coffre(folder, ['config', 'export']).code, 2);
  const exported = coffre(folder, ['config', 'export'], { DOCS: '/home/docs' });
  const alone = scene(t);
  writeFileSync(join(alone, 'coffre.yaml'), exported.stdout);
  assert.deepEqual(coffre(alone, ['config', 'check']).stdout, 'coffre.yaml is valid\n');
  const again = coffre(alone, ['config', 'export']);
  assert.equal(again.stdout, exported.stdout);
  writeFileSync(join(folder, 'base.yaml'), 'include: [coffre.yaml]\n');
  assert.match(coffre(folder, ['config', 'check']).stdout, /base\.yaml:1:11: `include` comes back to coffre\.yaml/);
});

test('without a file the variables of the environment and of .env are the configuration', (t) => {
  const folder = scene(t);
  const none = coffre(folder, ['config', 'check']);
  assert.equal(none.code, 2);
  assert.match(none.stderr, /CONFIG_NOT_FOUND: Looked for .*coffre\.yaml/);
  writeFileSync(join(folder, '.env'), 'BACKUP_SOURCE=/srv/data\nRESTIC_REPOSITORY=/srv/r\nRESTIC_PASSWORD=hunter2\n');
  const shown = coffre(folder, ['config', 'show', '--origin'], { BACKUP_RETENTION_DAYS: '7' });
  assert.match(shown.stdout, /- \/srv\/data # \.env:1:1[^]*every: 3600s # default[^]*within: 7d # environment/);
  assert.equal(shown.stdout.includes('hunter2'), false);
  const wrong = coffre(folder, ['config', 'check'], { BACKUP_INTERVAL: 'hourly' });
  assert.deepEqual(
    [wrong.code, wrong.stdout],
    [2, 'environment: BACKUP_INTERVAL must be a whole number above 0, not "hourly"\n'],
  );
});

test('a key is explained with its place, with and without a configuration', (t) => {
  const folder = scene(t);
  const alone = coffre(folder, ['config', 'explain', 'repositories.NAME.capacity_alert']);
  assert.match(alone.stdout, /Alert when so full\n {2}type {6}a percentage such as 80%\n/);
  const set = coffre(folder, ['config', 'explain', 'plans.db-hourly.jitter', '--config', company]);
  assert.match(set.stdout, /set .*company\.yaml:5:11: 10m\n/);
  const wrong = coffre(folder, ['config', 'explain', 'plans.p.retntion']);
  assert.equal(wrong.code, 2);
  assert.match(wrong.stderr, /has no key `retntion`\n {2}CONFIG_KEY_UNKNOWN: Did you mean `retention`\?/);
  const schema = JSON.parse(coffre(folder, ['config', 'schema']).stdout) as Record<string, unknown>;
  assert.equal(schema['$schema'], 'https://json-schema.org/draft/2020-12/schema');
});

test('a source of another host is accepted', (t) => {
  const folder = scene(t);
  const { stdout } = coffre(folder, ['config', 'show', '--config', company]);
  assert.notEqual(hostname(), 'app1');
  assert.match(stdout, /# lyon\/shop_db, .*: no agent for app1 on this machine\n/);
});
