import { CoffreError } from '@coffre/repository';
import type { Command } from '@commander-js/extra-typings';
import type { Cli } from './cli.ts';
import { readPruneFlags } from './prune-options.ts';
import { runPrune } from './prune-run.ts';
import { openSession } from './session.ts';
import { usage } from './values.ts';

export function definePrune(command: Command, cli: Cli): void {
  command
    .option('-n, --dry-run', 'change nothing, only show what would be done')
    .option('--max-unused <limit>', 'how much unused data may stay: 5%, 500M or unlimited', '5%')
    .option('--max-repack-size <size>', 'repack at most so much, such as 10G')
    .option('--repack-cacheable-only', 'repack only packs that a cache holds')
    .option('--repack-uncompressed', 'repack everything that is not compressed')
    .option('--repack-small', 'accepted for restic scripts; small packs are repacked anyway')
    .option('--repack-smaller-than <size>', 'repack packs below this size')
    .option('--grace <duration>', 'how long data stays after it was marked, such as 48h (default: 23h)')
    .option('--instant-delete', 'delete at once, and keep everybody else out meanwhile, as restic does')
    .option('--unsafe-recover-no-free-space <id>', 'refused: it is not safe')
    .action(async (options) => {
      const globals = cli.globals();
      const dryRun = options.dryRun === true;
      const wish = readPruneFlags(options, globals);
      if (globals.noLock && !dryRun) {
        throw usage('--no-lock is only applicable in combination with --dry-run for prune command');
      }
      if (options.unsafeRecoverNoFreeSpace !== undefined) throw recoveryRefused();
      await using session = await openSession(cli, wish.isInstant && !globals.noLock ? 'exclusive' : 'none');
      if (!dryRun) session.repository.backend.refuseShrunkenLists?.();
      await runPrune(cli, session, { wish, dryRun });
    });
}

/** It would delete all indexes before there is room for a new one: a crash in between leaves none. */
function recoveryRefused(): CoffreError {
  return new CoffreError(
    'PRUNE_REFUSED',
    'recovering without free space would delete every index before a new one is written',
    {
      hint: 'Make a few MiB free beside the repository, then run `coffre prune --instant-delete --max-repack-size 0`: it only deletes.',
    },
  );
}
