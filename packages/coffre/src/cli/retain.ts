import { messageOf, parseFullWithin, retain } from '@coffre/repository';
import type { RetainResult } from '@coffre/repository';
import type { Command } from '@commander-js/extra-typings';
import type { Cli } from './cli.ts';
import { formatLocalTime } from './output/local-time.ts';
import type { Printer } from './output/printer.ts';
import { openSession } from './session.ts';
import { addSnapshotFilter, selectSnapshots, snapshotFilter } from './snapshot-options.ts';

export function defineRetain(command: Command, cli: Cli): void {
  addSnapshotFilter(
    command.argument('[snapshot...]', 'ids, their beginnings, or latest; all that pass the filter when none is given'),
  )
    .option('--enough <duration>', 'leave alone what is kept so long anyway, such as 20d')
    .option('-n, --dry-run', 'change nothing, only count')
    .action(async (names, { enough, dryRun = false, ...filter }) => {
      const enoughMs = enough === undefined ? undefined : parseFullWithin(enough, '--enough');
      await using session = await openSession(cli, dryRun ? 'read' : 'shared', { dryRun });
      const { repository, printer, signal } = session;
      repository.backend.refuseShrunkenLists?.();
      const wanted = snapshotFilter(filter, cli.environment);
      const isAll = names.length === 0 && Object.values(wanted).every((list) => list.length === 0);
      const snapshots = isAll ? undefined : await selectSnapshots(session, wanted, names);
      printer.normal('looking for what the snapshots need');
      using counter = printer.counter('files');
      const options = { signal, ...(snapshots && { snapshots }), ...(enoughMs !== undefined && { enoughMs }) };
      const result = await retain(repository, options, (event) => {
        signal.throwIfAborted();
        if (event.kind === 'files') counter.set(event.done, event.total);
        else if (event.kind === 'damaged') {
          printer.error(`Warning: ${messageOf(event.error)}; every pack is kept. Run \`coffre check\`.`);
        }
      });
      counter.finish();
      sayResult(printer, result, dryRun);
    });
}

function sayResult(printer: Printer, result: RetainResult, dryRun: boolean): void {
  const { extended, longEnough, untilMs, packs, otherFiles } = result;
  const until = new Date(untilMs);
  if (printer.json) {
    printer.message({
      message_type: 'summary',
      dry_run: dryRun,
      retained_until: until.toISOString(),
      files_extended: extended,
      files_long_enough: longEnough,
      packs,
      other_files: otherFiles,
    });
    return;
  }
  printer.normal(`${packs} packs and ${otherFiles} other files are in use`);
  const verb = dryRun ? 'would be' : 'are now';
  printer.normal(
    `${extended} files ${verb} kept until ${formatLocalTime(until)}, ${longEnough} were kept long enough before`,
  );
}
