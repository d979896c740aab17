import { groupSnapshots, newestFirst, parseGroupBy } from '@coffre/repository';
import type { SnapshotGroup, StoredSnapshot } from '@coffre/repository';
import type { Command } from '@commander-js/extra-typings';
import type { Cli } from './cli.ts';
import { groupHeading, snapshotJson, snapshotTable } from './output/snapshots.ts';
import { openSession } from './session.ts';
import { addSnapshotFilter, selectSnapshots, snapshotFilter } from './snapshot-options.ts';
import { parseInteger } from './values.ts';

export function defineSnapshots(command: Command, cli: Cli): void {
  addSnapshotFilter(command.argument('[snapshot...]', 'ids, their beginnings, or latest'))
    .option('-c, --compact', 'a narrower table')
    .option('-g, --group-by <group>', 'group by host, paths and tags, with commas between')
    .option('--latest <n>', 'only the newest n of each host and set of paths')
    .option('--last', 'as --latest 1')
    .action(async (names, options) => {
      const groupBy = parseGroupBy(options.groupBy ?? '');
      const isGrouped = groupBy.host || groupBy.paths || groupBy.tags;
      const latest =
        options.latest === undefined ? (options.last ? 1 : 0) : Math.max(0, parseInteger(options.latest, '--latest'));
      const filter = snapshotFilter(options, cli.environment);
      await using session = await openSession(cli, 'read', { besideLock: true });
      const found = await session.reading(() => selectSnapshots(session, filter, names));
      const groups = groupSnapshots(found, groupBy).map(({ key, snapshots }) => ({
        key,
        snapshots: newestOfEach(snapshots, latest, isGrouped).toReversed(),
      }));
      if (session.printer.json) session.printer.message(isGrouped ? groups.map(groupJson) : groups.flatMap(listJson));
      else printGroups(cli, groups, options.compact === true);
    });
}

/** Newest first; without grouping, every host and set of paths has its own count. 0 means all. */
function newestOfEach(snapshots: readonly StoredSnapshot[], countMax: number, isOneGroup: boolean): StoredSnapshot[] {
  const seen = new Map<string, number>();
  return newestFirst(snapshots).filter(({ snapshot }) => {
    const key = isOneGroup ? '' : JSON.stringify([snapshot.hostname, snapshot.paths.toSorted()]);
    const count = (seen.get(key) ?? 0) + 1;
    seen.set(key, count);
    return countMax === 0 || count <= countMax;
  });
}

function listJson({ snapshots }: SnapshotGroup): Record<string, unknown>[] {
  return snapshots.map(snapshotJson);
}

function groupJson(group: SnapshotGroup): Record<string, unknown> {
  return { group_key: group.key, snapshots: listJson(group) };
}

function printGroups(cli: Cli, groups: readonly SnapshotGroup[], compact: boolean): void {
  for (const { key, snapshots } of groups) {
    const heading = groupHeading(key);
    if (heading !== undefined) cli.terminal.print(heading);
    for (const line of snapshotTable(snapshots, { compact, tz: cli.environment['TZ'] })) cli.terminal.print(line);
  }
}
