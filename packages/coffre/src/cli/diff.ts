import { diffTrees, findFolder, messageOf, shortId, toText } from '@coffre/repository';
import type { BlobId, DiffCounts, DiffStatistics, FoundSnapshot, IndexedRepository } from '@coffre/repository';
import type { Command } from '@commander-js/extra-typings';
import type { Cli } from './cli.ts';
import { showName } from './output/display.ts';
import { column, formatBytes } from './output/format.ts';
import type { Printer } from './output/printer.ts';
import { openSession } from './session.ts';
import { selectSnapshot } from './snapshot-options.ts';
import { usage } from './values.ts';

export function defineDiff(command: Command, cli: Cli): void {
  command
    .argument('[snapshot...]', 'two ids, beginnings of ids or latest; with `:folder` only that folder')
    .option('--metadata', 'also show what only changed in owner, mode or times')
    .action(async (names, options) => {
      const [before, after] = names;
      if (before === undefined || after === undefined || names.length !== 2) throw usage('specify two snapshot IDs');
      await using session = await openSession(cli, 'read', { besideLock: true });
      const { repository, printer } = session;
      const [indexed, old, now] = await session.reading(async () =>
        Promise.all([
          repository.loadIndex(),
          selectSnapshot(repository, {}, before),
          selectSnapshot(repository, {}, after),
        ]),
      );
      printer.normal(`comparing snapshot ${shortId(old.id)} to ${shortId(now.id)}:\n\n`);
      const trees = [await treeOf(indexed, old), await treeOf(indexed, now)] as const;
      const statistics = await diffTrees(indexed, trees, { metadata: options.metadata === true }, (event) => {
        if (event.kind === 'unreadable')
          return printer.error(`error: ${showName(event.path)}: ${messageOf(event.error)}`);
        if (session.globals.quiet) return;
        if (printer.json)
          printer.message({ message_type: 'change', path: toText(event.path), modifier: event.modifier });
        else printer.always(`${event.modifier.padEnd(5)}${showName(event.path)}`);
      });
      if (printer.json) printer.message(statisticsJson(statistics, before, after));
      else printStatistics(printer, statistics);
    });
}

async function treeOf(indexed: IndexedRepository, { snapshot, folder }: FoundSnapshot): Promise<BlobId> {
  return folder === undefined ? snapshot.tree : await findFolder(indexed, snapshot.tree, folder);
}

function statisticsJson(statistics: DiffStatistics, source: string, target: string): Record<string, unknown> {
  return {
    message_type: 'statistics',
    source_snapshot: source,
    target_snapshot: target,
    changed_files: statistics.changedFiles,
    added: countsJson(statistics.added),
    removed: countsJson(statistics.removed),
  };
}

function countsJson({
  files,
  dirs,
  others,
  dataBlobs,
  treeBlobs,
  bytes,
}: Readonly<DiffCounts>): Record<string, number> {
  return { files, dirs, others, data_blobs: dataBlobs, tree_blobs: treeBlobs, bytes };
}

function printStatistics(printer: Printer, { added, removed, changedFiles }: DiffStatistics): void {
  const both = (key: 'files' | 'dirs' | 'others' | 'dataBlobs' | 'treeBlobs'): string =>
    `${column(added[key])} new, ${column(removed[key])} removed`;
  printer.always('');
  printer.always(`Files:       ${both('files')}, ${column(changedFiles)} changed`);
  printer.always(`Dirs:        ${both('dirs')}`);
  printer.always(`Others:      ${both('others')}`);
  printer.always(`Data Blobs:  ${both('dataBlobs')}`);
  printer.always(`Tree Blobs:  ${both('treeBlobs')}`);
  printer.always(`  Added:   ${formatBytes(added.bytes).padEnd(5)}`);
  printer.always(`  Removed: ${formatBytes(removed.bytes).padEnd(5)}`);
}
