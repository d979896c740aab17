/** `coffre run` killed at the beginning of each of its phases, the real program on a real disk; the next run goes on. */
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { createLocalBackend } from '../../packages/repository/src/backend/local.ts';
import { systemRandom } from '../../packages/repository/src/host/system.ts';
import {
  createSampleHost,
  createSampleRepository,
  samplePassword,
} from '../../packages/repository/src/testing/sample-repository.ts';
import type { RunMessage } from '../../packages/coffre/src/run/run-message.ts';
import { coffre } from './kill-scene.ts';
import { compiled } from '../compiled.ts';

/** More phases than a run of this plan has. */
const phasesMax = 40;

const configuration = (folder: string): string => `version: 1
secrets: {key: {env: REPO_KEY}}
repositories:
  local: {url: ${folder}/local, password: "\${secret:key}"}
  offsite: {url: ${folder}/offsite, password: "\${secret:key}"}
sites:
  lyon:
    sources:
      shop: {type: sqlite, path: ${folder}/shop.db}
      uploads: {type: files, paths: [${folder}/uploads]}
plans:
  shop:
    sources: [lyon/shop, lyon/uploads]
    to: local
    copy: {offsite: {after: each}}
    retention: {local: {last: 2, floor: 2}, offsite: {last: 2, floor: 2}}
    verify: {each: [hash, open, row_counts]}
    hooks:
      - {at: before, shell: "echo on > ${folder}/maintenance"}
      - {at: finally, shell: "echo off > ${folder}/maintenance"}
`;

type Scene = Disposable & {
  readonly folder: string;
  readonly environment: NodeJS.ProcessEnv;
};

async function makeScene(): Promise<Scene> {
  const folder = mkdtempSync(join(tmpdir(), 'coffre-kill-run-'));
  for (const name of ['local', 'offsite']) {
    const backend = createLocalBackend({ path: join(folder, name) });
    const { repository } = await createSampleRepository({
      backend,
      host: { ...createSampleHost(), random: systemRandom() },
    });
    await repository[Symbol.asyncDispose]();
  }
  mkdirSync(join(folder, 'uploads'));
  writeFileSync(join(folder, 'coffre.yaml'), configuration(folder));
  const database = new DatabaseSync(join(folder, 'shop.db'));
  database.exec('create table orders (id integer primary key, what text)');
  database.close();
  const environment = {
    ...process.env,
    ...compiled,
    REPO_KEY: samplePassword,
    COFFRE_CONFIG: join(folder, 'coffre.yaml'),
    COFFRE_STATE_DIR: join(folder, 'state'),
    XDG_CACHE_HOME: join(folder, 'cache'),
    TMPDIR: join(folder, 'tmp'),
  };
  mkdirSync(join(folder, 'tmp'));
  return { folder, environment, [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }) };
}

/** New data, so that every phase has something to do. */
function change({ folder }: Scene, round: number): void {
  writeFileSync(join(folder, 'uploads', `${round}.txt`), `round ${round}\n`.repeat(1000));
  const database = new DatabaseSync(join(folder, 'shop.db'));
  database.prepare('insert into orders (what) values (?)').run(`order of round ${round}`);
  database.close();
}

/** @returns the phase that it was ended in; undefined when it was done before */
async function runKilled(
  { environment }: Scene,
  atPhase: number | string,
  signal: 'SIGKILL' | 'SIGTERM' = 'SIGKILL',
): Promise<{ readonly phase: string | undefined; readonly code: number | null }> {
  const child = spawn(coffre, ['run', 'shop'], { env: environment, stdio: ['ignore', 'ignore', 'ignore', 'ipc'] });
  let seen = 0;
  let killedIn: string | undefined;
  child.on('message', (message: RunMessage) => {
    if (message.type !== 'phase') return;
    if (killedIn === undefined && (seen === atPhase || message.phase === atPhase)) {
      killedIn = message.phase;
      child.kill(signal);
    }
    seen += 1;
  });
  await new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const isDone = signal === 'SIGKILL' && child.signalCode !== 'SIGKILL';
  return { phase: isDone ? undefined : killedIn, code: child.exitCode };
}

function ask({ folder }: Scene, query: string): unknown[] {
  const database = new DatabaseSync(join(folder, 'state', 'state.db'), { readOnly: true });
  try {
    return database
      .prepare(query)
      .all()
      .map((row) => Object.values(row).join(' '));
  } finally {
    database.close();
  }
}

test('a run that is killed in any phase is written down as lost, and the next one works as if nothing had been', async () => {
  using scene = await makeScene();
  const { folder, environment } = scene;
  const run = (...words: string[]): string =>
    execFileSync(coffre, words, { env: environment, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  const killedIn: string[] = [];
  // The last phase may have come to its end before the kill; then nothing is lost.
  let cutOff = 0;
  for (let phase = 0; phase < phasesMax; phase += 1) {
    change(scene, phase);
    const { phase: killed } = await runKilled(scene, phase);
    if (killed === undefined) break;
    killedIn.push(killed);
    cutOff += ask(scene, 'select id from runs where outcome is null and parent_id is null').length;
    run('run', 'shop', '--quiet');
    assert.deepEqual(ask(scene, 'select id from runs where outcome is null'), [], `open rows after ${killed}`);
    assert.deepEqual(ask(scene, 'select repository from leases'), [], `leases after ${killed}`);
    assert.deepEqual(readdirSync(join(folder, 'tmp')), [], `private folders after ${killed}`);
  }
  for (const phase of ['lease', 'open', 'hooks', 'preflight', 'read', 'publish', 'verify', 'copy', 'retention']) {
    assert.ok(killedIn.includes(phase), `never killed in ${phase}: ${killedIn.join(' ')}`);
  }
  const [lost] = ask(scene, "select count(*) from runs where outcome = 'lost' and parent_id is null");
  assert.equal(lost, String(cutOff));
  assert.ok(killedIn.length - cutOff <= 1, `${cutOff} of ${killedIn.length} were cut off`);
  for (const name of ['local', 'offsite']) {
    environment['RESTIC_PASSWORD'] = samplePassword;
    // It wants the repository alone: what killed runs left is in nobody's way, and goes.
    run('-r', join(folder, name), 'check', '--read-data');
    assert.deepEqual(readdirSync(join(folder, name, 'locks')), []);
    const snapshots = JSON.parse(run('-r', join(folder, name), 'snapshots', '--json')) as { id: string }[];
    assert.equal(snapshots.length, 4);
    for (const { id } of snapshots) run('-r', join(folder, name), 'verify', id);
  }
});

test('a run that is asked to end cleans up in any phase: its rows are closed, and nothing is held', async () => {
  using scene = await makeScene();
  let round = 0;
  for (const phase of ['hooks', 'read', 'verify', 'copy', 'retention']) {
    let ended: Awaited<ReturnType<typeof runKilled>>;
    do {
      change(scene, (round += 1));
      ended = await runKilled(scene, phase, 'SIGTERM');
      // On a busy machine we may hear of a phase when all is done.
    } while (ended.code === 0);
    assert.deepEqual(ended, { phase, code: 130 });
    const [outcome] = ask(scene, 'select outcome from runs where parent_id is null order by id desc limit 1');
    assert.equal(outcome, 'cancelled');
    assert.deepEqual(ask(scene, 'select id from runs where outcome is null'), []);
    assert.deepEqual(ask(scene, 'select repository from leases'), []);
    for (const name of ['local', 'offsite']) assert.deepEqual(readdirSync(join(scene.folder, name, 'locks')), []);
    assert.equal(readFileSync(join(scene.folder, 'maintenance'), 'utf8'), 'off\n');
  }
});
