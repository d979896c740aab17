/** `coffre status`: what it takes is loaded when it is used. */
import { cwd } from 'node:process';
import type { Command } from '@commander-js/extra-typings';
import type { Cli } from './cli.ts';

export type StatusOptions = {
  readonly config?: string | undefined;
  readonly site?: string | undefined;
  readonly nagios?: boolean | undefined;
  readonly promFile?: string | undefined;
  readonly failOn: string;
  readonly lang: string;
};

export function defineStatus(command: Command, cli: Cli): void {
  command
    .argument('[plan...]', 'only these plans')
    .option('--config <file>', 'the configuration (default: $COFFRE_CONFIG, ./coffre.yaml, …)')
    .option('--site <site>', 'only the sources of this site')
    .option('--nagios', 'one line with figures; exits 0, 1, 2 or 3')
    .option('--prom-file <file>', 'write the metrics for the textfile collector of node_exporter, too')
    .option('--fail-on <state>', 'exit 22 from this state on: unknown, warning, critical or never', 'critical')
    .option('--lang <language>', 'en or fr', 'en')
    .action(async (plans, options) => {
      const { showStatus } = await import('./status-run.ts');
      await showStatus(cli, plans, options, cwd());
    });
}
