import { diffTrees, findFolder, messageOf, shortId, toText } from '@coffre/repository';
import type {
  BlobId,
  DiffCounts,
  DiffStatistics,
  FoundSnapshot,
  IndexedRepository,
  Repository,
} from '@coffre/repository';
import type { Command } from '@commander-js/extra-typings';
import type { Cli } from './cli.ts';
import { showName } from './output/display.ts';
import { column, formatBytes } from './output/format.ts';
import type { Printer } from './output/printer.ts';
import { openSession } from './session.ts';
import { selectSnapshot } from './snapshot-options.ts';
import { parseChoice, usage } from './values.ts';

/** What `--since` may say: since everything was read, or since the backup before. */
const sinceWords = ['full', 'last'] as const;
type SinceWord = (typeof sinceWords)[number];

export function defineDiff(command: Command, cli: Cli): void {
  command
    .argument('[snapshot...]', 'two ids, beginnings of ids or latest; with `:folder` only that folder')
    .option(
      '--since <full|last>',
      'compare one snapshot (default: latest) with the last full read, or the backup before',
    )
    .option('--metadata', 'also show what only changed in owner, mode or times')
    .action(async (names, options) => {
      const wish = wishOf(names, options.since);
      await using session = await openSession(cli, 'read', { besideLock: true });
      const { repository, printer } = session;
      const [indexed, { old, now, before, after }] = await session.reading(async () =>
        Promise.all([repository.loadIndex(), chosenPair(repository, wish)]),
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
      const { viewsIfKnown, viewsJson, printViews } = await import('./diff-views.ts');
      const isWhole = old.folder === undefined && now.folder === undefined;
      const exact = isWhole ? { before: old.id, addedBytes: statistics.added.bytes } : undefined;
      const views = await viewsIfKnown(cli, session, now, exact);
      if (printer.json) {
        printer.message({ ...statisticsJson(statistics, before, after), ...(views && viewsJson(views)) });
        return;
      }
      printStatistics(printer, statistics);
      // Scripts count the lines of a comparison of two, as restic prints them.
      if (views !== undefined && ('since' in wish || printer.verbosity >= 2)) printViews(printer, views);
    });
}

type Pair = { readonly before: string; readonly after: string };
type DiffWish = Pair | { readonly since: SinceWord; readonly after: string };

/** @throws {CoffreError} USAGE */
function wishOf(names: readonly string[], since: string | undefined): DiffWish {
  const [first, second] = names;
  if (since !== undefined) {
    if (names.length > 1) throw usage('--since goes with one snapshot', 'It finds the other one itself.');
    return { since: parseChoice(since, '--since', sinceWords), after: first ?? 'latest' };
  }
  if (first === undefined || second === undefined || names.length !== 2) throw usage('specify two snapshot IDs');
  return { before: first, after: second };
}

/** @throws {CoffreError} SNAPSHOT_NOT_FOUND, ID_AMBIGUOUS, USAGE */
async function chosenPair(
  repository: Repository,
  wish: DiffWish,
): Promise<Pair & { readonly old: FoundSnapshot; readonly now: FoundSnapshot }> {
  if ('before' in wish) {
    const [old, now] = await Promise.all([
      selectSnapshot(repository, {}, wish.before),
      selectSnapshot(repository, {}, wish.after),
    ]);
    return { ...wish, old, now };
  }
  const now = await selectSnapshot(repository, {}, wish.after);
  const { comparedWith } = await import('./diff-views.ts');
  const found = comparedWith(wish.since, await repository.listSnapshots(), now);
  const { folder } = now;
  if (folder === undefined) return { before: found.id, after: wish.after, old: found, now };
  return { before: `${found.id}:${toText(folder)}`, after: wish.after, old: { ...found, folder }, now };
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
