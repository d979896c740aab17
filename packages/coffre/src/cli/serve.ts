import { hostname } from 'node:os';
import { systemProcesses } from '@coffre/repository';
import type { Command } from '@commander-js/extra-typings';
import { configuredStatePlace, openState } from '../access/state.ts';
import { requireConfig } from '../config/parse.ts';
import { systemSecretDoors } from '../config/read/secrets.ts';
import { systemDaemonClock } from '../daemon/daemon-clock.ts';
import { runProcesses } from '../daemon/run-process.ts';
import { startLoop } from '../daemon/serve.ts';
import type { Cli } from './cli.ts';
import { loadConfig } from './config-source.ts';
import { parseDurationMs } from './values.ts';

export function defineServe(command: Command, cli: Cli): void {
  command
    .option('--config <file>', 'the configuration')
    .option('--drain', 'when asked to stop, let runs finish instead of cancelling them')
    .option('--settle <duration>', 'wait so long after the start and after waking for network and disks', '30s')
    .action(async (options) => {
      await serve(cli, options);
    });
}

type ServeOptions = { readonly config?: string; readonly drain?: true; readonly settle: string };

async function serve(cli: Cli, options: ServeOptions): Promise<void> {
  const printer = cli.printer();
  const loaded = await loadConfig(cli, options.config, process.cwd());
  const config = requireConfig(loaded);
  const place = await configuredStatePlace(config, cli.environment, systemSecretDoors(cli.environment));
  await using store = await openState(place, (sentence) => printer.error(sentence));
  const processes = systemProcesses();
  const log = {
    info: (event: string, fields: object) => printer.error(JSON.stringify({ event, ...fields })),
    warn: (event: string, fields: object) => printer.error(JSON.stringify({ event, ...fields })),
    error: (event: string, fields: object) => printer.error(JSON.stringify({ event, ...fields })),
  };
  const loop = await startLoop({
    config,
    store,
    clock: systemDaemonClock(),
    log,
    here: { host: hostname(), bootId: processes.space ?? '' },
    isAlive: (pid) => processes.isAlive(pid),
    startProcess: runProcesses({
      argv: [process.execPath, ...process.execArgv, process.argv[1]!],
      environment: { ...cli.environment, COFFRE_MALLOC: '1' },
      graceMs: 60_000,
    }),
    programWords: options.config === undefined ? [] : ['--config', options.config],
    settleMs: parseDurationMs(options.settle, '--settle'),
  });
  await new Promise<void>((resolve) => {
    if (cli.signal.aborted) return resolve();
    cli.signal.addEventListener('abort', () => resolve(), { once: true });
  });
  await loop.stop({ drain: options.drain === true });
}
