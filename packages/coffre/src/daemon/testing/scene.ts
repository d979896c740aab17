/** A daemon's loop in a test, on a state in a temporary folder, with runs that only pretend. */
import { mkdtempSync, rmSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { systemClock, systemProcesses } from '@coffre/repository';
import { parseConfig, requireConfig } from '../../config/parse.ts';
import type { Config } from '../../config/config.ts';
import { readYaml } from '../../config/yaml-text.ts';
import type { Machine } from '../../run/run-surroundings.ts';
import { parseZone } from '../../schedule/zone.ts';
import { openStore } from '../../store/store.ts';
import type { Store } from '../../store/store.ts';
import { systemDaemonClock } from '../daemon-clock.ts';
import type { DaemonLog } from '../daemon-log.ts';
import { runProcesses } from '../run-process.ts';
import { Daemon } from '../daemon.ts';
import type { DaemonParts } from '../daemon.ts';
import type { FakeRun } from './fake-run.ts';

export const fakeRunFile: string = fileURLToPath(new URL('fake-run.ts', import.meta.url));

export type LogLine = { readonly event: string; readonly [field: string]: unknown };

export type DaemonScene = AsyncDisposable & {
  readonly folder: string;
  readonly store: Store;
  readonly lines: LogLine[];
  parts(plans: string, run?: Partial<FakeRun>): DaemonParts;
  /** Started, and not yet listening. */
  start(plans: string, run?: Partial<FakeRun>, more?: Partial<DaemonParts>): Promise<Daemon>;
  /** The folder that the source saves; it is not there yet. */
  readonly docs: string;
};

/** `plans` is the part of a configuration below `plans:`; every plan has the source `home/docs`. */
export function configOf(plans: string, docs = '/srv/docs'): Config {
  const text = `version: 1
secrets: {pw: {env: PW}}
repositories:
  main: {url: /srv/main, password: "\${secret:pw}", maintained_by: elsewhere}
  off: {url: /srv/off, password: "\${secret:pw}", maintained_by: elsewhere}
sites: {home: {sources: {docs: {type: files, paths: [${docs}]}}}}
plans:
${plans}`;
  return requireConfig(
    parseConfig([readYaml({ file: 'coffre.yaml', text })], { variables: {}, systemZone: parseZone('UTC') }),
  );
}

export async function daemonScene(): Promise<DaemonScene> {
  const folder = mkdtempSync(join(tmpdir(), 'coffre-daemon-'));
  const stateFile = join(folder, 'state.db');
  const store = await openStore({ kind: 'sqlite', file: stateFile }, { clock: systemClock() });
  const docs = join(folder, 'docs');
  const lines: LogLine[] = [];
  const write = (event: string, fields: object): void => void lines.push({ event, ...fields });
  const log: DaemonLog = { info: write, warn: write, error: write };
  const parts: DaemonScene['parts'] = (plans, run = {}) => ({
    stateFolder: folder,
    configName: 'coffre.yaml',
    readConfig: async () => configOf(plans, docs),
    store,
    clock: systemDaemonClock(),
    log,
    machine: thisMachine(),
    startProcess: runProcesses({
      argv: [process.execPath, '--conditions=@coffre/source', '--disable-warning=ExperimentalWarning', fakeRunFile],
      environment: { ...process.env, FAKE_RUN: JSON.stringify({ stateFile, ...run }) },
      // Enough on a busy machine to stop well, for one that does.
      graceMs: run.isDeaf === true ? 100 : 60_000,
    }),
    configWords: [],
    heldPauseMs: 100,
    settleMs: 0,
  });
  const daemons: Daemon[] = [];
  return {
    folder,
    store,
    lines,
    parts,
    docs,
    start: async (plans, run, more) => {
      const daemon = new Daemon({ ...parts(plans, run), ...more });
      daemons.push(daemon);
      await daemon.start(configOf(plans, docs));
      return daemon;
    },
    [Symbol.asyncDispose]: async () => {
      for (const daemon of daemons) await daemon.stop({ drain: false });
      await store[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

export function thisMachine(): Machine {
  const processes = systemProcesses();
  return {
    host: hostname(),
    pid: process.pid,
    bootId: processes.space ?? '',
    isAlive: (pid) => processes.isAlive(pid),
  };
}

/** Looks again until it holds; the test's own limit is the only other end. */
export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await pause(20);
}
