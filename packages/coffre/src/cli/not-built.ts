import { CoffreError } from '@coffre/repository/opening';
import type { Command } from '@commander-js/extra-typings';

const hints: Readonly<Record<string, string>> = {
  prune: 'Until then `restic prune` works on the same repository.',
  mount: 'Use `coffre restore` or `coffre dump` for single files; `restic mount` works on the same repository.',
};

export function notBuiltYet(
  what: string,
  hint = 'The same repository can be used with `restic` for this.',
): CoffreError {
  return new CoffreError('NOT_BUILT_YET', `${what} is not in this version of coffre; nothing was done`, { hint });
}

export function defineNotBuilt(command: Command): void {
  command
    .argument('[anything...]')
    .allowUnknownOption()
    .allowExcessArguments()
    .action(() => {
      throw notBuiltYet(`\`${command.name()}\``, hints[command.name()]);
    });
}
