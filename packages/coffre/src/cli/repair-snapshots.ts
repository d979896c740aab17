import { repairSnapshots, shortId, toText } from '@coffre/repository';
import type { Mend, SnapshotRepairEvent, SnapshotRepairOptions, SnapshotRepairResult } from '@coffre/repository';
import type { Command } from '@commander-js/extra-typings';
import { audited } from './audited.ts';
import type { Cli } from './cli.ts';
import { withoutControls } from './output/display.ts';
import { formatBytes } from './output/format.ts';
import type { Printer } from './output/printer.ts';
import { snapshotSentence } from './output/snapshots.ts';
import { openSession } from './session.ts';
import { addSnapshotFilter, selectSnapshots, snapshotFilter } from './snapshot-options.ts';

export function defineRepairSnapshots(command: Command, cli: Cli): void {
  addSnapshotFilter(command.argument('[snapshot...]', 'ids, their beginnings, or latest; all when none is given'))
    .option('-n, --dry-run', 'change nothing, only show what would be done')
    .option('--forget', 'remove the damaged snapshots once the new ones are saved')
    .action(async (names, options) => {
      const repair = { forget: options.forget === true, dryRun: options.dryRun === true };
      const filter = snapshotFilter(options, cli.environment);
      await using session = await openSession(cli, repair.dryRun ? 'read' : 'exclusive', { uncached: true });
      if (!repair.dryRun) session.repository.backend.refuseShrunkenLists?.();
      const { printer, repository } = session;
      const snapshots = await selectSnapshots(session, filter, names);
      const result = await audited(
        { cli, repository: repository, printer },
        {
          action: 'repair snapshots',
          dryRun: repair.dryRun,
          shown: { forget: repair.forget, snapshots: snapshots.map(({ id }) => id) },
          work: () =>
            repairSnapshots(repository, snapshots, repair, (event) => {
              session.signal.throwIfAborted();
              if (printer.json) sayJson(printer, event);
              else sayEvent(printer, event, repair);
            }),
          done: ({ modified, filesDamaged, foldersLost, bytesLost }) => ({
            modified,
            filesDamaged,
            foldersLost,
            bytesLost,
          }),
        },
      );
      const { modified, filesDamaged, bytesLost, foldersLost } = result;
      if (printer.json) {
        printer.message({
          message_type: 'summary',
          dry_run: repair.dryRun,
          snapshots_modified: modified,
          files_damaged: filesDamaged,
          folders_lost: foldersLost,
          bytes_lost: bytesLost,
        });
        return;
      }
      printer.normal('');
      if (modified === 0)
        return printer.normal(repair.dryRun ? 'no snapshots would be modified' : 'no snapshots were modified');
      if (filesDamaged + foldersLost > 0) {
        printer.normal(`lost over all snapshots: ${lossText(result)}`);
      }
      printer.normal(repair.dryRun ? `would modify ${modified} snapshots` : `modified ${modified} snapshots`);
    });
}

function lossText({ filesDamaged, bytesLost, foldersLost }: SnapshotRepairResult): string {
  const files = `${formatBytes(bytesLost)} of ${filesDamaged} ${filesDamaged === 1 ? 'file' : 'files'}`;
  const folders = `${foldersLost} ${foldersLost === 1 ? 'folder' : 'folders'} with all that was in it`;
  return [...(filesDamaged > 0 ? [files] : []), ...(foldersLost > 0 ? [folders] : [])].join(', ');
}

function sayEvent(printer: Printer, event: SnapshotRepairEvent, { dryRun }: SnapshotRepairOptions): void {
  switch (event.kind) {
    case 'snapshot':
      return printer.normal(`\n${snapshotSentence(event.snapshot)}`);
    case 'mend':
      return printer.normal(`  ${mendLine(event.mend)}`);
    case 'saved':
      return printer.normal(
        event.newId === undefined ? 'would save new snapshot' : `saved new snapshot ${shortId(event.newId)}`,
      );
    case 'saved-before':
      return printer.normal(`saved before as snapshot ${shortId(event.newId)}`);
    case 'removed': {
      const what = event.isEmpty ? 'empty snapshot' : 'old snapshot';
      if (dryRun !== true) return printer.normal(`removed ${what} ${shortId(event.oldId)}`);
      return printer.normal(event.isEmpty ? 'would delete empty snapshot' : 'would remove old snapshot');
    }
    case 'kept':
      return printer.normal(
        `nothing in snapshot ${shortId(event.oldId)} can be read; it stays, --forget would remove it`,
      );
    default:
      return event satisfies never;
  }
}

function mendLine(mend: Mend): string {
  switch (mend.kind) {
    case 'file-cut':
      return `file ${quoted(mend.path)}: removed missing content (${formatBytes(mend.lostBytes)} of ${formatBytes(mend.sizeBytes)} lost)`;
    case 'size-fixed':
      return `file ${quoted(mend.path)}: fixed incorrect size`;
    case 'node-removed':
      return `file ${quoted(mend.path)}: removed node with invalid type "${mend.type}"`;
    case 'folder-emptied':
      return `dir ${quoted(mend.path)}: replaced with empty directory`;
    case 'root-unreadable':
      return 'dir "/": not readable';
    default:
      return mend satisfies never;
  }
}

function quoted(path: Extract<Mend, { path: unknown }>['path']): string {
  return withoutControls(JSON.stringify(toText(path)));
}

function sayJson(printer: Printer, event: SnapshotRepairEvent): void {
  switch (event.kind) {
    case 'snapshot':
      return undefined;
    case 'mend':
      return printer.message({ message_type: 'damage', snapshot_id: event.oldId, ...mendJson(event.mend) });
    case 'saved':
    case 'saved-before':
      return printer.message({ message_type: 'saved', snapshot_id: event.oldId, new_snapshot_id: event.newId ?? null });
    case 'removed':
    case 'kept':
      return printer.message({ message_type: event.kind, snapshot_id: event.oldId });
    default:
      return event satisfies never;
  }
}

function mendJson(mend: Mend): Record<string, unknown> {
  const path = 'path' in mend ? toText(mend.path) : '/';
  const lost =
    mend.kind === 'file-cut' ? { size: mend.sizeBytes, bytes_lost: mend.lostBytes, blobs_lost: mend.lost } : {};
  return { kind: mend.kind, path, ...lost };
}
