import { measure, statsModes } from '@coffre/repository';
import type { Statistics, StatsMode } from '@coffre/repository';
import type { Command } from '@commander-js/extra-typings';
import type { Cli } from './cli.ts';
import { formatBytes, formatDurationMs, formatFixed, formatPercent } from './output/format.ts';
import { withoutEmpty } from './output/json.ts';
import type { Printer } from './output/printer.ts';
import { sayStoredSizes } from './stored-sizes.ts';
import { openSession } from './session.ts';
import { addSnapshotFilter, selectSnapshots, snapshotFilter } from './snapshot-options.ts';
import { parseChoice } from './values.ts';

/** `debug` counts what is stored, whatever the snapshots hold. */
const modes = [...statsModes, 'debug'] as const;

export function defineStats(command: Command, cli: Cli): void {
  addSnapshotFilter(command.argument('[snapshot...]', 'ids, their beginnings, or latest; all when none is given'))
    .option('--mode <mode>', modes.join(', '), 'restore-size')
    .action(async (names, options) => {
      const mode = parseChoice(options.mode, '--mode', modes);
      if (mode === 'debug') return sayStoredSizes(cli);
      const filter = snapshotFilter(options, cli.environment);
      await using session = await openSession(cli, 'read', { besideLock: true });
      const { repository, printer } = session;
      const [indexed, snapshots] = await session.reading(async () =>
        Promise.all([repository.loadIndex(), selectSnapshots(session, filter, names)]),
      );
      if (!printer.json) printer.always('scanning...');
      let done = 0;
      const line = (elapsedMs: number): string =>
        `[${formatDurationMs(elapsedMs)}] ${formatPercent(done, snapshots.length)}  ${done} / ${snapshots.length} snapshots`;
      const ticker = printer.ticker((elapsedMs) => {
        if (!printer.json) printer.terminal.setStatus([line(elapsedMs)]);
      });
      try {
        const statistics = await measure(indexed, snapshots, {
          mode,
          progress: ({ snapshots: counted }) => {
            done = counted;
            session.signal.throwIfAborted();
          },
        });
        if (printer.json) return printer.message(statisticsJson(statistics));
        if (printer.terminal.canUpdateStatus) printer.terminal.setStatus([]);
        printer.always(`${line(ticker.elapsedMs())}, ${formatBytes(statistics.totalBytes)}`);
        printStatistics(printer, mode, statistics);
      } finally {
        ticker.stop();
      }
    });
}

type Compression = { readonly ratio: number; readonly progress: number; readonly saving: number };

function compressionOf(statistics: Statistics): Compression {
  const { compressedBlobsBytes: packed, compressedBlobsUncompressedBytes: plain, uncompressedBytes: all } = statistics;
  return {
    ratio: packed > 0 ? plain / packed : 0,
    progress: all > 0 ? (plain / all) * 100 : 0,
    saving: all > 0 ? (1 - statistics.totalBytes / all) * 100 : 0,
  };
}

function statisticsJson(statistics: Statistics): Record<string, unknown> {
  const { ratio, progress, saving } = compressionOf(statistics);
  return {
    total_size: statistics.totalBytes,
    ...withoutEmpty({
      total_uncompressed_size: statistics.uncompressedBytes,
      compression_ratio: ratio,
      compression_progress: progress,
      compression_space_saving: saving,
      total_file_count: statistics.totalFileCount,
      total_blob_count: statistics.totalBlobCount,
    }),
    snapshots_count: statistics.snapshotsCount,
  };
}

function printStatistics(printer: Printer, mode: StatsMode, statistics: Statistics): void {
  const { ratio, progress, saving } = compressionOf(statistics);
  const { totalBlobCount, totalFileCount, uncompressedBytes } = statistics;
  printer.always(`Stats in ${mode} mode:`);
  printer.always(`     Snapshots processed:  ${statistics.snapshotsCount}`);
  if (totalBlobCount > 0) printer.always(`        Total Blob Count:  ${totalBlobCount}`);
  if (totalFileCount > 0) printer.always(`        Total File Count:  ${totalFileCount}`);
  if (uncompressedBytes > 0) printer.always(` Total Uncompressed Size:  ${formatBytes(uncompressedBytes).padEnd(5)}`);
  printer.always(`              Total Size:  ${formatBytes(statistics.totalBytes).padEnd(5)}`);
  if (progress > 0) printer.always(`    Compression Progress:  ${formatFixed(progress, 2)}%`);
  if (ratio > 0) printer.always(`       Compression Ratio:  ${formatFixed(ratio, 2)}x`);
  if (saving > 0) printer.always(`Compression Space Saving:  ${formatFixed(saving, 2)}%`);
}
