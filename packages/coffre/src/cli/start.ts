import type { Command } from '@commander-js/extra-typings';
import type { Cli } from './cli.ts';
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
          workingFolder: process.cwd(),
          colors: terminal.canUpdateStatus && !environment['NO_COLOR'],
          signal,
        },
      );
    });
}
