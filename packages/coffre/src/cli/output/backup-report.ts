/** What a backup says while it runs and when it is done: lines for people, messages for programs. */
import { messageOf, shortId, toText } from '@coffre/repository';
import type { BackupCounters, BackupEvent, BackupResult, ByteString } from '@coffre/repository';
import { showName } from './display.ts';
import { column, formatBytes, formatDurationMs, formatFixed, formatPercent, formatSeconds } from './format.ts';
import { withoutEmpty } from './json.ts';
import type { Printer } from './printer.ts';
import type { Ticker } from './progress.ts';
import { RateEstimator, watchedLine } from './rate.ts';

/** Files shown as being read; small ones go by the hundred at a time. */
const namesMax = 3;

/** Below this rate a time left would be a guess. */
const rateMin = 1024;

export type Totals = { files: number; bytes: number; isComplete: boolean };

export class BackupReport implements Disposable {
  readonly counters: BackupCounters;
  readonly totals: Totals = { files: 0, bytes: 0, isComplete: false };
  readonly #printer: Printer;
  readonly #rate = new RateEstimator();
  readonly #ticker: Ticker;

  constructor(printer: Printer, counters: BackupCounters) {
    this.#printer = printer;
    this.counters = counters;
    this.#ticker = printer.ticker((elapsedMs) => this.#showStatus(elapsedMs));
  }

  /** A step that restic names only with `-v`, and never in JSON mode. */
  step(line: string): void {
    this.#printer.verbose(line);
  }

  onEvent(event: BackupEvent): void {
    switch (event.kind) {
      case 'entry':
        return this.#onEntry(event);
      case 'error':
        return this.error(event.path, event.error, 'archival');
      case 'changedWhileRead':
        return this.#warning(event.path, 'the file changed while it was read');
      case 'parent':
        return undefined;
      default:
        return event satisfies never;
    }
  }

  error(path: ByteString, error: unknown, during: 'archival' | 'scan'): void {
    const item = toText(path);
    const message = messageOf(error).includes(item) ? messageOf(error) : `${item}: ${messageOf(error)}`;
    if (this.#printer.json) this.#printer.errorMessage({ message_type: 'error', error: { message }, during, item });
    else if (during === 'archival') this.#printer.error(`error: ${message}`);
    else if (this.#printer.verbosity >= 2) this.#printer.error(`scan: ${message}`);
  }

  scanFinished(): void {
    this.totals.isComplete = true;
    const seconds = this.#ticker.elapsedMs() / 1000;
    const { files, bytes } = this.totals;
    if (!this.#printer.json) {
      this.#printer.verbose(`scan finished in ${formatFixed(seconds, 3)}s: ${files} files, ${formatBytes(bytes)}`);
    } else if (this.#printer.verbosity >= 2) {
      this.#printer.message(
        verboseStatus('scan_finished', '', { duration: seconds, data_size: bytes, total_files: files }),
      );
    }
  }

  finish(result: BackupResult, dryRun: boolean): void {
    this[Symbol.dispose]();
    if (this.#printer.json) this.#printer.message(summaryMessage(result, dryRun));
    else this.#printSummary(result, dryRun);
  }

  [Symbol.dispose](): void {
    this.#ticker.stop();
    if (this.#printer.terminal.canUpdateStatus) this.#printer.terminal.setStatus([]);
  }

  #warning(path: ByteString, message: string): void {
    const item = toText(path);
    if (this.#printer.json)
      this.#printer.errorMessage({ message_type: 'warning', warning: { message }, during: 'archival', item });
    else this.#printer.error(`Warning: ${showName(path)}: ${message}`);
  }

  #onEntry(event: Extract<BackupEvent, { kind: 'entry' }>): void {
    if (this.#printer.verbosity < (this.#printer.json ? 2 : 3)) return;
    const isDir = event.type === 'dir';
    const path = (isDir && !event.path.endsWith('/') ? `${event.path}/` : event.path) as ByteString;
    const item = toText(path);
    const seconds = event.durationMs / 1000;
    const { bytes, packedBytes } = event.added;
    if (this.#printer.json) {
      const sizes = isDir
        ? { metadata_size: bytes, metadata_size_in_repo: packedBytes }
        : { data_size: bytes, data_size_in_repo: packedBytes };
      const action = event.change === 'changed' ? 'modified' : event.change;
      this.#printer.message(
        verboseStatus(action, item, event.change === 'unchanged' ? {} : { duration: seconds, ...sizes }),
      );
      return;
    }
    const name = showName(path);
    if (event.change === 'unchanged') return this.#printer.debug(`unchanged ${name}`);
    const word = event.change === 'new' ? 'new      ' : 'modified ';
    const added = isDir
      ? `(0 B added, 0 B stored, ${formatBytes(packedBytes)} metadata)`
      : `(${formatBytes(bytes)} added, ${formatBytes(packedBytes)} stored)`;
    this.#printer.debug(`${word} ${name}, saved in ${formatFixed(seconds, 3)}s ${added}`);
  }

  #filesDone(): number {
    return this.counters.filesNew + this.counters.filesChanged + this.counters.filesUnmodified;
  }

  #showStatus(elapsedMs: number): void {
    const { bytesDone, errors, current } = this.counters;
    const filesDone = this.#filesDone();
    this.#rate.record(elapsedMs, bytesDone);
    if (filesDone === 0 && this.totals.files === 0 && errors === 0 && current.size === 0) return;
    const rate = this.#rate.bytesPerSecond();
    const left = this.totals.isComplete && rate > rateMin ? Math.max(0, this.totals.bytes - bytesDone) / rate : 0;
    const names = [...current.values().take(namesMax)].toSorted();
    if (this.#printer.json) {
      this.#printer.message(this.#statusMessage({ elapsedMs, filesDone, left, names }));
      this.#printer.terminal.flush();
    } else
      this.#printer.terminal.setStatus([
        this.#statusLine({ elapsedMs, filesDone, rate, left }),
        ...names.map(showName),
      ]);
  }

  #statusMessage(at: {
    elapsedMs: number;
    filesDone: number;
    left: number;
    names: readonly ByteString[];
  }): Record<string, unknown> {
    const { files, bytes } = this.totals;
    const { bytesDone, errors } = this.counters;
    return {
      message_type: 'status',
      ...withoutEmpty({ seconds_elapsed: Math.trunc(at.elapsedMs / 1000), seconds_remaining: Math.trunc(at.left) }),
      percent_done: bytes > 0 ? bytesDone / bytes : 0,
      ...withoutEmpty({
        total_files: files,
        files_done: at.filesDone,
        total_bytes: bytes,
        bytes_done: bytesDone,
        error_count: errors,
        current_files: at.names.map((path) => toText(path)),
      }),
    };
  }

  #statusLine(at: { elapsedMs: number; filesDone: number; rate: number; left: number }): string {
    const { files, bytes, isComplete } = this.totals;
    const { bytesDone, errors } = this.counters;
    const { canUpdateStatus, columns } = this.#printer.terminal;
    if (canUpdateStatus && isComplete && bytes > 0) {
      const work = {
        elapsedMs: at.elapsedMs,
        noun: 'files',
        files: { done: at.filesDone, total: files },
        bytes: { done: bytesDone, total: bytes },
        bytesPerSecond: at.rate,
        beside: errors > 0 ? [`${errors} errors`] : [],
      };
      return watchedLine(work, columns);
    }
    const time = `[${formatDurationMs(at.elapsedMs)}]`;
    if (files === 0) return `${time} ${at.filesDone} files, ${formatBytes(bytesDone)}, ${errors} errors`;
    const hasEta = at.left > 0 && bytesDone < bytes;
    const share = hasEta ? `${formatPercent(bytesDone, bytes)}  ` : '';
    const eta = hasEta ? ` ETA ${formatSeconds(at.left)}` : '';
    const whole = `total ${files} files ${formatBytes(bytes)}`;
    return `${time} ${share}${at.filesDone} files ${formatBytes(bytesDone)}, ${whole}, ${errors} errors${eta}`;
  }

  #printSummary({ summary, snapshotId }: BackupResult, dryRun: boolean): void {
    const p = this.#printer;
    const counts = (created: number, changed: number, same: number): string =>
      `${column(created)} new, ${column(changed)} changed, ${column(same)} unmodified`;
    p.normal('');
    p.normal(`Files:       ${counts(summary.files_new, summary.files_changed, summary.files_unmodified)}`);
    p.normal(`Dirs:        ${counts(summary.dirs_new, summary.dirs_changed, summary.dirs_unmodified)}`);
    p.verbose(`Data Blobs:  ${column(summary.data_blobs)} new`);
    p.verbose(`Tree Blobs:  ${column(summary.tree_blobs)} new`);
    const [added, stored] = [summary.data_added, summary.data_added_packed].map((size) => formatBytes(size).padEnd(5));
    p.normal(`${dryRun ? 'Would add' : 'Added'} to the repository: ${added} (${stored} stored)`);
    p.normal('');
    const duration = formatDurationMs(durationSecondsOf(summary) * 1000);
    p.normal(
      `processed ${summary.total_files_processed} files, ${formatBytes(summary.total_bytes_processed)} in ${duration}`,
    );
    const changed = this.counters.changedWhileRead;
    if (changed > 0) p.normal(`${changed} ${changed === 1 ? 'file' : 'files'} changed while being read`);
    if (dryRun) return;
    p.normal(snapshotId === undefined ? 'skipped creating snapshot' : `snapshot ${shortId(snapshotId)} saved`);
  }
}

function durationSecondsOf(summary: BackupResult['summary']): number {
  return Math.max(0, Date.parse(summary.backup_end) - Date.parse(summary.backup_start)) / 1000;
}

function summaryMessage({ summary, snapshotId, counters }: BackupResult, dryRun: boolean): Record<string, unknown> {
  const { backup_start, backup_end, ...counts } = summary;
  return {
    message_type: 'summary',
    ...counts,
    total_duration: durationSecondsOf(summary),
    backup_start,
    backup_end,
    ...withoutEmpty({ snapshot_id: snapshotId, dry_run: dryRun, files_changed_while_read: counters.changedWhileRead }),
  };
}

type VerboseSizes = {
  duration?: number;
  data_size?: number;
  data_size_in_repo?: number;
  metadata_size?: number;
  metadata_size_in_repo?: number;
  total_files?: number;
};

function verboseStatus(action: string, item: string, sizes: VerboseSizes): Record<string, unknown> {
  return {
    message_type: 'verbose_status',
    action,
    item,
    duration: 0,
    data_size: 0,
    data_size_in_repo: 0,
    metadata_size: 0,
    metadata_size_in_repo: 0,
    total_files: 0,
    ...sizes,
  };
}
