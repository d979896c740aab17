/** `coffre report`: what it takes is loaded when it is used. */
import { cwd } from 'node:process';
import type { Command } from '@commander-js/extra-typings';
import type { Cli } from './cli.ts';

export type ReportOptions = {
  readonly config?: string | undefined;
  readonly at?: string | undefined;
  readonly format?: string | undefined;
  readonly output?: string | undefined;
  readonly lang: string;
};

export function defineReport(command: Command, cli: Cli): void {
  command
    .argument('<span>', 'daily, weekly or monthly')
    .option('--config <file>', 'the configuration (default: $COFFRE_CONFIG, ./coffre.yaml, …)')
    .option('--at <day>', 'the period that this day lies in, as 2026-11-21 (default: the last one that is over)')
    .option('--format <format>', 'text, md, html, pdf, csv or json (default: by the ending of the file, else text)')
    .option('--output <file>', 'write it into this file')
    .option('--lang <language>', 'en or fr', 'en')
    .action(async (span, options) => {
      const { makeReport } = await import('./report-run.ts');
      await makeReport(cli, span, options, cwd());
    });
}
