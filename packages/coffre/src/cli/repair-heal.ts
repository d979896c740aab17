import { healFrom } from '@coffre/repository';
import type { HealEvent, HealResult } from '@coffre/repository';
import type { Command } from '@commander-js/extra-typings';
import { audited } from './audited.ts';
import type { Cli } from './cli.ts';
import { formatBytes } from './output/format.ts';
import type { Printer } from './output/printer.ts';
import { openRepairSource } from './repair-source.ts';
import { addSecondaryRepository, noSecondaryRepository } from './secondary-repository.ts';
import { openSession } from './session.ts';

export function defineRepairHeal(command: Command, cli: Cli): void {
  addSecondaryRepository(command)
    .option('-n, --dry-run', 'change nothing, only show what the other repository has')
    .action(async (options) => {
      const dryRun = options.dryRun === true;
      await using source = await openRepairSource(cli, options);
      if (source === undefined) {
        throw noSecondaryRepository(
          'Without one, run `coffre backup --force` on the same folders: what is still on this machine fills the gaps.',
        );
      }
      await using session = await openSession(cli, dryRun ? 'read' : 'exclusive', { uncached: true });
      if (!dryRun) session.repository.backend.refuseShrunkenLists?.();
      const { printer } = session;
      printer.normal('looking for what the snapshots need and this repository has not');
      using snapshots = printer.counter('snapshots');
      const result = await audited(
        { cli, repository: session.repository, printer },
        {
          action: 'repair heal',
          dryRun,
          shown: { from: source.session.repository.config.id },
          work: () =>
            healFrom(session.repository, { source: source.indexed, dryRun }, (event) => {
              session.signal.throwIfAborted();
              source.session.signal.throwIfAborted();
              if (event.kind === 'snapshots') snapshots.set(event.done, event.total);
              else sayEvent(printer, event);
            }),
          done: ({ needed, healed, healedBytes }) => ({ needed, healed, healedBytes }),
        },
      );
      snapshots.finish();
      sayResult(printer, result, dryRun);
    });
}

function sayEvent(printer: Printer, event: Exclude<HealEvent, { kind: 'snapshots' }>): void {
  if (event.kind === 'pack-unsound') return printer.verbose(`pack ${event.id} is gone or not whole`);
  const { type, id, sizeBytes } = event;
  if (printer.json) return printer.message({ message_type: event.kind, type, id, size: sizeBytes ?? null });
  if (event.kind === 'healed')
    return printer.verbose(`${type} blob ${id}: ${formatBytes(sizeBytes ?? 0)} from the other repository`);
  return printer.error(`${type} blob ${id}: the other repository does not have it`);
}

function sayResult(printer: Printer, { needed, healed, healedBytes, unsoundPacks }: HealResult, dryRun: boolean): void {
  if (printer.json) {
    printer.message({
      message_type: 'summary',
      dry_run: dryRun,
      blobs_missing: needed,
      blobs_healed: healed,
      bytes_healed: healedBytes,
      packs_unsound: unsoundPacks,
    });
    return;
  }
  if (needed === 0) printer.normal('nothing that a snapshot needs is missing');
  else {
    const verb = dryRun ? 'would bring' : 'brought';
    printer.normal(
      `${verb} ${healed} of ${needed} missing ${needed === 1 ? 'piece' : 'pieces'} from the other repository (${formatBytes(healedBytes)})`,
    );
  }
  if (unsoundPacks > 0) {
    printer.normal(
      `the index still names packs that are gone or not whole (${unsoundPacks}): run \`coffre repair index\``,
    );
  }
  if (healed < needed) {
    printer.normal(
      'What is still missing may be on this machine: run `coffre backup --force` on the same folders.\nWhat stays missing, `coffre repair snapshots --forget` takes out of the snapshots.',
    );
  } else if (needed > 0 && !dryRun) printer.normal('Run `coffre check --read-data` to see that all is well.');
}
