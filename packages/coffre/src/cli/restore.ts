import type { Command } from '@commander-js/extra-typings';
import type { Cli } from './cli.ts';
import { addExcludes, addIncludes } from './pattern-options.ts';
import { addSnapshotFilter } from './snapshot-options.ts';
import { collect } from './values.ts';

export type RestoreVerbOptions = ReturnType<ReturnType<typeof addOptions>['opts']>;

function addOptions(command: Command) {
  return addIncludes(
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
    .option('--fsync', 'force every file to the disk on its own, not all together at the end');
}

export function defineRestore(command: Command, cli: Cli): void {
  addOptions(command).action(async (names, options) => {
    const { runRestore } = await import('./restore-run.ts');
    await runRestore(cli, names, options);
  });
}
