/** `coffre source`: what was saved as a source, and bringing it back as one. */
import type { Command } from '@commander-js/extra-typings';
import type { Cli } from './cli.ts';
import { addSnapshotFilter } from './snapshot-options.ts';

export type SourceVerbOptions = {
  readonly host?: string[] | undefined;
  readonly tag?: string[] | undefined;
  readonly path?: string[] | undefined;
};
export type LoadVerbOptions = SourceVerbOptions & {
  readonly target?: string | undefined;
  readonly overwrite?: true | undefined;
};

export function defineSource(command: Command, cli: Cli): void {
  const list = command.command('list').description('List the sources of a snapshot');
  addSnapshotFilter(list.argument('[snapshot]', 'an id, its beginning or latest', 'latest')).action(
    async (snapshot, options) => await (await import('./source-run.ts')).listSources(cli, snapshot, options),
  );
  const load = command.command('load').description('Bring a database or the output of a command back, proved first');
  addSnapshotFilter(load.argument('<snapshot>', 'an id, its beginning or latest').argument('<name>', 'of the source'))
    .option('-t, --target <path>', 'where to (default: where it came from, or the command that loads it)')
    .option('--overwrite', 'replace what is there')
    .action(
      async (snapshot, name, options) =>
        await (await import('./source-run.ts')).loadSource(cli, snapshot, name, options),
    );
}
