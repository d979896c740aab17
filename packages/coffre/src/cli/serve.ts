import { hostname } from 'node:os';
import { dirname } from 'node:path';
import { systemProcesses } from '@coffre/repository';
import type { Command } from '@commander-js/extra-typings';
import { resolveSettings } from '../access/extension-settings.ts';
import { configuredStatePlace, openState } from '../access/state.ts';
import type { Config } from '../config/config.ts';
import { requireConfig } from '../config/parse.ts';
import { systemSecretDoors } from '../config/read/secrets.ts';
import { Daemon } from '../daemon/daemon.ts';
import { systemDaemonClock } from '../daemon/daemon-clock.ts';
import { lineForPeople, openDaemonLog } from '../daemon/daemon-log.ts';
import type { DaemonLog, LogFields, LogLevel } from '../daemon/daemon-log.ts';
import { lockStateFolder } from '../daemon/only-one.ts';
import { runProcesses } from '../daemon/run-process.ts';
import type { StartRunProcess } from '../daemon/run-process.ts';
import { extensionThreads } from '../extension/extension-thread.ts';
import { isLoopback, parseListenAddress } from '../repo-server/listen-address.ts';
import { notifyVariables, systemdNotifier } from '../daemon/sd-notify.ts';
import type { Cli } from './cli.ts';
import { loadConfig } from './config-source.ts';
import { jsonText } from './output/json.ts';
import type { Printer } from './output/printer.ts';
import { parseDurationMs } from './values.ts';

export function defineServe(command: Command, cli: Cli): void {
  command
    .option('--config <file>', 'the configuration')
    .option('--drain', 'when asked to stop, let runs finish instead of cancelling them')
    .option('--settle <duration>', 'wait so long after the start and after waking, for network and disks', '30s')
    .action(async (options) => {
      // To be asked to stop is how a service ends well; Ctrl-C is an interruption, as everywhere.
      let terminated = false;
      const onTerminated = (): void => void (terminated = true);
      process.on('SIGTERM', onTerminated);
      try {
        await serve(cli, options);
      } finally {
        process.off('SIGTERM', onTerminated);
      }
      if (!terminated) throw cli.signal.reason;
    });
}

type ServeOptions = { readonly config?: string; readonly drain?: true; readonly settle: string };

async function serve(cli: Cli, options: ServeOptions): Promise<void> {
  const printer = cli.printer();
  const settleMs = parseDurationMs(options.settle, '--settle');
  const { file, config, place } = await configuredPlace(cli, options.config);
  using _lock = lockStateFolder(place.folder);
  await using store = await openState(place, (sentence) => printer.error(sentence));
  await using log = await openDaemonLog(place.folder, (...line) => echo(printer, ...line));
  const processes = systemProcesses();
  const daemon = new Daemon({
    stateFolder: place.folder,
    configName: file,
    readConfig: async () => requireConfig(await loadConfig(cli, options.config, process.cwd())),
    store,
    log,
    settleMs,
    heldPauseMs: 5000,
    clock: systemDaemonClock(),
    machine: {
      host: hostname(),
      pid: process.pid,
      bootId: processes.space ?? '',
      isAlive: (pid) => processes.isAlive(pid),
    },
    startProcess: ownProcesses(cli),
    configWords: options.config === undefined ? [] : ['--config', options.config],
    extensions: {
      folder: dirname(file),
      startThread: extensionThreads({ graceMs: 5000 }),
      resolve: async (settings, secrets) =>
        await resolveSettings(settings, secrets, systemSecretDoors(cli.environment)),
    },
  });
  await daemon.start(config);
  await using _control = await daemon.listen();
  await using _webhooks = await openWebhooks(config, daemon, { log, folder: place.folder });
  using systemd = systemdNotifier({ environment: cli.environment, clock: systemDaemonClock() });
  const reload = (): void => {
    systemd.reloading();
    void daemon
      .reload()
      .catch(() => undefined)
      .then(() => systemd.ready());
  };
  process.on('SIGHUP', reload);
  log.info('serve.began', { pid: process.pid, config: file, plans: daemon.status.plans, state: place.folder });
  systemd.ready();
  await aborted(cli.signal);
  systemd.stopping();
  log.info('serve.stopping', { runs: daemon.loop.jobs.size, drain: options.drain === true });
  await daemon.stop({ drain: options.drain === true });
  process.off('SIGHUP', reload);
  log.info('serve.ended', {});
}

/** Undefined where no plan wants to be called. */
async function openWebhooks(
  { plans, server }: Config,
  { loop }: Daemon,
  { log, folder }: { readonly log: DaemonLog; readonly folder: string },
): Promise<AsyncDisposable | undefined> {
  const isWanted = [...plans.values()].some(({ schedule }) => schedule.triggers.some(({ kind }) => kind === 'webhook'));
  if (!isWanted) return undefined;
  const { serveWebhooks } = await import('../daemon/webhook/webhook-server.ts');
  const { openWebhookKey } = await import('../daemon/webhook/webhook-token.ts');
  const address = parseListenAddress(server.listen);
  if (!isLoopback(address)) log.warn('webhook.open', { listen: server.listen, advice: 'put TLS before it' });
  const where = address.kind === 'unix' ? { path: address.path } : { host: address.host ?? '::', port: address.port };
  return await serveWebhooks(where, { loop, key: openWebhookKey(folder), clock: systemDaemonClock(), log });
}

async function configuredPlace(cli: Cli, named: string | undefined) {
  const loaded = await loadConfig(cli, named, process.cwd());
  const config = requireConfig(loaded);
  const place = await configuredStatePlace(config, cli.environment, systemSecretDoors(loaded.variables));
  return { file: loaded.file, config, place };
}

/** This program again, as it was started, with the allocator's settings that the launcher gave it. */
function ownProcesses(cli: Cli): StartRunProcess {
  const environment = Object.fromEntries(
    Object.entries(cli.environment).filter(([name]) => !notifyVariables.includes(name)),
  );
  return runProcesses({
    argv: [process.execPath, ...process.execArgv.map(asForRuns), process.argv[1]!],
    environment: { ...environment, ...allocatorSettings },
    graceMs: 60_000,
  });
}

/** As in `bin/coffre`: a run reads much data, and its short-lived objects are to stay few. */
function asForRuns(flag: string): string {
  return flag.startsWith('--max-semi-space-size=') ? '--max-semi-space-size=4' : flag;
}

/** As in `bin/coffre`; the run takes them out of its environment again. */
const allocatorSettings = {
  COFFRE_MALLOC: '1',
  MALLOC_ARENA_MAX: '2',
  MALLOC_TRIM_THRESHOLD_: '1000000',
  MALLOC_MMAP_THRESHOLD_: '524288',
};

function echo(printer: Printer, level: LogLevel, event: string, fields: LogFields): void {
  if (printer.verbosity === 0 && level === 'info') return;
  const nowMs = Date.now();
  const isForPeople = printer.terminal.outputIsTerminal && !printer.json;
  printer.error(
    isForPeople
      ? lineForPeople(level, event, fields, nowMs)
      : jsonText({ time: new Date(nowMs).toISOString(), level, event, ...fields }),
  );
}

async function aborted(signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => {
    if (signal.aborted) return resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
