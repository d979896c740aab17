/** `coffre config`: looks at the configuration and changes nothing. */
import { cwd } from 'node:process';
import type { Command } from '@commander-js/extra-typings';
import type { Cli } from './cli.ts';
import { loadConfig } from './config-source.ts';
import { checkReport } from './config-check.ts';

export function defineConfig(command: Command, cli: Cli): void {
  addConfigOption(
    command.command('check').description('Look for mistakes; nothing the file names has to exist'),
  ).action(async ({ config }) => checkReport(cli, await loadConfig(cli, config, cwd())));
}

function addConfigOption<Args extends unknown[], Options, Globals>(command: Command<Args, Options & {}, Globals & {}>) {
  return command.option(
    '--config <file>',
    'the configuration (default: $COFFRE_CONFIG, ./coffre.yaml, ~/.config/coffre, /etc/coffre)',
  );
}
