import { CoffreError } from '@coffre/repository/opening';
import { Command, CommanderError } from '@commander-js/extra-typings';
import type { CommandUnknownOpts } from '@commander-js/extra-typings';
import type { Cli } from './cli.ts';
import { addGlobalOptions } from './global-options.ts';
import { verbs } from './verbs.ts';
import type { DefineVerb, Verb } from './verbs.ts';

export type ProgramOutput = { readonly print: (text: string) => void };

/** All verbs by name; options and actions of one are added when it is chosen, or at once with `loadAll`. */
export function createProgram(
  cli: Cli,
  output: ProgramOutput,
  beginOpening: (verb: Verb) => Promise<void>,
): CommandUnknownOpts {
  const program: CommandUnknownOpts = new Command('coffre');
  program
    .description('Backs up into restic-format repositories, and proves that the backups restore.')
    .usage('[options] <command>')
    .helpOption('-h, --help', 'show help')
    .helpCommand(false)
    .addHelpText('after', '\nMore about one of them: coffre COMMAND --help')
    .showSuggestionAfterError(true)
    .exitOverride()
    // Help is an answer also where commander calls it an error; complaints are printed by us.
    .configureOutput({
      writeOut: (text) => output.print(commandsFirst(text)),
      writeErr: (text) => output.print(commandsFirst(text)),
      outputError: () => undefined,
    });
  addGlobalOptions(program);
  for (const verb of verbs) {
    program
      .command(verb.name, { hidden: verb.hidden === true })
      .description(verb.summary)
      .addHelpText('after', '\nOptions of every command, as --repo and --json: coffre --help');
  }
  program.hook('preSubcommand', async (_, chosen) => {
    const verb = verbs.find(({ name }) => name === chosen.name());
    if (verb === undefined) return;
    await beginOpening(verb);
    define(await verb.load(), chosen, cli);
  });
  return program;
}

/** The commands are what people look for; the options of all of them can wait. */
function commandsFirst(help: string): string {
  const sections = /^(.*?\n)(Options:\n.*?\n)\n(Commands:\n.*\n)$/s.exec(help);
  if (sections === null) return help;
  const [, head = '', options = '', commands = ''] = sections;
  return `${head}${commands}\n${options}`;
}

/** For completion, which has to know every option. */
export async function loadAllVerbs(program: CommandUnknownOpts, cli: Cli): Promise<void> {
  for (const verb of verbs.filter(({ hidden }) => hidden !== true)) {
    const command = program.commands.find((candidate) => candidate.name() === verb.name);
    if (command !== undefined) define(await verb.load(), command, cli);
  }
}

/** The one cast: a fresh command has no options and arguments yet, which its type in the tree cannot say. */
function define(verb: DefineVerb, command: CommandUnknownOpts, cli: Cli): void {
  verb(command as unknown as Command, cli);
}

/** Help and version end the program through an exception of commander; its complaints become ours. */
export function ofCommander(error: unknown): { done: true } | { done: false; error: unknown } {
  if (!(error instanceof CommanderError)) return { done: false, error };
  if (error.exitCode === 0 || error.code === 'commander.help') return { done: true };
  const [sentence = '', suggestion] = error.message.replace(/^error: /, '').split('\n');
  const meant = /^\(Did you mean (.*)\?\)$/.exec(suggestion ?? '')?.[1];
  const hint = meant === undefined ? 'Run `coffre --help`, or `coffre COMMAND --help`.' : `Did you mean ${meant}?`;
  return { done: false, error: new CoffreError('USAGE', sentence, { hint }) };
}
