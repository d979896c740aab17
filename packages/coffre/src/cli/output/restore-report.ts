/** What a restore says while it runs and when it is done. */
import { messageOf, toText } from '@coffre/repository';
import type { ByteString, RestoreCounters, RestoreEvent } from '@coffre/repository';
import { showName } from './display.ts';
import { formatBytes, formatDurationMs, formatPercent } from './format.ts';
import { withoutEmpty } from './json.ts';
import type { Printer } from './printer.ts';
import type { Ticker } from './progress.ts';
import { RateEstimator, watchedLine } from './rate.ts';

export class RestoreReport implements Disposable {
  readonly counters: RestoreCounters;
  readonly #printer: Printer;
  readonly #target: ByteString;
  readonly #rate = new RateEstimator();
  readonly #ticker: Ticker;

  constructor(printer: Printer, counters: RestoreCounters, target: ByteString) {
    this.#printer = printer;
    this.counters = counters;
    this.#target = target;
    this.#ticker = printer.ticker((elapsedMs) => this.#showStatus(elapsedMs));
  }

  /** Whether single entries are wanted: with `-vv`. */
  get wantsItems(): boolean {
    return this.#printer.verbosity >= 3;
  }

  onEvent(event: RestoreEvent): void {
    if (event.kind === 'error') return this.#onError(event.path, messageOf(event.error));
    // What was deleted is not in the snapshot, so it is named as it was in the target.
    const where = event.action === 'deleted' ? this.#target.replace(/\/+$/, '') : '';
    const path = `${where}${event.path}` as ByteString;
    if (this.#printer.json) {
      if (!this.wantsItems) return;
      this.#printer.message({
        message_type: 'verbose_status',
        action: event.action,
        item: toText(path),
        size: event.sizeBytes,
      });
      return;
    }
    const hasSize = event.type === 'file' && event.action !== 'deleted' && event.isFurtherName !== true;
    const size = hasSize ? ` with size ${formatBytes(event.sizeBytes)}` : '';
    this.#printer.debug(`${event.action.padEnd(9)} ${showName(path)}${size}`);
  }

  /** The summary is printed also with `--quiet`, as restic's. */
  finish(): void {
    const elapsedMs = this.#ticker.elapsedMs();
    this[Symbol.dispose]();
    if (this.#printer.json) this.#printer.message({ message_type: 'summary', ...this.#figures(elapsedMs) });
    else
      this.#printer.always(`Summary: Restored ${this.#summary()} in ${formatDurationMs(elapsedMs)}${this.#beside()}`);
    this.#sayDropped();
  }

  [Symbol.dispose](): void {
    this.#ticker.stop();
    if (this.#printer.terminal.canUpdateStatus) this.#printer.terminal.setStatus([]);
  }

  #onError(path: ByteString, message: string): void {
    const item = toText(path);
    if (this.#printer.json)
      this.#printer.errorMessage({ message_type: 'error', error: { message }, during: 'restore', item });
    else this.#printer.error(`ignoring error for ${showName(path)}: ${message}`);
  }

  #figures(elapsedMs: number): Record<string, unknown> {
    const c = this.counters;
    return withoutEmpty({
      seconds_elapsed: Math.trunc(elapsedMs / 1000),
      total_files: c.filesTotal,
      files_restored: c.filesRestored,
      files_skipped: c.filesSkipped,
      files_deleted: c.filesDeleted,
      total_bytes: c.bytesTotal,
      bytes_restored: c.bytesRestored,
      bytes_skipped: c.bytesSkipped,
    });
  }

  #summary(): string {
    const { filesRestored, filesTotal, bytesRestored, bytesTotal } = this.counters;
    if (filesRestored === filesTotal && bytesRestored === bytesTotal)
      return `${filesTotal} files/dirs (${formatBytes(bytesTotal)})`;
    return `${filesRestored} / ${filesTotal} files/dirs (${formatBytes(bytesRestored)} / ${formatBytes(bytesTotal)})`;
  }

  #beside(): string {
    const { filesSkipped, bytesSkipped, filesDeleted } = this.counters;
    const skipped = filesSkipped > 0 ? `, skipped ${filesSkipped} files/dirs ${formatBytes(bytesSkipped)}` : '';
    return `${skipped}${filesDeleted > 0 ? `, deleted ${filesDeleted} files/dirs` : ''}`;
  }

  /** What this user may not set is no failure, but nobody should believe it was set. */
  #sayDropped(): void {
    const { owners, xattrs, privileges, devices } = this.counters.dropped;
    const parts = [
      ...(owners > 0 ? [`${owners} owners`] : []),
      ...(xattrs > 0 ? [`${xattrs} extended attributes`] : []),
      ...(privileges > 0 ? [`${privileges} setuid and setgid bits`] : []),
      ...(devices > 0 ? [`${devices} devices`] : []),
    ];
    if (parts.length > 0 && this.#printer.verbosity > 0) this.#printer.error(`not restored: ${parts.join(', ')}`);
  }

  #showStatus(elapsedMs: number): void {
    const { filesRestored, filesTotal, bytesRestored, bytesTotal } = this.counters;
    if (this.#printer.json) {
      const percent_done = bytesTotal > 0 ? bytesRestored / bytesTotal : 0;
      const { seconds_elapsed, ...figures } = this.#figures(elapsedMs);
      this.#printer.message({ message_type: 'status', ...withoutEmpty({ seconds_elapsed }), percent_done, ...figures });
      this.#printer.terminal.flush();
      return;
    }
    this.#rate.record(elapsedMs, bytesRestored);
    const { canUpdateStatus, columns } = this.#printer.terminal;
    if (canUpdateStatus) {
      const work = {
        elapsedMs,
        noun: 'items',
        files: { done: filesRestored, total: filesTotal },
        bytes: { done: bytesRestored, total: bytesTotal },
        bytesPerSecond: this.#rate.bytesPerSecond(),
        beside: this.#beside() === '' ? [] : [this.#beside().slice(2)],
      };
      return this.#printer.terminal.setStatus([watchedLine(work, columns)]);
    }
    const share = formatPercent(bytesRestored, bytesTotal);
    const done = `${filesRestored} files/dirs ${formatBytes(bytesRestored)}`;
    const whole = `total ${filesTotal} files/dirs ${formatBytes(bytesTotal)}`;
    this.#printer.terminal.setStatus([`[${formatDurationMs(elapsedMs)}] ${share}  ${done}, ${whole}${this.#beside()}`]);
  }
}
