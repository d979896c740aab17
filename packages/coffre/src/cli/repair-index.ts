import { messageOf, repairIndex } from '@coffre/repository';
import type { IndexRepairEvent, IndexRepairResult } from '@coffre/repository';
import type { Command } from '@commander-js/extra-typings';
import { audited } from './audited.ts';
import type { Cli } from './cli.ts';
import type { Printer } from './output/printer.ts';
import type { Counter } from './output/progress.ts';
import { openSession } from './session.ts';

export function defineRepairIndex(command: Command, cli: Cli): void {
  command
    .option('--read-all-packs', 'read the headers of all packs, and believe no old index')
    .option('-n, --dry-run', 'change nothing, only show what would be done')
    .action(async (options) => {
      const dryRun = options.dryRun === true;
      await using session = await openSession(cli, dryRun ? 'read' : 'exclusive', { uncached: true });
      const { printer } = session;
      using report = new IndexReport(printer, dryRun);
      const result = await audited(
        { cli, repository: session.repository, printer },
        {
          action: 'repair index',
          dryRun,
          shown: { readAllPacks: options.readAllPacks === true },
          work: () =>
            repairIndex(session.repository, { readAllPacks: options.readAllPacks === true, dryRun }, (event) => {
              session.signal.throwIfAborted();
              report.onEvent(event);
            }),
          done: ({ unreadableIndexes, packsGone, packsRead, packsUnreadable, indexesReplaced }) => ({
            unreadableIndexes,
            packsGone,
            packsRead,
            packsUnreadable: [...packsUnreadable],
            indexesReplaced,
          }),
        },
      );
      report.finish(result);
    });
}

class IndexReport implements Disposable {
  readonly #printer: Printer;
  readonly #dryRun: boolean;
  #counter: Counter | undefined;

  constructor(printer: Printer, dryRun: boolean) {
    this.#printer = printer;
    this.#dryRun = dryRun;
  }

  onEvent(event: IndexRepairEvent): void {
    const printer = this.#printer;
    switch (event.kind) {
      case 'loading':
        return printer.normal('loading indexes...');
      case 'index-unreadable':
        return printer.error(`removing invalid index ${event.id}: ${messageOf(event.error)}`);
      case 'planning':
        return printer.normal('getting pack files to read...');
      case 'pack-gone':
        return printer.error(`removing not found pack file ${event.id}`);
      case 'pack-differs':
        return printer.error(`reindexing pack file ${event.id}, about which index files do not agree`);
      case 'pack-resized':
        return printer.error(
          `reindexing pack file ${event.id} with unexpected size ${event.sizeBytes} instead of ${event.indexedBytes}`,
        );
      case 'pack-added':
        return printer.error(`adding pack file to index ${event.id}`);
      case 'reading':
        return this.#count('reading pack files', 'packs', event.done, event.total);
      case 'header-unreadable': {
        this.#endCount();
        const { keptBlobs, namedBlobs } = event;
        const kept =
          namedBlobs === 0
            ? ''
            : `; of the ${namedBlobs} pieces that the old index names in it, ${keptBlobs} may be there and stay`;
        return printer.error(`pack ${event.id}: its header cannot be read (${messageOf(event.error)})${kept}`);
      }
      case 'rebuilding':
        this.#endCount();
        return printer.normal(`rebuilding index\n${event.indexes} new index files saved`);
      case 'removing':
        return this.#count(undefined, 'old indexes deleted', event.done, event.total);
      default:
        return event satisfies never;
    }
  }

  finish(result: IndexRepairResult): void {
    this.#endCount();
    const printer = this.#printer;
    const { packsUnreadable, unreadableIndexes, packsGone, packsRead, indexesReplaced } = result;
    if (printer.json) {
      printer.message({
        message_type: 'summary',
        dry_run: this.#dryRun,
        indexes_unreadable: unreadableIndexes,
        indexes_replaced: indexesReplaced,
        packs_missing: packsGone,
        packs_read: packsRead,
        packs_unreadable: packsUnreadable,
      });
      return;
    }
    if (packsUnreadable.length > 0) {
      printer.error(
        `\nPacks with damaged headers: save what can still be read in them with\n\ncoffre repair packs ${packsUnreadable.join(' ')}\n`,
      );
    }
    if (this.#dryRun) printer.normal('nothing was changed');
    else printer.normal(indexesReplaced + packsRead === 0 ? 'the index was right already; done' : 'done');
  }

  [Symbol.dispose](): void {
    this.#counter?.[Symbol.dispose]();
  }

  #count(heading: string | undefined, noun: string, done: number, total: number): void {
    if (this.#counter === undefined) {
      if (heading !== undefined) this.#printer.normal(heading);
      this.#counter = this.#printer.counter(noun, total);
    }
    this.#counter.set(done);
    if (done === total) this.#endCount();
  }

  #endCount(): void {
    this.#counter?.finish();
    this.#counter = undefined;
  }
}
