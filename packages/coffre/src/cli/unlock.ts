import { unlock } from '@coffre/repository';
import type { Command } from '@commander-js/extra-typings';
import { repositoryCache } from '../access/cache-folder.ts';
import { audited } from './audited.ts';
import type { Cli } from './cli.ts';
import { openSession } from './session.ts';

export function defineUnlock(command: Command, cli: Cli): void {
  command.option('--remove-all', 'remove every lock, also those of running processes').action(async (options) => {
    await using session = await openSession(cli, 'none');
    const { repository, printer, globals } = session;
    const removeAll = options.removeAll === true;
    const { removed, unreadable } = await audited(
      { cli, repository, printer },
      {
        action: 'unlock',
        // Stale locks protect nothing, and scripts remove them all the time.
        dryRun: !removeAll,
        shown: { removeAll },
        work: () =>
          unlock(repository, {
            removeAll,
            stateFolder: repositoryCache(globals, cli.environment, repository.config.id),
          }),
        done: (unlocked) => ({ removed: unlocked.removed.length }),
      },
    );
    if (removed.length > 0) printer.normal(`successfully removed ${removed.length} locks`);
    if (unreadable.length > 0) {
      printer.error(`${unreadable.length} lock files cannot be read and stay; --remove-all removes them too`);
    }
  });
}
