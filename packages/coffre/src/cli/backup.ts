import type { Command } from '@commander-js/extra-typings';
import type { Cli } from './cli.ts';
import { addExcludes } from './pattern-options.ts';
import { collect } from './values.ts';

/** The options as commander parses them. */
export type BackupVerbOptions = ReturnType<ReturnType<typeof addOptions>['opts']>;

function addOptions(command: Command) {
  return (
    addExcludes(command.argument('[path...]', 'files and folders; after `--` the command of --stdin-from-command'))
      .option('-n, --dry-run', 'store nothing, only show what would be done')
      .option('-f, --force', 'read every file again, whatever the last snapshot says')
      .option('--parent <snapshot>', 'compare with this snapshot instead of the newest fitting one')
      .option(
        '-g, --group-by <group>',
        'what makes a snapshot fit: host, paths and tags, with commas between',
        'host,paths',
      )
      .option('-x, --one-file-system', 'do not cross into other file systems')
      .option('--exclude-caches', 'leave out folders marked with a CACHEDIR.TAG')
      .option('--exclude-if-present <name[:header]>', 'leave out folders that hold this file (repeatable)', collect)
      .option('--exclude-larger-than <size>', 'leave out bigger files; k, M, G and T are understood')
      .option('--files-from <file>', 'take paths and patterns from a file, - for stdin (repeatable)', collect)
      .option('--files-from-verbatim <file>', 'the same without patterns and comments (repeatable)', collect)
      .option('--files-from-raw <file>', 'the same with a zero byte after each (repeatable)', collect)
      .option('--stdin', 'save what arrives on stdin')
      .option('--stdin-from-command', 'run the arguments as a command and save what it prints; its exit code decides')
      .option('--stdin-filename <name>', 'name of the saved file', 'stdin')
      .option('--tag <tag,…>', 'tags of the snapshot (repeatable)', collect)
      .option('-H, --host <name>', 'host of the snapshot (default: $RESTIC_HOST, else this machine)')
      .option('--time <time>', "time of the snapshot, as '2026-01-31 13:05:00' (default: now)")
      .option('--ignore-ctime', 'do not read a file again because its change time moved')
      .option('--ignore-inode', 'nor because its inode number did')
      .option('--with-atime', 'store access times')
      .option('--skip-if-unchanged', 'make no snapshot when nothing changed')
      .option('--strict', 'exit with 3 also when a file changed while it was read')
      // The default is said, because commander looks for it before the verb has its options.
      .option('--no-scan', 'do not count first how much there is to do', true)
      .option('--read-concurrency <n>', 'threads that read (default: $RESTIC_READ_CONCURRENCY, else one a core)')
      .option('--chunker <profile>', 'how files are cut: files, database or pages', 'files')
      .option('--use-fs-snapshot', 'accepted for restic scripts; has a meaning on Windows only')
  );
}

export function defineBackup(command: Command, cli: Cli): void {
  addOptions(command).action(async (paths, options) => {
    const { runBackup } = await import('./backup-run.ts');
    await runBackup(cli, paths, options);
  });
}
