import { check, CoffreError, parseReadDataSubset } from '@coffre/repository';
import type { CheckEvent, CheckResult, ReadDataSubset, SnapshotFilter } from '@coffre/repository';
import type { Command } from '@commander-js/extra-typings';
import type { Cli } from './cli.ts';
import { withoutControls } from './output/display.ts';
import { formatFixed } from './output/format.ts';
import type { Printer } from './output/printer.ts';
import type { Counter } from './output/progress.ts';
import { openSession } from './session.ts';
import { addSnapshotFilter, selectSnapshots, snapshotFilter } from './snapshot-options.ts';
import { usage } from './values.ts';

const damaged = 'repository contains errors';

export function defineCheck(command: Command, cli: Cli): void {
  addSnapshotFilter(command.argument('[snapshot...]', 'only what these need; everything when none is given'))
    .option('--read-data', 'read everything back and compare')
    .option('--read-data-subset <subset>', 'read a part back: n/t, 5% or 500M')
    .option('--with-cache', 'accepted for restic scripts; the check never trusts a cache')
    .action(async (names, options) => {
      if (options.readData === true && options.readDataSubset !== undefined) {
        throw usage('check flags --read-data and --read-data-subset cannot be used together');
      }
      const readData: ReadDataSubset | undefined =
        options.readDataSubset === undefined || options.readDataSubset === ''
          ? options.readData === true
            ? { kind: 'all' }
            : undefined
          : parseReadDataSubset(options.readDataSubset);
      const filter = snapshotFilter(options, cli.environment);
      const { json } = cli.globals();
      let result: CheckResult | undefined;
      try {
        result = await runCheck(cli, { names, filter, readData });
        if (result.errors > 0)
          throw new CoffreError('REPO_CHECK_FAILED', damaged, { hint: 'The lines above say where.' });
      } catch (error) {
        if (json) cli.printer().message(summaryJson(result, true));
        throw error;
      }
      if (json) cli.printer().message(summaryJson(result, false));
      else cli.printer().normal('no errors were found');
    });
}

type CheckWish = {
  readonly names: readonly string[];
  readonly filter: SnapshotFilter;
  readonly readData: ReadDataSubset | undefined;
};

async function runCheck(cli: Cli, wish: CheckWish): Promise<CheckResult> {
  const printer = cli.printer();
  const { noLock } = cli.globals();
  if (!noLock) printer.normal('create exclusive lock for repository');
  await using session = await openSession(cli, noLock ? 'none' : 'exclusive');
  const isFiltered = wish.names.length > 0 || Object.values(wish.filter).some((values) => values.length > 0);
  const snapshots = isFiltered ? await selectSnapshots(session, wish.filter, wish.names) : undefined;
  using report = new CheckReport(printer, wish.readData, isFiltered);
  const result = await check(
    session.repository,
    {
      ...(wish.readData === undefined ? {} : { readData: wish.readData }),
      ...(snapshots === undefined ? {} : { snapshots }),
    },
    (event) => {
      session.signal.throwIfAborted();
      report.onEvent(event);
    },
  );
  report.finish(result);
  return result;
}

class CheckReport implements Disposable {
  readonly #printer: Printer;
  readonly #readData: ReadDataSubset | undefined;
  readonly #filtered: string;
  #counter: Counter | undefined;
  #doneBytes = 0;
  #unindexed = 0;

  constructor(printer: Printer, readData: ReadDataSubset | undefined, isFiltered: boolean) {
    this.#printer = printer;
    this.#readData = readData;
    this.#filtered = isFiltered ? 'filtered ' : '';
  }

  onEvent(event: CheckEvent): void {
    switch (event.kind) {
      case 'phase':
        return this.#onPhase(event);
      case 'progress':
        this.#counter?.add(0, (event.doneBytes ?? 0) - this.#doneBytes);
        this.#doneBytes = event.doneBytes ?? 0;
        return this.#counter?.set(event.done);
      case 'finding':
        return this.#onFinding(event.finding);
      default:
        return event satisfies never;
    }
  }

  finish({ errors, brokenPacks, suggestsPrune, suggestsRepairIndex }: CheckResult): void {
    this.#finishCounter();
    if (brokenPacks.length > 0) {
      this.#sayError('\nThe repository contains damaged pack files. What they hold is lost unless a copy has it.\n');
      this.#sayError(`restic repair packs ${brokenPacks.join(' ')}\nrestic repair snapshots --forget\n`);
    } else if (errors > 0) {
      this.#sayError('\nThe repository is damaged and must be repaired. Look for a copy of it before anything else.\n');
    }
    if (errors > 0) return;
    if (this.#unindexed > 0) {
      this.#printer.normal(
        `${this.#unindexed} additional files were found in the repo, which likely contain duplicate data.\nThis is non-critical, you can run \`restic prune\` to correct this.`,
      );
    } else if (suggestsPrune)
      this.#printer.normal(
        'Mixed packs with tree and data blobs are non-critical, you can run `restic prune` to correct this.',
      );
    if (suggestsRepairIndex)
      this.#printer.normal('Duplicate packs are non-critical, you can run `restic repair index` to correct this.');
  }

  [Symbol.dispose](): void {
    this.#counter?.[Symbol.dispose]();
  }

  #onPhase({ phase, total = 0, totalBytes = 0 }: Extract<CheckEvent, { kind: 'phase' }>): void {
    this.#finishCounter();
    switch (phase) {
      case 'index':
        return this.#printer.normal('load indexes');
      case 'packs':
        return this.#printer.normal('check all packs');
      case 'snapshots':
        this.#printer.normal('check snapshots, trees and blobs');
        this.#counter = this.#printer.counter('snapshots', total);
        return undefined;
      case 'read-data':
        this.#printer.normal(this.#readDataLine(total, totalBytes));
        this.#counter = this.#printer.counter('packs', total);
        return undefined;
      default:
        return phase satisfies never;
    }
  }

  #readDataLine(packs: number, sizeBytes: number): string {
    const subset = this.#readData;
    switch (subset?.kind) {
      case 'part':
        return `read group #${subset.part} of ${packs} ${this.#filtered}data packs (in ${subset.parts} groups)`;
      case 'percent':
        return `read ${formatFixed(subset.percent, 1)}% of ${this.#filtered}packfiles`;
      case 'bytes':
        return `read ${sizeBytes} bytes of ${this.#filtered}data packs`;
      case 'all':
      case undefined:
        return `read all ${this.#filtered}data`;
      default:
        return subset satisfies never;
    }
  }

  #onFinding(finding: Extract<CheckEvent, { kind: 'finding' }>['finding']): void {
    if (finding.kind === 'pack-unindexed') {
      this.#unindexed += 1;
      return this.#printer.verbose(finding.message);
    }
    if (finding.severity === 'hint') return this.#printer.normal(finding.message);
    this.#sayError(finding.message);
    for (const detail of finding.details) this.#sayError(`  ${detail}`);
  }

  #sayError(line: string): void {
    if (this.#printer.json) this.#printer.errorMessage({ message_type: 'error', message: withoutControls(line) });
    else this.#printer.error(line);
  }

  #finishCounter(): void {
    this.#counter?.finish();
    this.#counter = undefined;
  }
}

/** Printed also when the check could not run: then there is one error. */
function summaryJson(result: CheckResult | undefined, hasFailed: boolean): Record<string, unknown> {
  const errors = result?.errors ?? 0;
  const broken = result?.brokenPacks ?? [];
  return {
    message_type: 'summary',
    num_errors: hasFailed && errors === 0 ? 1 : errors,
    broken_packs: broken.length === 0 ? null : broken,
    suggest_repair_index: result?.suggestsRepairIndex ?? false,
    suggest_prune: result?.suggestsPrune ?? false,
  };
}
