/** `coffre db`: databases that the configuration names, live and in snapshots. */
import type { Command } from '@commander-js/extra-typings';
import type { Cli } from './cli.ts';
import type { LoadOptions } from './load-found.ts';
import { collect } from './values.ts';

export type DbOptions = {
  readonly config?: string | undefined;
  readonly from?: string[] | undefined;
  readonly snapshot?: string | undefined;
};

export type DbDumpOptions = DbOptions & { readonly output?: string | undefined; readonly stream?: string | undefined };

export type DbRestoreOptions = DbOptions & LoadOptions;

export type DbCompareOptions = DbOptions & { readonly with?: string | undefined };

const source = 'as the configuration calls it: SITE/SOURCE, or SOURCE where only one site has it';

export function defineDb(command: Command, cli: Cli): void {
  withPlace(command.command('list'))
    .description('List databases, where they are and when they were last saved')
    .action(async (options) => (await import('./db-list.ts')).listDatabases(cli, options));
  withSnapshot(withPlace(command.command('dump').argument('<source>', source)))
    .description('Write a dump of the live database, or of a snapshot with --snapshot, to stdout or a file')
    .option('--output <file>', 'write there; it appears when it is whole')
    .option('--stream <name>', 'which, where there are several: its file name')
    .action(async (name, options) => (await import('./db-dump.ts')).dumpDatabase(cli, name, options));
  withSnapshot(withPlace(command.command('restore').argument('<source>', source)))
    .description('Load a saved database: whole or not at all, and proved')
    .option('-t, --target <target>', 'another name, address or path (default: where it came from)')
    .option('--table <table>', 'only this table or collection, of several databases this one (repeatable)', collect)
    .option('--overwrite', 'replace what is there')
    .option('--confirm', 'do not ask before anything is replaced')
    .option('--no-owner', 'everything belongs to the user who loads; owners and rights are left out')
    .option('--create-roles', 'make owners that the target does not have')
    .action(async (name, options) => (await import('./db-restore.ts')).restoreDatabase(cli, name, options));
  withPlace(command.command('quick-check').argument('<source>', source))
    .description('Whether the live database answers, in a few seconds')
    .action(async (name, options) => (await import('./db-checks.ts')).quickCheck(cli, name, options));
  withSnapshot(withPlace(command.command('validate').argument('<source>', source)))
    .description('Prove a snapshot: every hash, and the database loaded in private and counted')
    .action(async (name, options) => (await import('./db-checks.ts')).validate(cli, name, options));
  withSnapshot(withPlace(command.command('compare').argument('<source>', source)))
    .description('Say what the live database, or another snapshot, has otherwise than a snapshot')
    .option('--with <snapshot>', 'a later snapshot instead of the live database')
    .action(async (name, options) => (await import('./db-checks.ts')).compare(cli, name, options));
}

function withPlace<Args extends unknown[], Options, Globals>(command: Command<Args, Options & {}, Globals & {}>) {
  return command
    .option('--config <file>', 'the configuration (default: $COFFRE_CONFIG, ./coffre.yaml, …)')
    .option('--from <repository>', 'a repository of the configuration (repeatable)', collect);
}

function withSnapshot<Args extends unknown[], Options, Globals>(command: Command<Args, Options & {}, Globals & {}>) {
  return command.option('--snapshot <snapshot>', 'an id, its beginning, the name of a backup, or latest');
}
