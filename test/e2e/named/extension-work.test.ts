/** Triggers and channels of extensions, installed as packages beside the configuration, with a real daemon. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { stripTypeScriptTypes } from 'node:module';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { findDaemon } from '../../../packages/coffre/src/daemon/control/control-client.ts';
import { listRuns } from '../../../packages/coffre/src/store/runs.ts';
import type { Run } from '../../../packages/coffre/src/store/runs.ts';
import { openSlots } from '../../../packages/coffre/src/store/slots.ts';
import { openStore } from '../../../packages/coffre/src/store/store.ts';
import type { Store } from '../../../packages/coffre/src/store/store.ts';
import { systemClock } from '../../../packages/repository/src/host/system.ts';
import { createScene } from './scene.ts';
import type { Scene } from './scene.ts';
import { launcher } from '../../program.ts';

const examples = fileURLToPath(new URL('../../../docs/examples/extensions', import.meta.url));

/** As somebody publishes one: JavaScript, found by its name. */
function install(scene: Scene, name: string, text: string): string {
  const folder = join(scene.folder, 'node_modules', name);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ name, type: 'module', exports: './index.js' }));
  writeFileSync(join(folder, 'index.js'), text);
  return name;
}

function example(name: string): string {
  return stripTypeScriptTypes(readFileSync(join(examples, `${name}.ts`), 'utf8'));
}

type Wishes = {
  readonly trigger?: string;
  readonly url?: string;
  /** A second repository, and what is told of it. */
  readonly copy?: { readonly copy: string; readonly when: string };
};

function configure(
  scene: Scene,
  extensions: readonly string[],
  { trigger, url = 'http://127.0.0.1:1/', copy }: Wishes,
): void {
  const schedule = trigger === undefined ? '' : `, schedule: {trigger: ${trigger}}`;
  const further = copy === undefined ? '' : `, copy: ${copy.copy}`;
  const offsite = `{url: ${scene.folder}/offsite, password: "\${secret:key}", maintained_by: nobody}`;
  writeFileSync(
    scene.file,
    `version: 1
extensions: [${extensions.join(', ')}]
secrets: {key: {env: REPO_KEY}, chat: {env: REPO_KEY}}
repositories:
  local: {url: ${scene.folder}/local, password: "\${secret:key}", maintained_by: nobody}
  offsite: ${offsite}
sites: {lyon: {sources: {it: {type: files, paths: [${scene.uploads}]}}}}
plans: {live: {sources: [lyon/it], to: local, retries: {times: 0}${schedule}${further}}}
alerts:
  channels: {ops: {extension: {use: chat, settings: {url: "${url}", token: "\${secret:chat}"}}}}
  routes: [{when: [${copy?.when ?? 'failed, recovered'}], severity: critical, to: [ops]}]
`,
  );
}

async function serve(t: TestContext, scene: Scene): Promise<ChildProcess> {
  const daemon = spawn(launcher, ['serve', '--settle', '0'], {
    env: scene.environment,
    cwd: scene.folder,
    stdio: 'ignore',
  });
  t.after(() => daemon.kill('SIGKILL'));
  const client = async () => await findDaemon(join(scene.folder, 'state')).catch(() => undefined);
  await until(async () => (await client()) !== undefined, daemon);
  return daemon;
}

async function until(holds: () => boolean | Promise<boolean>, daemon?: ChildProcess): Promise<void> {
  while (!(await holds())) {
    assert.equal(daemon?.exitCode ?? null, null, 'the daemon goes on');
    await pause(200);
  }
}

async function state<T>(scene: Scene, ask: (store: Store) => Promise<T>): Promise<T> {
  await using store = await openStore(
    { kind: 'sqlite', file: join(scene.folder, 'state', 'state.db') },
    { clock: systemClock() },
  );
  return await ask(store);
}

async function ended(scene: Scene): Promise<Run[]> {
  const runs = await state(scene, async (store) => await listRuns(store, { plan: 'live', kind: 'backup' }, 9));
  return runs.filter(({ end }) => end !== undefined);
}

type Trigger = { readonly trigger: string; readonly state: string; readonly problem?: string };

async function triggers(scene: Scene): Promise<readonly Trigger[]> {
  const daemon = await findDaemon(join(scene.folder, 'state'));
  return (await daemon?.status())?.triggers ?? [];
}

async function watching(scene: Scene): Promise<void> {
  await until(async () => (await triggers(scene)).some((one) => one.state === 'watching'));
}

type Message = { readonly id: string; readonly key: string | undefined; readonly text: string };

async function chatRoom(t: TestContext) {
  const heard: Message[] = [];
  const room = { heard, url: '', status: 200 };
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (part) => (body += String(part)));
    request.on('end', () => {
      const { text } = JSON.parse(body) as { text: string };
      heard.push({ id: String(request.headers['idempotency-key']), key: request.headers.authorization, text });
      response.statusCode = room.status;
      response.end();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  room.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  return room;
}

test('a trigger starts its plan; a firing whose daemon is killed is done by the next one, once, and nothing stays behind', async (t) => {
  const scene = createScene(t);
  await scene.prepare();
  const bell = join(scene.folder, 'bell');
  writeFileSync(bell, '');
  const run = `[tail, -n, "0", -F, ${bell}]`;
  const settings = `{run: ${run}, matching: "^ring"}`;
  configure(scene, [install(scene, 'coffre-lines', example('lines')), install(scene, 'coffre-chat', example('chat'))], {
    trigger: `{use: lines, settings: ${settings}, settle: 1s}`,
  });
  scene.good('config', 'check');
  const first = await serve(t, scene);
  await watching(scene);
  // The program that prints lines begins a moment after. Who goes on ringing puts the run off.
  await until(async () => {
    appendFileSync(bell, 'ring one\nother\n');
    await pause(300);
    return (await state(scene, openSlots)).length > 0;
  }, first);
  await until(async () => (await ended(scene)).length > 0, first);
  const [run1] = await ended(scene);
  assert.deepEqual([run1?.end?.outcome, run1?.trigger], ['success', 'trigger:lines']);
  assert.match(scene.good('status'), /live: trigger lines fired \d+ s ago: ring one/);

  await until(async () => (await state(scene, openSlots)).length === 0, first);
  const before = (await ended(scene)).length;
  appendFileSync(bell, 'ring two\n');
  const isDone = async (): Promise<boolean> => (await ended(scene)).length > before;
  await until(async () => (await state(scene, openSlots)).length === 1 || (await isDone()), first);
  first.kill('SIGKILL');
  await once(first, 'exit');
  const next = await serve(t, scene);
  await until(async () => (await state(scene, openSlots)).length === 0, next);
  assert.ok((await ended(scene)).length - before <= 1 + 1, 'at most the run that was cut off and its repetition');
  assert.equal((await ended(scene))[0]?.end?.outcome, 'success');
  next.kill('SIGTERM');
  await once(next, 'exit');
});

const unruly: readonly (readonly [name: string, code: string, problem: RegExp])[] = [
  ['throws in a callback', `setTimeout(() => { throw new Error('out of luck'); }, 10)`, /it broke: out of luck/],
  ['leaves a rejection', `void Promise.reject(new Error('nobody cares'))`, /it broke: nobody cares/],
  ['exits', `process.exit(3)`, /its thread ended with exit code 3/],
];

test('a trigger that throws, exits or hangs is said and started again, and the daemon goes on', async (t) => {
  const scene = createScene(t);
  await scene.prepare();
  const parts = unruly.map(
    ([, code], index) =>
      `t${index}: {parseSettings: (s) => s, watch: async () => { ${code}; await new Promise((r) => setTimeout(r, 60_000)); }}`,
  );
  const hangs = `hangs: {parseSettings: (s) => s, watch: async ({}, {fire}) => { fire('x'); for (;;); }}`;
  const text = `export const extension = {triggers: {${[...parts, hangs].join(', ')}}};`;
  const uses = [...unruly.map((_, index) => `{use: t${index}}`), '{use: hangs}'];
  const names = [install(scene, 'coffre-unruly', text), install(scene, 'coffre-chat', example('chat'))];
  configure(scene, names, { trigger: `[${uses.join(', ')}]` });
  const daemon = await serve(t, scene);
  await until(async () => (await triggers(scene)).filter(({ problem }) => problem !== undefined).length === 3, daemon);
  for (const [index, [, , problem]] of unruly.entries()) {
    assert.match((await triggers(scene)).find(({ trigger }) => trigger === `t${index}`)?.problem ?? '', problem);
  }
  await until(async () => (await ended(scene)).length > 0, daemon);
  assert.match(scene.run('status').stdout, /live, t0: the trigger does not work: it broke: out of luck/);
  daemon.kill('SIGTERM');
  const [code] = (await once(daemon, 'exit')) as [number | null];
  assert.equal(code, 0, 'the thread that does not listen is ended');
});

test('a notice is delivered after the daemon was killed between the event and the delivery; recovery is told too', async (t) => {
  const scene = createScene(t);
  await scene.prepare();
  const room = await chatRoom(t);
  room.status = 503;
  configure(scene, [install(scene, 'coffre-chat', example('chat'))], { url: room.url });
  const first = await serve(t, scene);
  renameSync(join(scene.folder, 'local'), join(scene.folder, 'away'));
  await spawned(scene, 'run', 'live');
  await until(() => room.heard.length > 0, first);
  first.kill('SIGKILL');
  await once(first, 'exit');
  room.status = 200;
  const refused = room.heard.length;
  const next = await serve(t, scene);
  await until(() => room.heard.length > refused, next);
  assert.equal(new Set(room.heard.map(({ id }) => id)).size, 1, 'each try has the same id');
  assert.match(room.heard[0]?.text ?? '', /^critical: live failed: there is no repository local/);
  assert.equal(room.heard[0]?.key, 'Bearer named');
  renameSync(join(scene.folder, 'away'), join(scene.folder, 'local'));
  await spawned(scene, 'run', 'live');
  await until(() => room.heard.some(({ text }) => text === 'critical: live works again'), next);
  next.kill('SIGTERM');
  await once(next, 'exit');
});

test('without a daemon a run tells by itself, waits for nobody, and what did not go goes after the next', async (t) => {
  const scene = createScene(t);
  const room = await chatRoom(t);
  room.status = 404;
  configure(scene, [install(scene, 'coffre-chat', example('chat'))], { url: room.url });
  const run = await spawned(scene, 'run', 'live');
  assert.match(run, /a notice was given up: ops: the chat answered 404/);
  assert.equal(room.heard.length, 1);
  assert.match(scene.run('status').stdout, /ops: 1 notice of the last week was given up: the chat answered 404/);
});

test('a copy that nobody makes is told by the next run, once, and so is that it is there', async (t) => {
  const scene = createScene(t);
  const room = await chatRoom(t);
  configure(scene, [install(scene, 'coffre-chat', example('chat'))], {
    url: room.url,
    copy: { copy: '{offsite: {after: manual, objective: 2s}}', when: 'copy_late, recovered' },
  });
  await scene.prepare();
  // What a busy machine has no time to send goes after the next run, with the same id.
  const told = (): string[] => [...new Map(room.heard.map(({ id, text }) => [id, text])).values()];
  const tells = async (count: number, ...words: string[]): Promise<void> =>
    await until(async () => {
      await spawned(scene, 'run', 'live', ...words);
      return told().length >= count;
    });
  await tells(1);
  await spawned(scene, 'run', 'live');
  await tells(2, '--copy', 'offsite');
  const [late = '', ...more] = told();
  assert.match(late, /^critical: the copy of live to offsite is late: lyon\/it: never copied, a backup waits since \d/);
  assert.deepEqual(more, ['critical: the copy of live to offsite is in time again']);
});

/** Not in the way of the server in this process. */
async function spawned(scene: Scene, ...words: string[]): Promise<string> {
  const child = spawn(launcher, words, {
    env: scene.environment,
    cwd: scene.folder,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
  await once(child, 'close');
  return said;
}
