/** Real managers (`coffre serve`) that share one PostgreSQL and one repository, each with a state folder of its own. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { systemClock } from '../../packages/repository/src/host/system.ts';
import { findDaemon } from '../../packages/coffre/src/daemon/control/control-client.ts';
import type { DaemonStatus } from '../../packages/coffre/src/daemon/control/control-view.ts';
import { openStore } from '../../packages/coffre/src/store/store.ts';
import type { Store } from '../../packages/coffre/src/store/store.ts';
import { compiled } from '../compiled.ts';
import { launcher } from '../program.ts';
import { quicken } from '../quick-key.ts';

export type RealManager = {
  readonly name: string;
  /** Of the daemon itself. */
  readonly pid: number;
  status(): Promise<DaemonStatus>;
  /** Asks for a run and does not wait. */
  run(plan: string): Promise<void>;
  kill(): Promise<void>;
  /** Well; the code of its exit has to be 0. */
  stop(): Promise<void>;
};

export type ManagersScene = AsyncDisposable & {
  readonly folder: string;
  /** Straight to the server. */
  readonly store: Store;
  /** @param host as its machine calls itself; for root only */
  start(name: string, host?: string): Promise<RealManager>;
  /** Against the repository. @returns what it printed */
  run(...words: string[]): string;
};

export type ManagersWish = {
  /** Of the database, without a password. */
  readonly url: string;
  readonly password: string;
  /** Where the managers reach it: through a proxy. */
  readonly managersPort: number;
  /** Below `sites:` and `plans:`. */
  readonly sites: string;
  readonly plans: string;
};

export async function managersScene(wish: ManagersWish): Promise<ManagersScene> {
  const folder = mkdtempSync(join(tmpdir(), 'coffre-managers-'));
  const repository = join(folder, 'repository');
  mkdirSync(join(folder, 'docs'));
  writeFileSync(join(folder, 'docs', 'a'), 'a');
  const direct = new URL(wish.url);
  direct.password = wish.password;
  const theirs = new URL(wish.url);
  theirs.port = String(wish.managersPort);
  const common = {
    PATH: process.env['PATH'],
    HOME: folder,
    PW: 'secret',
    DB: wish.password,
    RESTIC_PASSWORD: 'secret',
    ...compiled,
  };
  const configFile = join(folder, 'coffre.yaml');
  writeFileSync(
    configFile,
    `version: 1
secrets: {pw: {env: PW}, db: {env: DB}}
store: {url: "${theirs.href}", password: "\${secret:db}"}
repositories: {main: {url: ${repository}, password: "\${secret:pw}", maintained_by: nobody}}
defaults: {retries: {times: 5, wait: 1s}}
sites:
${wish.sites.replaceAll('FOLDER', folder)}
plans:
${wish.plans}
`,
  );
  const run = (...words: string[]): string => {
    const { status, stdout, stderr } = spawnSync(launcher, words, { env: common, encoding: 'utf8' });
    assert.equal(status, 0, `${words.join(' ')}: ${stderr}`);
    return stdout;
  };
  run('init', '-r', repository);
  await quicken(repository, 'secret');
  const store = await openStore({ kind: 'postgres', url: direct.href }, { clock: systemClock() });
  const children = new Set<ChildProcess>();
  return {
    folder,
    store,
    run: (...words) => run(...words, '-r', repository),
    start: async (name, host) => {
      const state = join(folder, name);
      const words = [launcher, 'serve', '--settle', '0', '--config', configFile];
      const named = ['unshare', '--uts', 'sh', '-c', 'hostname "$0"; exec "$@"', host ?? '', ...words];
      const [program, ...argv] = host === undefined ? words : named;
      const child = spawn(program!, argv, {
        env: { ...common, COFFRE_STATE_DIR: state },
        stdio: ['ignore', 'ignore', 'pipe'],
      });
      children.add(child);
      child.stderr.on('data', (text: Buffer) => appendFileSync(join(folder, `${name}.log`), text));
      for (;;) {
        if ((await findDaemon(state).catch(() => undefined)) !== undefined) break;
        assert.equal(child.exitCode, null, `the manager ${name} ended`);
        await pause(50);
      }
      return await realManager(name, child, state);
    },
    [Symbol.asyncDispose]: async () => {
      for (const child of children) child.kill('SIGKILL');
      await store[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function realManager(name: string, child: ChildProcess, state: string): Promise<RealManager> {
  const ended = once(child, 'exit') as Promise<[number | null]>;
  return {
    name,
    pid: (await (await findDaemon(state))!.status()).pid,
    status: async () => await (await findDaemon(state))!.status(),
    run: async (plan) => await (await findDaemon(state))!.start(plan),
    kill: async () => {
      child.kill('SIGKILL');
      await ended;
    },
    stop: async () => {
      child.kill('SIGTERM');
      const [code] = await ended;
      assert.equal(code, 0, `${name} did not stop well`);
    },
  };
}
