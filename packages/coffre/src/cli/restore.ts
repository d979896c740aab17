import type { Command } from '@commander-js/extra-typings';
import type { Cli } from './cli.ts';
import { addExcludes, addIncludes } from './pattern-options.ts';
import { addSnapshotFilter } from './snapshot-options.ts';
import { meansNamedRestore } from './restore-wish.ts';
import { collect } from './values.ts';

export type RestoreVerbOptions = ReturnType<ReturnType<typeof addOptions>['opts']>;

function addOptions(command: Command) {
  return (
    addIncludes(
      addExcludes(
        addSnapshotFilter(
          command.argument('[snapshot...]', 'an id, its beginning or latest; with `:folder` only that folder'),
        ),
      ),
    )
      .option('-t, --target <folder>', 'where to restore to')
      .option('--delete', 'remove what is in the target and not in the snapshot')
      .option(
        '--overwrite <when>',
        'what happens to files that are there: always, if-changed, if-newer or never',
        'always',
      )
      .option('--verify', 'read every restored file again and compare')
      .option('--sparse', 'leave runs of zeros out as holes')
      .option('--dry-run', 'write nothing, only show what would be done')
      .option('--ownership-by-name', 'restore owners by name instead of by number')
      .option('--include-xattr <pattern>', 'restore only these extended attributes (repeatable)', collect)
      .option('--exclude-xattr <pattern>', 'do not restore these extended attributes (repeatable)', collect)
      .option('--safe', 'without setuid bits, devices and capabilities: for data that nobody vouches for')
      .option('--fsync', 'force every file to the disk on its own, not all together at the end')
      .option('--name <name>', 'the backup of this name, as `coffre backup list` shows it')
      .option('--latest', 'the newest backup')
      .option('--at <time>', "the newest backup up to then: '2026-08-20 14:00'")
      .option('--verified-only', 'pass over backups that cannot be verified')
      .option('--plan <plan>', 'for these: of this plan')
      .option('--source <site/source>', 'for these: only this source')
      .option('--module <name>', 'for these: only the files of one module')
      .option('--from <repository>', 'for these: a repository of the configuration (repeatable)', collect)
      .option('--config <file>', 'for these: the configuration (default: $COFFRE_CONFIG, ./coffre.yaml, …)')
      .option('--confirm', 'for these: do not ask before anything is replaced')
      .option('--emergency', 'for these: skip what only costs time, and print each step with the time')
      .option('--preserve-current', 'for these: save what is there first, also with --emergency')
      // The default is said, because commander looks for it before the verb has its options.
      .option('--no-preserve', 'for these: replace without saving what is there', true)
  );
}

export function defineRestore(command: Command, cli: Cli): void {
  addOptions(command).action(async (names, options) => {
    if (meansNamedRestore(options)) {
      const { narrowedBy } = await import('./restore-run.ts');
      const { runNamedRestore } = await import('./restore-named.ts');
      return await runNamedRestore(cli, names, options, narrowedBy(cli, options));
    }
    const { runRestore } = await import('./restore-run.ts');
    await runRestore(cli, names, options);
  });
}
