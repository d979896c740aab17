/** `coffre run PLAN…`: runs plans of the configuration now, by `coffre serve` where it works, else in this process. */
import type { Command } from '@commander-js/extra-typings';
import type { Cli } from './cli.ts';
import { guardFlag, guardMeaning } from './guard-option.ts';

export function defineRun(command: Command, cli: Cli): void {
  command
    .argument('[plan...]', 'names of plans; the only one of the configuration when none is given')
    .option('--config <file>', 'the configuration (default: $COFFRE_CONFIG, ./coffre.yaml, …)')
    .option('--full', 'read everything again instead of comparing with the last backup')
    .option('--force', 'the same, as backup has it')
    .option('--type <type>', 'full is --full; incremental and differential store what is new, as every backup does')
    .option(guardFlag, guardMeaning)
    .option('--copy <repository>', 'save nothing, only copy there what it lacks')
    .option('--continuous', 'stay, and run the plan whenever one of its SQLite databases was written')
    .option('--foreground', 'in this process, also where `coffre serve` works')
    .option('-n, --dry-run', 'run nothing, show what would be done')
    .action(async (names, options) => {
      const { runPlans } = await import('./run-plans-work.ts');
      await runPlans(cli, names, options);
    });
}
