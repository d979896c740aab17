import type { Command } from '@commander-js/extra-typings';
import type { Cli } from './cli.ts';
import type { Environment } from './global-options.ts';
import { createHost } from './repository-access.ts';

export function defineStart(command: Command, cli: Cli): void {
  command
    .argument('[path...]', 'folders of your own; an example is made when there are none')
    .option('--folder <path>', 'where the trial lives (default: coffre-demo)')
    .action(async (paths, options) => {
      const { runStart } = await import('../demo/start.ts');
      const printer = cli.printer();
      const { environment, terminal, signal } = cli;
      await runStart(
        { paths, folder: options.folder },
        {
          host: createHost(printer),
          printer,
          workingFolder: typedIn(environment),
          colors: terminal.canUpdateStatus && !environment['NO_COLOR'],
          signal,
        },
      );
    });
}

/** npm runs scripts in the project's folder; paths mean the folder where they were typed. */
function typedIn(environment: Environment): string {
  return (environment['npm_lifecycle_event'] === 'start' ? environment['INIT_CWD'] : undefined) ?? process.cwd();
}
