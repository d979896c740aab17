import type { Command } from '@commander-js/extra-typings';
import { defineNamed, meansNamed, namedVerbs } from './backup-named.ts';
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
      .option('--sqlite <file>', 'save this SQLite database as it is at one moment (repeatable)', collect)
      .option('--command-source <name=command>', 'save what a command prints; no shell (repeatable)', collect)
      .option('--load-with <name=command>', 'the command that takes it back (repeatable)', collect)
      .option('--command-env <name>', 'environment variable that those commands get (repeatable)', collect)
      .option('--command-timeout <duration>', 'how long each of them may take', '6h')
      .option('--validate <kind>', 'save only sound files: toml, json, yaml, sqlite or command:WORDS')
      .option('--module-from <pattern>', 'where paths name a module, as modules/{module}/state/')
      .option('--guard <on|off>', 'refuse what is suddenly empty, unmounted, far smaller or far larger', 'on')
      .option('--manifest', 'add a signed list of all hashes, as backups of sources have it')
      .option('--application-version <text>', 'version of the application, for the manifest')
      .option('--application-version-file <file>', 'file that holds it')
      .option('--application-version-command <command>', 'command that prints it')
      .option('--git <folder>', 'name the commit of this working copy in the manifest')
      .option('--use-fs-snapshot', 'accepted for restic scripts; has a meaning on Windows only')
  );
}

/** What was typed; both lists are public in the library and missing in its types. */
function wordsBefore({ parent }: Command): { readonly args: readonly string[]; readonly words: readonly string[] } {
  const program = parent as unknown as { readonly args?: readonly string[]; readonly rawArgs?: readonly string[] };
  return { args: program.args ?? [], words: program.rawArgs ?? [] };
}

/** These make it a backup of sources, which restic does not have. */
function namesSources(options: BackupVerbOptions): boolean {
  const { sqlite, commandSource, validate, manifest } = options;
  return sqlite !== undefined || commandSource !== undefined || validate !== undefined || manifest === true;
}

export function defineBackup(command: Command, cli: Cli): void {
  const { args, words } = wordsBefore(command);
  // Known only where they are meant, so that a folder called `list` is saved as it always was: `coffre backup -x list`.
  if (meansNamed(args, words)) return defineNamed(command, cli);
  command.addHelpText(
    'after',
    `\nBackups with a name: coffre backup ${namedVerbs.join('|')} --help\nA folder called so: coffre backup ./${namedVerbs[0]}`,
  );
  addOptions(command).action(async (paths, options) => {
    if (namesSources(options)) {
      const { runSourceBackup } = await import('./backup-sources.ts');
      return await runSourceBackup(cli, paths, options);
    }
    const { runBackup } = await import('./backup-run.ts');
    await runBackup(cli, paths, options);
  });
}
