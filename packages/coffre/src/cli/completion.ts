/** Completion in bash, zsh and fish. The one file that knows the library behind it. */
import { readdirSync } from 'node:fs';
import { RootCommand } from '@bomb.sh/tab';
import type { Complete } from '@bomb.sh/tab';
import { newestFirst, shortId } from '@coffre/repository';
import type { Command, CommandUnknownOpts } from '@commander-js/extra-typings';
import type { Cli } from './cli.ts';
import { compressionLevels, readGlobalOptions, repositoryLocation } from './global-options.ts';
import { formatLocalTime } from './output/local-time.ts';
import { givenPassword } from './password.ts';
import { loadAllVerbs } from './program.ts';
import { openAccess } from './repository-access.ts';
import { parseChoice } from './values.ts';

const shells = ['bash', 'zsh', 'fish', 'powershell'] as const;

export function defineCompletion(command: Command, cli: Cli): void {
  command.argument('<shell>', shells.join(', ')).action((text) => {
    const shell = parseChoice(text, 'the shell', shells);
    if (shell === 'bash') cli.terminal.print(bashWithoutHelpers);
    cli.terminal.flush();
    new RootCommand().setup('coffre', 'coffre', shell);
  });
}

/** The script below wants a function of the package bash-completion; where that is missing, this is near enough. */
const bashWithoutHelpers = `if ! declare -F _get_comp_words_by_ref >/dev/null; then
  _get_comp_words_by_ref() {
    cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD - 1]}
    words=("\${COMP_WORDS[@]}") cword=$COMP_CWORD
  }
fi
`;

/** What the scripts call: `coffre complete -- WORDS`; candidates go to stdout. */
export function defineComplete(command: Command, cli: Cli): void {
  command
    .argument('[word...]')
    .allowUnknownOption()
    .action(async (words) => {
      const program = command.parent;
      if (program === null) return;
      await loadAllVerbs(program, cli);
      const snapshots = needsSnapshots(program, words) ? await knownSnapshots(program, words, cli) : [];
      cli.terminal.flush();
      completionTree(program, snapshots, words.at(-1) ?? '').parse([...words]);
    });
}

type Candidate = { readonly value: string; readonly description: string };

function completionTree(program: CommandUnknownOpts, snapshots: readonly Candidate[], word: string): RootCommand {
  const root = new RootCommand();
  const offer =
    (candidates: readonly Candidate[]) =>
    (complete: Complete): void => {
      for (const { value, description } of candidates) complete(value, description);
    };
  const candidatesFor = (name: string): readonly Candidate[] => {
    if (name.includes('snapshot')) return snapshots;
    return /path|file|folder|directory|target/.test(name) ? pathCandidates(word) : (choices[name] ?? []);
  };
  const addOptions = (to: { option: RootCommand['option'] }, command: CommandUnknownOpts): void => {
    for (const option of command.options) {
      const name = option.long?.replace(/^--/, '');
      if (name === undefined || option.hidden) continue;
      const alias = option.short?.replace(/^-/, '');
      const takesValue = option.required || option.optional;
      if (takesValue) to.option(name, option.description, offer(candidatesFor(name)), alias);
      else if (alias === undefined) to.option(name, option.description);
      else to.option(name, option.description, alias);
    }
  };
  const add = (command: CommandUnknownOpts, path: string): void => {
    const node = root.command(path, command.description());
    addOptions(node, command);
    for (const argument of command.registeredArguments) {
      node.argument(argument.name(), offer(candidatesFor(argument.name())), argument.variadic);
    }
    for (const child of command.commands) add(child, `${path} ${child.name()}`);
  };
  addOptions(root, program);
  for (const command of program.commands) if (command.name() !== 'complete') add(command, command.name());
  return root;
}

const plain = (values: readonly string[]): Candidate[] => values.map((value) => ({ value, description: '' }));

/** Values of options that are one of a few words. */
const choices: Readonly<Record<string, readonly Candidate[]>> = {
  compression: plain(compressionLevels),
  overwrite: plain(['always', 'if-changed', 'if-newer', 'never']),
  mode: plain(['restore-size', 'files-by-contents', 'blobs-per-file', 'raw-data']),
  sort: plain(['name', 'size', 'time', 'atime', 'ctime', 'extension']),
  archive: plain(['tar', 'zip']),
  format: plain(['text', 'html']),
  chunker: plain(['files', 'database', 'pages']),
  'group-by': plain(['host', 'paths', 'tags', 'host,paths', 'host,paths,tags']),
  'repository-version': plain(['1', '2', 'latest', 'stable']),
  kind: plain(['blobs', 'packs', 'index', 'snapshots', 'keys', 'locks']),
  shell: plain(shells),
};

/** Entries of the folder that the word begins to name. */
function pathCandidates(word: string): Candidate[] {
  const folder = word.slice(0, word.lastIndexOf('/') + 1);
  try {
    return readdirSync(folder === '' ? '.' : folder, { withFileTypes: true }).map((entry) => ({
      value: `${folder}${entry.name}${entry.isDirectory() ? '/' : ''}`,
      description: '',
    }));
  } catch {
    return [];
  }
}

function needsSnapshots(program: CommandUnknownOpts, words: readonly string[]): boolean {
  const verb = program.commands.find((command) => words.slice(0, -1).includes(command.name()));
  if (words.at(-1)?.startsWith('-') === true) return false;
  return verb?.registeredArguments.some((argument) => argument.name().startsWith('snapshot')) ?? false;
}

/** Nobody is asked for a password, no lock is taken, and whatever goes wrong leaves the list empty. */
async function knownSnapshots(program: CommandUnknownOpts, words: readonly string[], cli: Cli): Promise<Candidate[]> {
  try {
    program.parseOptions(words.slice(0, -1));
    const globals = readGlobalOptions({ ...program.opts(), quiet: undefined, verbose: 0 }, cli.environment);
    if (givenPassword(globals.password) === undefined) return [];
    const { password, keyHint } = globals;
    const opened = await openAccess(cli, { location: repositoryLocation(globals), password, keyHint }, cli.printer());
    await using repository = opened.repository;
    const recent = newestFirst(await repository.listSnapshots()).slice(0, 50);
    const described = recent.map(({ id, snapshot }) => ({
      value: shortId(id),
      description:
        `${formatLocalTime(new Date(snapshot.time))} ${snapshot.hostname ?? ''} ${snapshot.paths.join(' ')}`.replace(
          /\p{Cc}/gu,
          '?',
        ),
    }));
    return [{ value: 'latest', description: 'the newest' }, ...described];
  } catch {
    return [];
  }
}
