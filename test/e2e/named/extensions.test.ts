/** The worked examples of docs/examples/extensions, run as somebody would use them. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Coffre } from '../../../packages/coffre/src/coffre.ts';
import { createScene } from './scene.ts';
import type { Scene } from './scene.ts';

const project = fileURLToPath(new URL('../../..', import.meta.url));
const examples = join(project, 'docs/examples/extensions');
const node = process.execPath;

function withExtension(scene: Scene, modules: readonly string[], sources: string, plan: string): void {
  for (const name of modules) if (name.endsWith('.ts')) cpSync(join(examples, name), join(scene.folder, name));
  writeFileSync(
    scene.file,
    `version: 1
timezone: Europe/Paris
extensions: [${modules.map((name) => (name.endsWith('.ts') ? `./${name}` : name)).join(', ')}]
secrets: {key: {env: REPO_KEY}}
repositories: {local: {url: ${scene.folder}/local, password: "\${secret:key}"}}
sites: {lyon: {sources: {${sources}}}}
plans: {nightly: {sources: [lyon/it], to: local, ${plan}}}
`,
  );
}

/** What an appliance shows. */
async function appliance(t: TestContext): Promise<{ readonly url: string; show: (counters: object) => void }> {
  let shown: object = { heat: 7, water: 3 };
  const server = createServer((_, response) => void response.end(JSON.stringify(shown)));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}/`, show: (counters) => (shown = counters) };
}

test('a source of an extension is saved, proved, listed and brought back like any other', async (t) => {
  const scene = createScene(t);
  const { url } = await appliance(t);
  withExtension(
    scene,
    ['counters.ts'],
    `it: {type: extension, use: counters, settings: {url: "${url}"}}`,
    'verify: {each: [open]}',
  );
  scene.good('config', 'check');
  await scene.prepare();
  // In this process: the server above answers only while nothing blocks it.
  await using coffre = await Coffre.open(scene.file, { environment: scene.environment });
  const { outcome, reason } = await coffre.createBackup({ name: 'meter' });
  assert.equal(outcome, 'success', reason ?? outcome);
  const { isSound, snapshots } = await coffre.verifyBackup('meter');
  assert.ok(isSound);
  assert.deepEqual(snapshots[0]?.proved, ['2 counters as saved']);
  await coffre.restoreBackup({ name: 'meter', target: join(scene.folder, 'meter.json') });
  assert.deepEqual(JSON.parse(readFileSync(join(scene.folder, 'meter.json'), 'utf8')), { heat: 7, water: 3 });
});

test('a validation of an extension keeps the last good content', async (t) => {
  const scene = createScene(t);
  const source = `it: {type: files, paths: [${scene.uploads}], validate: {extension: sealed}}`;
  withExtension(scene, ['sealed-state.ts'], source, 'retention: {}');
  writeFileSync(join(scene.uploads, 'one.txt'), 'good\n# end\n');
  writeFileSync(join(scene.uploads, 'two.txt'), 'good\n# end\n');
  await scene.prepare();
  scene.good('run', 'nightly');
  writeFileSync(join(scene.uploads, 'one.txt'), 'torn');
  const ran = scene.run('run', 'nightly');
  assert.equal(ran.status, 3, ran.stderr);
  assert.match(ran.stderr, /one\.txt was not taken: its last line is missing; the last good content is kept/);
});

test('a strategy of an extension proposes, and the floor holds whatever it says', async (t) => {
  const scene = createScene(t);
  const source = `it: {type: files, paths: [${scene.uploads}]}`;
  withExtension(scene, ['one-a-week.ts'], source, 'retention: {local: {strategy: one-a-week, floor: 2}}');
  await scene.prepare();
  writeFileSync(join(scene.folder, 'key'), 'named');
  const place = ['-r', join(scene.folder, 'local'), '--password-file', join(scene.folder, 'key'), '-q'];
  const tags = 'coffre:plan=nightly,coffre:source=lyon/it';
  for (const [day, kind] of [
    ['06', 'auto'],
    ['05', 'auto'],
    ['04', 'auto,coffre:pinned'],
    ['03', 'manual,coffre:name=old'],
  ] as const) {
    const words = ['--time', `2026-01-${day} 12:00:00`, '--tag', `${tags},coffre:kind=${kind}`];
    scene.good(...place, 'backup', ...words, '--manifest', scene.uploads);
  }
  const kept = (): string[] =>
    (JSON.parse(scene.good(...place, 'snapshots', '--json')) as { time: string }[])
      .map(({ time }) => time.slice(8, 10))
      .toSorted()
      .filter((day) => Number(day) < 7);
  scene.good('run', 'nightly');
  assert.deepEqual(kept(), ['03', '04', '06'], 'of one week the newest, what is pinned and what is named');

  writeFileSync(
    join(scene.folder, 'one-a-week.ts'),
    `export const extension = { retention: { 'one-a-week': ({ backups }) => backups.map(({ id }) => id) } };`,
  );
  scene.good('run', 'nightly');
  assert.deepEqual(kept(), ['03', '04'], 'everything was proposed, and the two newest are the floor');
  writeFileSync(
    join(scene.folder, 'one-a-week.ts'),
    `export const extension = { retention: { 'one-a-week': () => ['x'] } };`,
  );
  const wrong = scene.run('run', 'nightly');
  assert.equal(wrong.status, 3);
  assert.match(wrong.stderr, /did not answer with ids of the backups it was shown/);
  assert.deepEqual(kept(), ['03', '04']);
});

test('a package is found beside the configuration; what is missing or no extension is said, and only when it is used', async (t) => {
  const scene = createScene(t);
  const source = `it: {type: files, paths: [${scene.uploads}], validate: {extension: sealed}}`;
  const folder = join(scene.folder, 'node_modules', 'coffre-sealed');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{"name":"coffre-sealed","type":"module","exports":"./index.js"}');
  writeFileSync(join(folder, 'index.js'), 'export const extension = { validations: { sealed: () => undefined } };');
  withExtension(scene, ['coffre-sealed'], source, 'retention: {}');
  await scene.prepare();
  scene.good('run', 'nightly');
  for (const [text, said] of [
    ['export const other = 1;', /coffre-sealed is no extension: it exports no object/],
    ['export const extension = {};', /no extension brings the validation "sealed"/],
    ['syntax error', /the extension coffre-sealed cannot be loaded/],
  ] as const) {
    writeFileSync(join(folder, 'index.js'), text);
    writeFileSync(join(scene.uploads, 'one.txt'), text);
    const ran = scene.run('run', 'nightly');
    assert.equal(ran.status, 2, ran.stderr);
    assert.match(ran.stderr, said);
    assert.match(ran.stderr, /EXTENSION_UNUSABLE/);
  }
  scene.good('backup', 'list');
});

test('a storage of an extension holds a repository like any other', (t) => {
  const scene = createScene(t, { fromSources: true });
  const folder = join(scene.folder, 'synced');
  writeFileSync(
    scene.file,
    `version: 1
extensions: [${join(examples, 'backend.ts')}]
secrets: {key: {env: REPO_KEY}}
repositories: {local: {url: "extension:noted:${folder}", password: "\${secret:key}"}}
sites: {lyon: {sources: {it: {type: files, paths: [${scene.uploads}]}}}}
plans: {nightly: {sources: [lyon/it], to: local}}
`,
  );
  scene.good('apply', '--init', '--confirm');
  scene.good('backup', 'create', '--name', 'v1');
  writeFileSync(join(scene.uploads, 'one.txt'), 'spoilt\n');
  scene.good('backup', 'restore', '--name', 'v1', '--confirm');
  assert.equal(readFileSync(join(scene.uploads, 'one.txt'), 'utf8'), 'one\n');
  const noted = readFileSync(`${folder}.log`, 'utf8').split('\n');
  assert.ok(noted.some((line) => line.startsWith('config')) && noted.some((line) => line.startsWith('snapshots ')));
  writeFileSync(join(scene.folder, 'key'), 'named');
  const place = ['-r', folder, '--password-file', join(scene.folder, 'key')];
  scene.good(...place, 'check');
  writeFileSync(scene.file, readFileSync(scene.file, 'utf8').replace('extension:noted', 'extension:lost'));
  const wrong = scene.run('run', 'nightly');
  assert.equal(wrong.status, 2, wrong.stderr);
  assert.match(wrong.stderr, /no extension brings the storage "lost"/);
});

test('the example of a trigger runs as it is printed', async (t) => {
  const scene = createScene(t);
  await scene.prepare();
  const flags = [
    '--conditions=@coffre/source',
    '--disable-warning=ExperimentalWarning',
    ...process.execArgv.filter((word) => word === '--experimental-ffi'),
  ];
  const options = { cwd: dirname(examples), encoding: 'utf8' } as const;
  const trigger = spawnSync(node, [...flags, join(examples, 'trigger.ts'), 'nightly', scene.file], {
    ...options,
    env: scene.environment,
    input: 'door opened\n',
  });
  assert.equal(trigger.stdout, 'door opened: success, 2 sources\n', trigger.stderr);
});
