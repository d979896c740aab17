/** `coffre rebuild-cache`: the history and the index of names, made again from the repositories alone. */
import type { Command } from '@commander-js/extra-typings';
import type { Cli } from './cli.ts';
import { collect } from './values.ts';

export function defineRebuildCache(command: Command, cli: Cli): void {
  command
    .option('--config <file>', 'the configuration (default: $COFFRE_CONFIG, ./coffre.yaml, …)')
    .option('--from <repository>', 'only from this repository of the configuration (repeatable)', collect)
    .action(async (options) => (await import('./rebuild-cache-run.ts')).runRebuildCache(cli, options));
}
