import { shortId } from '@coffre/repository';
import type { CopyAmount, CopyReport, CopyResult } from '@coffre/repository';
import { withoutControls } from './display.ts';
import { formatBytes } from './format.ts';
import type { Printer } from './printer.ts';
import type { Counter, Ticker } from './progress.ts';
import { snapshotSentence } from './snapshots.ts';

type Progress = Omit<Extract<CopyReport, { kind: 'progress' }>, 'kind'>;

/** What a copy says: restic's lines, or a message for each step. */
export class CopyReporter implements Disposable {
  readonly #printer: Printer;
  readonly #dryRun: boolean;
  #counter: Counter | undefined;
  #ticker: Ticker | undefined;
  #progress: Progress = { done: 0, packs: 0, sizeBytes: 0 };
  /** Copied and not saved yet; several are set off from what comes before. */
  #waiting = 0;

  constructor(printer: Printer, dryRun: boolean) {
    this.#printer = printer;
    this.#dryRun = dryRun;
  }

  onEvent(event: CopyReport): void {
    if (this.#printer.json) this.#sayJson(event);
    else this.#sayPlain(event);
  }

  #sayPlain(event: CopyReport): void {
    const printer = this.#printer;
    switch (event.kind) {
      case 'present':
        printer.verbose(`\n${snapshotSentence(event.snapshot)}`);
        printer.verbose(
          `skipping source snapshot ${shortId(event.snapshot.id)}, was already copied to snapshot ${shortId(event.copy)}`,
        );
        return undefined;
      case 'started':
        this.#waiting += 1;
        printer.normal(`\n${snapshotSentence(event.snapshot)}`);
        if (this.#dryRun) return undefined;
        printer.normal('  copy started, this may take a while...');
        this.#counter = printer.counter('packs copied');
        return undefined;
      case 'counted':
        if (this.#dryRun) printer.normal(`  would copy ${amountText(event.amount)}`);
        else printer.verbose(`  copy ${amountText(event.amount)}`);
        this.#counter?.setTotal(event.amount.packs);
        return undefined;
      case 'progress':
        this.#count(event);
        return undefined;
      case 'moved':
        this.#counter?.finish();
        this.#counter = undefined;
        return undefined;
      case 'saved':
        if (this.#waiting > 1) printer.normal('');
        this.#waiting = 0;
        printer.normal(
          `snapshot ${shortId(event.copy)} saved, copied from source snapshot ${shortId(event.snapshot.id)}`,
        );
        return undefined;
      case 'failed':
        printer.error(withoutControls(event.error.message));
        return undefined;
      default:
        return event satisfies never;
    }
  }

  #count({ done, packs, sizeBytes }: Progress): void {
    const before = this.#progress;
    const isAnew = done < before.done || sizeBytes < before.sizeBytes;
    this.#counter?.setTotal(packs);
    this.#counter?.add(done - (isAnew ? 0 : before.done), sizeBytes - (isAnew ? 0 : before.sizeBytes));
    this.#progress = { done, packs, sizeBytes };
  }

  #sayJson(event: CopyReport): void {
    const printer = this.#printer;
    switch (event.kind) {
      case 'present':
        return printer.message({
          message_type: 'skipped',
          source_snapshot_id: event.snapshot.id,
          snapshot_id: event.copy,
        });
      case 'started':
        this.#ticker ??= printer.ticker(() => this.#sayStatus());
        return undefined;
      case 'progress':
        this.#progress = event;
        return undefined;
      case 'counted':
        return undefined;
      case 'moved':
        return printer.message({
          message_type: this.#dryRun ? 'would_copy' : 'copied',
          source_snapshot_id: event.snapshot.id,
          ...amountJson(event.amount),
        });
      case 'saved':
        return printer.message({
          message_type: 'saved',
          source_snapshot_id: event.snapshot.id,
          snapshot_id: event.copy,
        });
      case 'failed':
        return printer.errorMessage({
          message_type: 'error',
          error: { message: withoutControls(event.error.message) },
          source_snapshot_id: event.snapshot.id,
        });
      default:
        return event satisfies never;
    }
  }

  #sayStatus(): void {
    const { done, packs, sizeBytes } = this.#progress;
    this.#printer.message({ message_type: 'status', packs_done: done, total_packs: packs, bytes_done: sizeBytes });
  }

  finish({ copied, present, failed, amount, addedBytes }: CopyResult): void {
    this[Symbol.dispose]();
    if (this.#printer.json) {
      return this.#printer.message({
        message_type: 'summary',
        dry_run: this.#dryRun,
        snapshots_copied: copied,
        snapshots_skipped: present,
        snapshots_failed: failed,
        ...amountJson(amount),
        data_added_packed: addedBytes,
      });
    }
    if (this.#dryRun && amount.blobs > 0) this.#printer.normal(`\nwould copy ${amountText(amount)} in all`);
    return undefined;
  }

  [Symbol.dispose](): void {
    this.#ticker?.stop();
    this.#counter?.[Symbol.dispose]();
  }
}

function amountText({ blobs, sizeBytes, packs }: CopyAmount): string {
  return `${blobs} blobs with disk size ${formatBytes(sizeBytes)} in ${packs} packfiles`;
}

function amountJson({ blobs, sizeBytes, packs }: CopyAmount): Record<string, number> {
  return { blobs, bytes: sizeBytes, packs };
}
