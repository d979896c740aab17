import { unlock } from '@coffre/repository';
import type { Command } from '@commander-js/extra-typings';
import { repositoryCache } from '../access/cache-folder.ts';
import type { Cli } from './cli.ts';
import { openSession } from './session.ts';

export function defineUnlock(command: Command, cli: Cli): void {
  command.option('--remove-all', 'remove every lock, also those of running processes').action(async (options) => {
    await using session = await openSession(cli, 'none');
    const { repository, printer, globals } = session;
    const { removed, unreadable } = await unlock(repository, {
      removeAll: options.removeAll === true,
      stateFolder: repositoryCache(globals, cli.environment, repository.config.id),
    });
    if (removed.length > 0) printer.normal(`successfully removed ${removed.length} locks`);
    if (unreadable.length > 0) {
      printer.error(`${unreadable.length} lock files cannot be read and stay; --remove-all removes them too`);
    }
  });
}
