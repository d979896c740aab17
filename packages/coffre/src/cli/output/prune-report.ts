/** What a prune says, line by line as restic does, and the marks that are ours. */
import { shortId } from '@coffre/repository';
import type { PackId, PruneEvent, PruneFigures, PruneResult } from '@coffre/repository';
import { column, formatBytes, formatGoDuration, formatPercent } from './format.ts';
import { formatLocalTime } from './local-time.ts';
import type { Printer } from './printer.ts';
import type { Counter } from './progress.ts';

export class PruneReport implements Disposable {
  readonly #printer: Printer;
  readonly #options: { readonly dryRun: boolean; readonly graceMs: number };
  #counter: Counter | undefined;
  #noun = '';

  constructor(printer: Printer, options: { readonly dryRun: boolean; readonly graceMs: number }) {
    this.#printer = printer;
    this.#options = options;
    printer.normal('loading all snapshots...');
  }

  onEvent(event: PruneEvent): void {
    switch (event.kind) {
      case 'index':
        return;
      case 'snapshots':
        if (event.done === 0) this.#printer.normal(`finding data that is still in use for ${event.total} snapshots`);
        return this.#count('snapshots', event);
      case 'usage':
        this.#finishCounter();
        this.#printer.normal('searching used packs...');
        return this.#printer.normal('collecting packs for deletion and repacking');
      case 'packs':
        return this.#count('packs processed', event);
      case 'plan':
        this.#finishCounter();
        if (this.#options.dryRun) this.#printer.normal('\nWould have made the following changes:');
        this.#sayFigures(event.plan.figures);
        if (event.plan.missing.length > 0) this.#sayMissing(event.plan.missing);
        if (this.#options.dryRun) this.#sayPacks(event.plan);
        return;
      case 'repacking':
        if (event.done === 0) this.#printer.normal('repacking packs');
        return this.#count('packs repacked', event);
      case 'waiting-for-lock':
        return this.#finishCounter();
      case 'changed':
        return this.#printer.normal(`${event.putBack} packs are needed by a newer snapshot and stay`);
      case 'rebuilding':
        return this.#printer.normal('rebuilding index');
      case 'indexes-written':
        return this.#count('indexes processed', event);
      case 'indexes-deleted':
        return this.#count('old indexes deleted', event);
      case 'packs-deleted':
        if (event.done === 1) {
          this.#finishCounter();
          this.#printer.normal(`removing ${event.total} old packs`);
        }
        return this.#count('files deleted', event);
      default:
        return event satisfies never;
    }
  }

  finish({ marked, freedMs, recovered }: PruneResult): void {
    this.#finishCounter();
    const { dryRun, graceMs } = this.#options;
    if (dryRun) return;
    if (recovered > 0)
      this.#printer.normal(`${recovered} marked packs are needed by a newer snapshot and are back in the index`);
    if (freedMs !== undefined) {
      this.#printer.normal(
        `${marked.packs} packs (${formatBytes(marked.bytes)}) are marked and stay for ${formatGoDuration(graceMs)}`,
      );
      this.#printer.normal(`the first prune after ${formatLocalTime(new Date(freedMs))} deletes them`);
      this.#printer.normal('to free the space now: prune --instant-delete, which keeps everybody else out meanwhile');
    }
    this.#printer.normal('done');
  }

  [Symbol.dispose](): void {
    this.#counter?.[Symbol.dispose]();
  }

  #count(noun: string, { done, total }: { readonly done: number; readonly total: number }): void {
    if (this.#noun !== noun) {
      this.#finishCounter();
      this.#counter = this.#printer.counter(noun, total);
      this.#noun = noun;
    }
    this.#counter?.set(done, total);
  }

  #finishCounter(): void {
    this.#counter?.finish();
    this.#counter = undefined;
    this.#noun = '';
  }

  #sayFigures(figures: PruneFigures): void {
    const printer = this.#printer;
    const sums = sumsOf(figures);
    const { used, duplicate, unused, unindexed, repack, repackRemoves, remove, packs, marked } = figures;
    const blobs = (label: string, count: number, bytes: number): string =>
      `${label.padEnd(14)}${column(count, 10)} blobs / ${formatBytes(bytes)}`;
    printer.verbose(`\n${blobs('used:', used.blobs, used.bytes)}`);
    if (duplicate.blobs > 0) printer.verbose(blobs('duplicates:', duplicate.blobs, duplicate.bytes));
    printer.verbose(blobs('unused:', unused.blobs, unused.bytes));
    if (unindexed.bytes > 0) printer.verbose(`unreferenced:                    ${formatBytes(unindexed.bytes)}`);
    printer.verbose(blobs('total:', sums.totalBlobs, sums.totalBytes));
    printer.verbose(`unused size: ${formatPercent(sums.unusedBytes, sums.totalBytes)} of total size`);
    printer.normal(`\n${blobs('to repack:', repack.blobs, repack.bytes)}`);
    printer.normal(blobs('this removes:', repackRemoves.blobs, repackRemoves.bytes));
    printer.normal(blobs('to delete:', remove.blobs, remove.bytes + unindexed.bytes));
    printer.normal(blobs('total prune:', sums.pruneBlobs, sums.pruneBytes));
    if (figures.uncompressedBytes > 0) {
      printer.normal(`not yet compressed:              ${formatBytes(figures.uncompressedBytes)}`);
    }
    printer.normal(blobs('remaining:', sums.totalBlobs - sums.pruneBlobs, sums.remainingBytes));
    const share = formatPercent(sums.unusedAfterBytes, sums.remainingBytes);
    printer.normal(`unused size after prune: ${formatBytes(sums.unusedAfterBytes)} (${share} of remaining size)`);
    this.#sayMarks(marked);
    printer.normal('');
    printer.verbose(`totally used packs: ${column(packs.used, 10)}`);
    printer.verbose(`partly used packs:  ${column(packs.partlyUsed, 10)}`);
    printer.verbose(`unused packs:       ${column(packs.unused, 10)}`);
    printer.verbose('');
    printer.verbose(`to keep:      ${column(packs.keep, 10)} packs`);
    printer.verbose(`to repack:    ${column(packs.repack, 10)} packs`);
    printer.verbose(`to delete:    ${column(packs.remove, 10)} packs`);
    if (unindexed.packs === 0) return;
    printer.verbose(`to delete:    ${column(unindexed.packs, 10)} unreferenced packs`);
    printer.verbose('');
  }

  #sayMarks({ expired, waiting, recovered }: PruneFigures['marked']): void {
    if (recovered > 0) this.#printer.normal(`marked earlier and needed again: ${recovered} packs`);
    if (expired.packs > 0) {
      this.#printer.normal(`marked earlier, deleted now: ${expired.packs} packs / ${formatBytes(expired.bytes)}`);
    }
    if (waiting.firstFreedMs !== undefined) {
      const from = formatLocalTime(new Date(waiting.firstFreedMs));
      this.#printer.normal(
        `marked earlier, waiting until ${from}: ${waiting.packs} packs / ${formatBytes(waiting.bytes)}`,
      );
    }
  }

  #sayMissing(missing: readonly PackId[]): void {
    this.#printer.error('Missing but unneeded pack files are referenced in the index, will be repaired');
    for (const id of missing) this.#printer.error(`will forget missing pack file ${id}`);
  }

  #sayPacks({ unindexed, repack, remove }: Extract<PruneEvent, { kind: 'plan' }>['plan']): void {
    const names = (ids: readonly PackId[]): string => `{${ids.map(shortId).toSorted().join(' ')}}`;
    if (unindexed.length > 0) {
      this.#printer.verbose(`Would have removed the following unreferenced packs:\n${names(unindexed)}`);
      this.#printer.verbose('');
    }
    this.#printer.verbose(`Would have repacked and removed the following packs:\n${names(repack)}`);
    this.#printer.verbose('');
    this.#printer.verbose(`Would have removed the following no longer used packs:\n${names(remove)}`);
    this.#printer.verbose('');
  }
}

function sumsOf({ used, duplicate, unused, unindexed, repackRemoves, remove }: PruneFigures) {
  const totalBytes = used.bytes + duplicate.bytes + unused.bytes + unindexed.bytes;
  const unusedBytes = duplicate.bytes + unused.bytes;
  const pruneBytes = remove.bytes + repackRemoves.bytes + unindexed.bytes;
  return {
    totalBlobs: used.blobs + duplicate.blobs + unused.blobs,
    totalBytes,
    unusedBytes,
    pruneBlobs: remove.blobs + repackRemoves.blobs,
    pruneBytes,
    remainingBytes: totalBytes - pruneBytes,
    unusedAfterBytes: unusedBytes - remove.bytes - repackRemoves.bytes,
  };
}

/** One document; restic prints plain text here even with `--json`. */
export function pruneJson(result: PruneResult, dryRun: boolean): Record<string, unknown> {
  const { figures } = result.plan;
  const sums = sumsOf(figures);
  const time = (ms: number | undefined): string | undefined =>
    ms === undefined ? undefined : new Date(ms).toISOString();
  const { marked, packs } = figures;
  return {
    message_type: 'summary',
    dry_run: dryRun,
    used: figures.used,
    duplicate: figures.duplicate,
    unused: figures.unused,
    unreferenced: figures.unindexed,
    to_repack: figures.repack,
    repack_removes: figures.repackRemoves,
    to_delete: { blobs: figures.remove.blobs, bytes: figures.remove.bytes + figures.unindexed.bytes },
    total_prune: { blobs: sums.pruneBlobs, bytes: sums.pruneBytes },
    remaining: { blobs: sums.totalBlobs - sums.pruneBlobs, bytes: sums.remainingBytes },
    unused_after: { bytes: sums.unusedAfterBytes },
    not_yet_compressed: { bytes: figures.uncompressedBytes },
    packs: {
      totally_used: packs.used,
      partly_used: packs.partlyUsed,
      unused: packs.unused,
      keep: packs.keep,
      repack: packs.repack,
      delete: packs.remove,
    },
    marked_earlier: {
      due: marked.expired,
      waiting: {
        packs: marked.waiting.packs,
        bytes: marked.waiting.bytes,
        next_deletion: time(marked.waiting.firstFreedMs),
      },
      needed_again: marked.recovered,
    },
    marked: { ...result.marked, deletion: time(result.freedMs) },
    deleted: result.deleted,
    ...(dryRun && {
      plan: { repack: result.plan.repack, delete: result.plan.remove, unreferenced: result.plan.unindexed },
    }),
  };
}
