/** The real surroundings of runs in this process: state, clock, programs, and the channel to whoever started us. */
import { hostname } from 'node:os';
import { CoffreError, messageOf, systemProcesses } from '@coffre/repository';
import { systemSourceContext } from '../access/source-context.ts';
import { configuredStatePlace, openState } from '../access/state.ts';
import { effectiveOf } from '../config/effective.ts';
import { createJsonSchema } from '../config/json-schema.ts';
import { plainOf } from '../config/located.ts';
import { systemZone } from '../config/read/system-zone.ts';
import { systemSecretDoors } from '../config/read/secrets.ts';
import type { RunMessage } from '../run/run-message.ts';
import { runPurposeVariable } from '../run/run-request.ts';
import type { RunSurroundings } from '../run/run-surroundings.ts';
import { closeLostRuns } from '../run/stale-runs.ts';
import { trimHistoryDaily } from '../store/history.ts';
import type { Store } from '../store/store.ts';
import type { Cli } from './cli.ts';
import { extensionPlaces } from './meant-repositories.ts';
import type { Configured } from './meant-repositories.ts';
import { programVersion } from './version.ts';

const trimLimitMs = 20_000;

/** Runs of this machine that were lost before are closed first. @throws {CoffreError} errors of the state */
export async function withRunSurroundings<T>(
  cli: Cli,
  { loaded, config }: Configured,
  tell: (message: RunMessage) => void,
  work: (around: RunSurroundings) => Promise<T>,
): Promise<T> {
  const printer = cli.printer();
  const warn = (sentence: string): void => printer.error(`Warning: ${sentence}`);
  const doors = systemSecretDoors(loaded.variables);
  const place = await configuredStatePlace(config, cli.environment, doors);
  await using store = await openState(place, (sentence) => printer.error(sentence));
  const processes = systemProcesses();
  const machine = {
    host: hostname(),
    pid: process.pid,
    bootId: processes.space ?? '',
    isAlive: (pid: number) => processes.isAlive(pid),
  };
  for (const run of await closeLostRuns(store, machine, config.alerts)) {
    if (run.parent === undefined) warn(`run ${run.id} of ${run.plan} was lost: its process is gone`);
  }
  using parent = parentProcess(cli.signal);
  const { cacheDir, noCache } = cli.globals();
  const { programs, searchPath, files, clock, temporaryFolder } = systemSourceContext(
    cli.environment,
    parent.signal,
    warn,
  );
  const around: RunSurroundings = {
    config,
    configuration: plainOf(effectiveOf(loaded.root, createJsonSchema(), systemZone())),
    store,
    stateFolder: place.folder,
    machine,
    repositories: {
      secrets: config.secrets,
      doors,
      environment: cli.environment,
      cache: { cacheDir, noCache },
      extensions: extensionPlaces({ loaded, config }),
      warn,
    },
    source: { programs, searchPath, files, clock, temporaryFolder, extensions: extensionPlaces({ loaded, config }) },
    programVersion,
    tell: (message) => {
      parent.send(message);
      tell(message);
    },
    signal: parent.signal,
  };
  try {
    const done = await work(around);
    if (!isOfDaemon(cli) && !parent.signal.aborted) await tellChannels(around, warn);
    if (!parent.signal.aborted) await trim(store, parent.signal, warn);
    return done;
  } finally {
    await parent.flushed();
  }
}

/** It sends by itself what its runs leave to be sent. */
export function isOfDaemon({ environment }: Cli): boolean {
  return environment[runPurposeVariable] !== undefined && process.send !== undefined;
}

async function tellChannels(around: RunSurroundings, warn: (sentence: string) => void): Promise<void> {
  if (Object.keys(around.config.alerts.channels).length === 0) return;
  const { sendAfterRun } = await import('./send-after-run.ts');
  await sendAfterRun(around, warn);
}

/** In the process of a run: the daemon has plans to look after. What is left goes on another day. */
async function trim(store: Store, signal: AbortSignal, warn: (sentence: string) => void): Promise<void> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(trimLimitMs)]);
  try {
    await trimHistoryDaily(store, limit);
  } catch (error) {
    if (!limit.aborted) warn(`old history could not be removed: ${messageOf(error)}`);
  }
}

type Parent = Disposable & {
  /** Aborts as the command does, and when who started us is gone. */
  readonly signal: AbortSignal;
  readonly send: (message: RunMessage) => void;
  readonly flushed: () => Promise<void>;
};

/** Who started us over IPC, if anybody. */
function parentProcess(signal: AbortSignal): Parent {
  if (process.send === undefined) {
    return {
      signal,
      send: () => undefined,
      flushed: async () => undefined,
      [Symbol.dispose]: () => undefined,
    };
  }
  const orphaned = new AbortController();
  const onGone = (): void => orphaned.abort(new CoffreError('INTERRUPTED', 'whoever started this run is gone'));
  process.once('disconnect', onGone);
  let last: Promise<void> = Promise.resolve();
  return {
    signal: AbortSignal.any([signal, orphaned.signal]),
    send: (message) => {
      if (!process.connected) return;
      // A channel that breaks meanwhile is seen by `disconnect`.
      last = new Promise((resolve) => process.send?.(message, undefined, undefined, () => resolve()));
    },
    flushed: async () => await last,
    [Symbol.dispose]: () => void process.off('disconnect', onGone),
  };
}
