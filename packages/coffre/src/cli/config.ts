/** `coffre config`: looks at the configuration and changes nothing. What it takes is loaded when it is used. */
import { cwd } from 'node:process';
import { isCoffreError } from '@coffre/repository/opening';
import type { Command } from '@commander-js/extra-typings';
import type { Cli } from './cli.ts';
import { loadConfig } from './config-source.ts';
import type { LoadedConfig } from './config-source.ts';

export function defineConfig(command: Command, cli: Cli): void {
  const load = async (file: string | undefined): Promise<LoadedConfig> => await loadConfig(cli, file, cwd());
  withConfigOption(command.command('check'))
    .description('Look for mistakes; what the file names need not exist')
    .action(async ({ config }) => {
      const { checkReport } = await import('./config-check.ts');
      const { withExtensionMistakes } = await import('./config-extensions.ts');
      checkReport(cli, await withExtensionMistakes(await load(config)));
    });
  withConfigOption(command.command('show'))
    .description('Print the configuration as it is understood, without secrets')
    .option('--effective', 'with everything that holds where nothing is said')
    .option('--origin', 'with the place that each value comes from')
    .action(async ({ config, ...options }) => {
      const { showConfig } = await import('./config-show.ts');
      showConfig(cli, await load(config), options);
    });
  withConfigOption(command.command('explain'))
    .description('Say what a key means, how it is written and where it is set')
    .argument('[key]', 'as plans.NAME.schedule')
    .action(async (key = '', { config }) => {
      const { explainKey } = await import('./config-explain.ts');
      explainKey(cli, key, await ifThere(load(config), config));
    });
  command
    .command('schema')
    .description('Print the JSON Schema of the file, for editors')
    .action(async () => {
      const { createJsonSchema } = await import('../config/json-schema.ts');
      const { json } = cli.globals();
      cli.printer().always(JSON.stringify(createJsonSchema(), null, json ? undefined : 2));
    });
  withConfigOption(command.command('export'))
    .description('Print one file that holds everything, variables filled in')
    .action(async ({ config }) => {
      const { exportConfig } = await import('./config-show.ts');
      exportConfig(cli, await load(config));
    });
}

function withConfigOption(command: Command) {
  return command.option(
    '--config <file>',
    'the configuration (default: $COFFRE_CONFIG, ./coffre.yaml, ~/.config/coffre, /etc/coffre)',
  );
}

/** A key can be explained without a file, unless one was named. */
async function ifThere(loading: Promise<LoadedConfig>, named: string | undefined): Promise<LoadedConfig | undefined> {
  try {
    return await loading;
  } catch (error) {
    if (named === undefined && isCoffreError(error, 'CONFIG_NOT_FOUND')) return undefined;
    throw error;
  }
}
