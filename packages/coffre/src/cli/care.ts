import type { Command } from '@commander-js/extra-typings';
import type { Cli } from './cli.ts';
import { collect } from './values.ts';

export function defineCare(command: Command, cli: Cli): void {
  command
    .argument('[repository...]', 'repositories of the configuration; all when none is given')
    .option('--config <file>', 'the configuration (default: $COFFRE_CONFIG, ./coffre.yaml, …)')
    .option('--task <task>', 'look, check, read or prune, due or not (repeatable)', collect)
    .action(async (names, options) => {
      const { takeCare } = await import('./care-run.ts');
      await takeCare(cli, names, options);
    });
}
