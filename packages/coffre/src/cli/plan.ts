/** `coffre plan` and `coffre apply`: what a changed configuration would change, and the word that it holds. */
import type { Command } from '@commander-js/extra-typings';
import type { Cli } from './cli.ts';

export function definePlan(command: Command, cli: Cli): void {
  command
    .option('--config <file>', 'the configuration (default: $COFFRE_CONFIG, ./coffre.yaml, …)')
    .option('--detailed-exitcode', 'exit with 27 when something would change')
    .action(async (options) => (await import('./plan-run.ts')).runPlanVerb(cli, options));
}

export function defineApply(command: Command, cli: Cli): void {
  command
    .option('--config <file>', 'the configuration (default: $COFFRE_CONFIG, ./coffre.yaml, …)')
    .option('--init', 'make the repositories that are not there yet')
    .option('--confirm', 'do not ask')
    .action(async (options) => (await import('./apply-run.ts')).runApply(cli, options));
}
