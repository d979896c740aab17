/** `coffre source`: what was saved as a source, and bringing it back as one. */
import type { Command } from '@commander-js/extra-typings';
import type { Cli } from './cli.ts';
import type { LoadOptions } from './load-found.ts';
import { addSnapshotFilter } from './snapshot-options.ts';
import { collect } from './values.ts';

export type SourceVerbOptions = {
  readonly host?: string[] | undefined;
  readonly tag?: string[] | undefined;
  readonly path?: string[] | undefined;
};
export type LoadVerbOptions = SourceVerbOptions & LoadOptions;

export function defineSource(command: Command, cli: Cli): void {
  const list = command.command('list').description('List the sources of a snapshot');
  addSnapshotFilter(list.argument('[snapshot]', 'an id, its beginning or latest', 'latest')).action(
    async (snapshot, options) => await (await import('./source-run.ts')).listSources(cli, snapshot, options),
  );
  const load = command.command('load').description('Bring a database or the output of a command back, proved first');
  addSnapshotFilter(load.argument('<snapshot>', 'an id, its beginning or latest').argument('<name>', 'of the source'))
    .option('-t, --target <path>', 'where to (default: where it came from, or the command that loads it)')
    .option('--table <table>', 'only this table or collection, of several databases this one (repeatable)', collect)
    .option('--overwrite', 'replace what is there')
    .option('--confirm', 'do not ask before anything is replaced')
    .option('--no-owner', 'everything belongs to the user who loads; owners and rights are left out')
    .option('--create-roles', 'make owners that the target does not have')
    .action(
      async (snapshot, name, options) =>
        await (await import('./source-run.ts')).loadSource(cli, snapshot, name, options),
    );
}
