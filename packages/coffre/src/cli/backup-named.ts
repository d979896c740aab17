/** `coffre backup create|list|restore|verify|pin|unpin|delete`: backups that have a name. */
import { CoffreError } from '@coffre/repository/opening';
import type { Command } from '@commander-js/extra-typings';
import type { Cli } from './cli.ts';
import { guardFlag, guardMeaning } from './guard-option.ts';
import { defineRestore } from './restore.ts';
import { collect, parseWholeNumber } from './values.ts';

export const namedVerbs: readonly string[] = ['create', 'list', 'restore', 'verify', 'pin', 'unpin', 'delete'];

/**
 * Whether the words mean one of them, and not a folder of that name: the word stands right behind `backup`, before any
 * option of it and any `--`. The folder is `./create`.
 */
export function meansNamed(operands: readonly string[], words: readonly string[]): boolean {
  const [verb, word = ''] = operands;
  if (verb !== 'backup' || !namedVerbs.includes(word)) return false;
  const end = words.indexOf('--');
  return (end < 0 ? words : words.slice(0, end)).includes(word);
}

export function defineNamed(command: Command, cli: Cli): void {
  withPlace(command.command('create'))
    .description('Back up the sources of a plan now, under a name')
    .requiredOption('--name <name>', 'what it is called: letters, digits and . _ + @ # = -')
    .option('--plan <plan>', 'the plan whose sources are saved')
    .option('--source <site/source>', 'only this source; names its plan where only one has it')
    .option('--pin', 'it never expires')
    .option('--full', 'read everything again instead of comparing with the last backup')
    .option('--force', 'the same')
    .option('--type <type>', 'full is --full; incremental and differential store what is new, as every backup does')
    .option(guardFlag, guardMeaning)
    .option('--description <text>', 'a line about it')
    .action(async (options) => (await import('./backup-create.ts')).createNamed(cli, options));
  withFrom(withPlace(command.command('list')))
    .description('List backups by name: manual ones, automatic ones and copies')
    .option('--recent <n>', 'only the newest n')
    .option('--name <name>', 'only those that answer to it')
    .option('--plan <plan>', 'only those of a plan')
    .option('--source <site/source>', 'only those with this source')
    .option('--kind <kind>', 'auto, manual or temp')
    .action(async ({ recent, ...options }) => {
      const countMax = recent === undefined ? undefined : parseWholeNumber(recent, '--recent');
      await (await import('./backup-list.ts')).listNamed(cli, { ...options, countMax });
    });
  defineRestore(command.command('restore').description('The same as `coffre restore`'), cli);
  withFrom(withPlace(command.command('verify').argument('<name>', 'its name, as `coffre backup list` shows it')))
    .description('Read a backup back, compare every hash with what was signed, and open its databases')
    .action(async (name, options) => (await import('./backup-verify.ts')).verifyNamed(cli, name, options));
  for (const [verb, summary] of [
    ['pin', 'Let a backup never expire'],
    ['unpin', 'Let a backup expire as others do'],
  ] as const) {
    withFrom(withPlace(command.command(verb).argument('<name>', 'its name, as `coffre backup list` shows it')))
      .description(summary)
      .action(async (name, options) =>
        (await import('./backup-pin.ts')).pinNamed(cli, name, { ...options, isPinned: verb === 'pin' }),
      );
  }
  withFrom(withPlace(command.command('delete').argument('<name>', 'its name, as `coffre backup list` shows it')))
    .description('Remove a backup; a pinned one has to be unpinned first')
    .option('--confirm', 'do not ask')
    .option('-n, --dry-run', 'remove nothing, only show what would be')
    .action(async (name, options) => (await import('./backup-delete.ts')).deleteNamed(cli, name, options));
}

function withPlace<Args extends unknown[], Options, Globals>(command: Command<Args, Options & {}, Globals & {}>) {
  return command.option('--config <file>', 'the configuration (default: $COFFRE_CONFIG, ./coffre.yaml, …)');
}

function withFrom<Args extends unknown[], Options, Globals>(command: Command<Args, Options & {}, Globals & {}>) {
  return command.option('--from <repository>', 'a repository of the configuration (repeatable)', collect);
}

/** A person says yes, or the flag did. @throws {CoffreError} CONFIRMATION_NEEDED */
export async function confirmStep(cli: Cli, question: string, isConfirmed: boolean): Promise<void> {
  if (isConfirmed) return;
  if (!cli.terminal.inputIsTerminal || cli.globals().json) {
    throw new CoffreError('CONFIRMATION_NEEDED', 'nobody is there to ask, and nothing was done', {
      hint: 'Look at what is shown above, and run it again with --confirm.',
    });
  }
  cli.terminal.flush();
  cli.stderr.write(`${question} Type yes to go on: `);
  const { readFirstLine } = await import('./prompt.ts');
  if ((await readFirstLine(cli.stdin)).trim().toLowerCase() === 'yes') return;
  throw new CoffreError('CONFIRMATION_NEEDED', 'it was not confirmed, and nothing was done', {
    hint: 'Answer with the word yes, or give --confirm.',
  });
}
