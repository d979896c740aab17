/** A real `coffre serve` in a folder of its own; its clock may be set under it, and its state may lie on a small disk. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { TestContext } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { findDaemon, requireDaemon } from '../../packages/coffre/src/daemon/control/control-client.ts';
import { systemClock } from '../../packages/repository/src/host/system.ts';
import { listRuns, openRuns } from '../../packages/coffre/src/store/runs.ts';
import type { Run } from '../../packages/coffre/src/store/runs.ts';
import { openStore } from '../../packages/coffre/src/store/store.ts';
import type { Store } from '../../packages/coffre/src/store/store.ts';
import { compiled } from '../compiled.ts';
import { quicken } from '../quick-key.ts';

const launcher = fileURLToPath(new URL('../../packages/coffre/bin/coffre', import.meta.url));

export type SlotRow = { readonly plan: string; readonly due: string; readonly outcome: string | null };

export class ServeScene {
  readonly folder: string;
  readonly state: string;
  readonly environment: NodeJS.ProcessEnv;
  readonly #clockFile: string;
  #daemon: ChildProcess | undefined;
  #isMounted = false;
  /** Of both its outputs, in the order in which they came. */
  readonly #lines: string[] = [];
  #onLine: PromiseWithResolvers<undefined> = Promise.withResolvers();

  /** @param plans of the configuration, on the source `home/docs` and the repository `main` */
  constructor(t: TestContext, plans: string) {
    this.folder = mkdtempSync(join(tmpdir(), 'coffre-clock-'));
    this.state = join(this.folder, 'state');
    this.#clockFile = join(this.folder, 'clock');
    const source = join(this.folder, 'source');
    for (const path of [this.state, source]) mkdirSync(path, { mode: 0o700 });
    writeFileSync(join(source, 'data'), 'something to save');
    const config = join(this.folder, 'coffre.yaml');
    writeFileSync(
      config,
      `version: 1
secrets: {pw: {env: PW}}
repositories: {main: {url: ${join(this.folder, 'repository')}, password: "\${secret:pw}", maintained_by: nobody}}
sites: {home: {sources: {docs: {type: files, paths: [${source}]}}}}
defaults: {retries: {times: 5, wait: 1s}}
plans:
${plans}`,
    );
    const { PATH } = process.env;
    this.environment = {
      ...compiled,
      PATH,
      HOME: this.folder,
      PW: 'secret',
      COFFRE_STATE_DIR: this.state,
      COFFRE_CONFIG: config,
    };
    t.after(() => {
      this.#daemon?.kill('SIGKILL');
      if (this.#isMounted) spawnSync('umount', ['-l', this.state]);
      rmSync(this.folder, { recursive: true, force: true });
    });
  }

  async init(): Promise<void> {
    const { status, stderr } = spawnSync(launcher, ['init', 'main'], { env: this.environment, encoding: 'utf8' });
    assert.equal(status, 0, stderr);
    await quicken(join(this.folder, 'repository'), 'secret');
  }

  /** The state lies on a disk of its own. @returns false where none can be mounted */
  mountState(sizeMib: number): boolean {
    const { status } = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${sizeMib}m,mode=700`, 'tmpfs', this.state]);
    this.#isMounted = status === 0;
    return this.#isMounted;
  }

  /** Every process from now on has the time that `setClock` said last. */
  fakeClocks(): void {
    const { stdout } = spawnSync('faketime', ['-m', '-f', '+0', 'printenv', 'LD_PRELOAD'], { encoding: 'utf8' });
    Object.assign(this.environment, {
      LD_PRELOAD: stdout.trim(),
      FAKETIME_TIMESTAMP_FILE: this.#clockFile,
      FAKETIME_NO_CACHE: '1',
      // As Linux has it: only the clock on the wall is set.
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
    });
  }

  setClock(time: string): void {
    const offsetS = Math.round((Date.parse(time) - Date.now()) / 1000);
    writeFileSync(`${this.#clockFile}.new`, `${offsetS < 0 ? '' : '+'}${offsetS}\n`);
    renameSync(`${this.#clockFile}.new`, this.#clockFile);
  }

  /** Nothing tells a process that its clock was set; this one looks. */
  async wake(): Promise<void> {
    await (await requireDaemon(this.state)).refresh();
  }

  async start(): Promise<ChildProcess> {
    const daemon = spawn(launcher, ['serve', '--settle', '0'], { env: this.environment, stdio: 'pipe' });
    this.#daemon = daemon;
    for (const input of [daemon.stdout, daemon.stderr]) {
      createInterface({ input }).on('line', (line) => this.#take(line));
    }
    daemon.once('exit', () => this.#take('the daemon ended'));
    while ((await findDaemon(this.state).catch(() => undefined)) === undefined) {
      assert.equal(daemon.exitCode, null, 'the daemon ended');
      await pause(50);
    }
    return daemon;
  }

  #take(line: string): void {
    if (process.env['COFFRE_DEBUG'] !== undefined) process.stderr.write(`${line}\n`);
    this.#lines.push(line);
    this.#onLine.resolve(undefined);
    this.#onLine = Promise.withResolvers();
  }

  /** The next line of the daemon's log about such an event. */
  async line(event: string): Promise<string> {
    for (;;) {
      const line = this.#lines.shift();
      assert.notEqual(line, 'the daemon ended', `waiting for ${event}`);
      if (line === undefined) await this.#onLine.promise;
      else if (line.includes(`"event":"${event}"`)) return line;
    }
  }

  async stop(): Promise<void> {
    const daemon = this.#daemon!;
    daemon.kill('SIGTERM');
    const [code] = (await once(daemon, 'exit')) as [number | null];
    assert.equal(code, 0);
  }

  async openState(): Promise<Store> {
    return await openStore({ kind: 'sqlite', file: join(this.state, 'state.db') }, { clock: systemClock() });
  }
}

/** In their order. */
export async function slotRows({ db }: Store, plan: string): Promise<SlotRow[]> {
  const rows = await db
    .selectFrom('slots')
    .select(['plan', 'due_at', 'outcome'])
    .where('plan', '=', plan)
    .orderBy('due_at')
    .execute();
  return rows.map(({ due_at: dueMs, outcome }) => ({ plan, due: new Date(dueMs).toISOString(), outcome }));
}

export async function untilDone(store: Store, plan: string, due: string): Promise<void> {
  while (!(await slotRows(store, plan)).some((slot) => slot.due === due && slot.outcome !== null)) await pause(100);
}

/** Of the runs themselves, in the order in which they began. */
export async function runsOf(store: Store, plan: string): Promise<Run[]> {
  const runs = await listRuns(store, { plan, kind: 'backup' }, 1000);
  return runs.filter(({ parent }) => parent === undefined).toSorted((one, other) => one.id - other.id);
}

/** Nothing is left open, and no slot has two good runs. */
export async function assertOncePerSlot(store: Store, plans: readonly string[]): Promise<void> {
  assert.deepEqual(await openRuns(store), [], 'a run has no end');
  for (const plan of plans) {
    const good = (await runsOf(store, plan)).filter(({ end }) => end?.outcome === 'success');
    const slots = good.flatMap(({ slotAtMs }) => slotAtMs ?? []);
    assert.deepEqual(slots.length, new Set(slots).size, `${plan}: a slot was run twice`);
    const open = (await slotRows(store, plan)).filter(({ outcome }) => outcome === null);
    assert.deepEqual(open, [], `${plan}: a slot is open`);
  }
}
