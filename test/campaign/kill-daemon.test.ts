/**
 * Kills a real daemon and its real runs at random moments, again and again, on one state and one repository. Bounded here;
 * for as long as you like with COFFRE_KILLS=1000. The seed is printed and can be given back with COFFRE_SEED.
 */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { systemClock } from '../../packages/repository/src/host/system.ts';
import { createSeededRandom } from '../../packages/repository/src/testing/seeded-random.ts';
import { findDaemon } from '../../packages/coffre/src/daemon/control/control-client.ts';
import { markedProcesses } from '../../packages/coffre/src/platform/marked-processes.ts';
import { leasesNow } from '../../packages/coffre/src/store/leases.ts';
import { listRuns, openRuns } from '../../packages/coffre/src/store/runs.ts';
import { openSlots } from '../../packages/coffre/src/store/slots.ts';
import { openStore } from '../../packages/coffre/src/store/store.ts';
import type { Store } from '../../packages/coffre/src/store/store.ts';
import { compiled } from '../compiled.ts';
import { quicken } from '../quick-key.ts';
import { launcher } from '../program.ts';

const rounds = Number(process.env['COFFRE_KILLS'] ?? 4);
const seed = Number(process.env['COFFRE_SEED'] ?? Date.now() % 1_000_000);

test(
  `${rounds} SIGKILLs of the daemon, of runs, or of both lose no run, run no slot twice, and leave nothing behind`,
  { skip: process.platform !== 'linux' && 'needs /proc', timeout: 600_000 + rounds * 60_000 },
  async (t) => {
    t.diagnostic(`seed ${seed}`);
    const random = createSeededRandom(seed);
    const scene = await makeScene(random.bytes(400_000));
    t.after(() => rmSync(scene.folder, { recursive: true, force: true }));
    await using store = await openStore(
      { kind: 'sqlite', file: join(scene.state, 'state.db') },
      { clock: systemClock() },
    );
    let killedRuns = 0;
    let daemon = await startDaemon(scene);
    t.after(() => daemon.kill('SIGKILL'));
    for (let round = 0; round < rounds; round += 1) {
      await pause(300 + random.integer(2500));
      const what = ['daemon', 'run', 'both'][random.integer(3)];
      if (what !== 'daemon') {
        const [run] = (await (await findDaemon(scene.state))?.status())?.jobs ?? [];
        if (run?.pid !== undefined && kill(run.pid)) killedRuns += 1;
      }
      if (what === 'run') continue;
      daemon.kill('SIGKILL');
      await once(daemon, 'exit');
      daemon = await startDaemon(scene);
    }
    t.diagnostic(`${killedRuns} runs were killed`);
    await untilQuiet(store);
    daemon.kill('SIGTERM');
    const [code] = (await once(daemon, 'exit')) as [number | null];
    assert.equal(code, 0);

    const runs = (await listRuns(store, { kind: 'backup' }, 10_000)).filter(({ parent }) => parent === undefined);
    t.diagnostic(
      `${runs.length} runs: ${JSON.stringify(
        Object.groupBy(runs, ({ end }) => end?.outcome ?? 'open'),
        countOnly,
      )}`,
    );
    assert.deepEqual(await openRuns(store), [], 'a run has no end');
    const good = runs
      .filter(({ end }) => end?.outcome === 'success')
      .map(({ plan, slotAtMs }) => `${plan} ${slotAtMs}`);
    assert.deepEqual(good.length, new Set(good).size, 'a slot was run twice');
    assert.ok(good.length > 0);
    assert.deepEqual(await leasesNow(store), [], 'a lease is stuck');
    assert.deepEqual(markedProcesses(markOf(scene.state)), [], 'a process is left');
    // It takes the repository alone, so nothing may be locked any more.
    scene.run('prune', '-r', scene.repository);
    scene.run('check', '-r', scene.repository, '--read-data');
  },
);

function countOnly(key: string, value: unknown): unknown {
  return key !== '' && Array.isArray(value) ? value.length : value;
}

type Scene = {
  readonly folder: string;
  readonly state: string;
  readonly repository: string;
  readonly environment: NodeJS.ProcessEnv;
  run(...words: string[]): void;
};

/** What all processes of the runs of this state carry. */
function markOf(state: string): string {
  return createHash('sha256').update(state).digest('hex').slice(0, 16);
}

/** One plan of files and one of a program that takes a while; each is due every second. */
async function makeScene(data: Uint8Array): Promise<Scene> {
  const folder = mkdtempSync(join(tmpdir(), 'coffre-kill-daemon-'));
  const [state, repository, source] = ['state', 'repository', 'source'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  mkdirSync(source);
  writeFileSync(join(source, 'data'), data);
  const environment = {
    ...compiled,
    PATH: process.env['PATH'],
    HOME: folder,
    PW: 'secret',
    RESTIC_PASSWORD: 'secret',
    COFFRE_STATE_DIR: state,
    COFFRE_CONFIG: join(folder, 'coffre.yaml'),
  };
  writeFileSync(
    environment.COFFRE_CONFIG,
    `version: 1
secrets: {pw: {env: PW}}
repositories: {main: {url: ${repository}, password: "\${secret:pw}", maintained_by: nobody}}
sites:
  home:
    sources:
      docs: {type: files, paths: [${source}]}
      dump: {type: command, run: [sh, -c, "echo ${state}; sleep 0.5; date +%N"]}
defaults: {retries: {times: 5, wait: 1s}}
plans:
  docs: {sources: [home/docs], to: main, schedule: {every: 1s}, retention: {main: {last: 5}}}
  dump: {sources: [home/dump], to: main, schedule: {every: 1s}}
`,
  );
  const run = (...words: string[]): void => {
    const { status, stderr } = spawnSync(launcher, words, { env: environment, encoding: 'utf8' });
    assert.equal(status, 0, `${words.join(' ')}: ${stderr}`);
  };
  run('init', '-r', repository);
  await quicken(repository, 'secret');
  return { folder, state, repository, environment, run };
}

async function startDaemon({ environment, state }: Scene): Promise<ChildProcess> {
  const daemon = spawn(launcher, ['serve', '--settle', '0'], {
    env: environment,
    stdio: ['ignore', 'ignore', process.env['COFFRE_DEBUG'] === undefined ? 'ignore' : 'inherit'],
  });
  while ((await findDaemon(state).catch(() => undefined)) === undefined) {
    assert.equal(daemon.exitCode, null, 'the daemon ended');
    await pause(50);
  }
  return daemon;
}

/** What was lost is run again: every slot of the past is closed. */
async function untilQuiet(store: Store): Promise<void> {
  const fromMs = Date.now();
  while ((await openSlots(store)).some(({ dueAtMs }) => dueAtMs < fromMs)) await pause(200);
}

function kill(pid: number): boolean {
  try {
    process.kill(pid, 'SIGKILL');
    return true;
  } catch {
    return false;
  }
}
