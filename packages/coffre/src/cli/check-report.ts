/** What `check` shows while it works and in the end. */
import type { CheckEvent, CheckResult, ChosenReading, ReadDataSubset } from '@coffre/repository';
import { adviceLines } from './output/check-advice.ts';
import { withoutControls } from './output/display.ts';
import { formatFixed } from './output/format.ts';
import type { Printer } from './output/printer.ts';
import type { Counter } from './output/progress.ts';
import { coverageJson, coverageLines, readingLines } from './output/verification.ts';

/** Packs to read, their bytes, and how many packs there are. */
type Amount = { readonly total: number; readonly totalBytes: number; readonly packs: number };

export class CheckReport implements Disposable {
  readonly #printer: Printer;
  readonly #readData: ReadDataSubset | undefined;
  readonly #fullWithinMs: number | undefined;
  readonly #filtered: string;
  #counter: Counter | undefined;
  #doneBytes = 0;
  #unindexed = 0;
  #reading: ChosenReading | undefined;
  #coverage: Extract<CheckEvent, { kind: 'coverage' }> | undefined;

  constructor(
    printer: Printer,
    wish: { readonly readData: ReadDataSubset | undefined; readonly fullWithinMs: number | undefined },
    isFiltered: boolean,
  ) {
    this.#printer = printer;
    this.#readData = wish.readData;
    this.#fullWithinMs = wish.fullWithinMs;
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
      case 'reading':
        this.#reading = event.reading;
        return undefined;
      case 'coverage':
        this.#coverage = event;
        return undefined;
      default:
        return event satisfies never;
    }
  }

  finish(result: CheckResult): void {
    this.#finishCounter();
    if (this.#coverage !== undefined) {
      const { coverage, fullWithinMs } = this.#coverage;
      for (const line of coverageLines(coverage, fullWithinMs)) this.#printer.normal(line);
    }
    if (result.errors > 0) return this.#sayError(adviceLines(result).join('\n'));
    if (this.#unindexed > 0) {
      this.#printer.normal(
        `${this.#unindexed} additional files were found in the repo, which likely contain duplicate data.\nThis is non-critical, you can run \`coffre prune\` to correct this.`,
      );
    } else if (result.suggestsPrune)
      this.#printer.normal(
        'Mixed packs with tree and data blobs are non-critical, you can run `coffre prune` to correct this.',
      );
    if (result.suggestsRepairIndex)
      this.#printer.normal('Duplicate packs are non-critical, you can run `coffre repair index` to correct this.');
  }

  /** For the summary in JSON. */
  get verification(): Record<string, unknown> | undefined {
    if (this.#coverage === undefined) return undefined;
    return coverageJson(this.#coverage.coverage, this.#coverage.fullWithinMs, this.#reading);
  }

  [Symbol.dispose](): void {
    this.#counter?.[Symbol.dispose]();
  }

  #onPhase({ phase, total = 0, totalBytes = 0, packs = 0 }: Extract<CheckEvent, { kind: 'phase' }>): void {
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
        for (const line of this.#readDataLines({ total, totalBytes, packs })) this.#printer.normal(line);
        this.#counter = this.#printer.counter('packs', total);
        return undefined;
      default:
        return phase satisfies never;
    }
  }

  #readDataLines(amount: Amount): string[] {
    if (this.#fullWithinMs === undefined || this.#reading === undefined) return [this.#readDataLine(amount)];
    return readingLines(this.#reading, this.#fullWithinMs);
  }

  #readDataLine({ total, totalBytes, packs }: Amount): string {
    const subset = this.#readData;
    switch (subset?.kind) {
      case 'part':
        return `read group #${subset.part} of ${total} ${this.#filtered}data packs (out of total ${packs} packs in ${subset.parts} groups)`;
      case 'percent':
        return `read ${formatFixed(subset.percent, 1)}% of ${this.#filtered}packfiles`;
      case 'bytes':
        return `read ${totalBytes} bytes of ${this.#filtered}data packs`;
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
