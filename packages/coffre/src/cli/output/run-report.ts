/** What a run of a plan says: what goes on for whoever watches, one line for each part at its end. */
import type { RunMessage, RunProgress } from '../../run/run-message.ts';
import type { PartResult, RunResult } from '../../run/run-request.ts';
import { formatBytes, formatDurationMs, formatFixed, formatPercent } from './format.ts';
import type { Printer } from './printer.ts';
import { RateEstimator } from './rate.ts';
import { careJson, messageJson, resultJson } from './run-json.ts';
import { restoreLine, savedText } from './restore-text.ts';
import { tableLines } from './table.ts';

export class RunReport implements Disposable {
  readonly #printer: Printer;
  #rate = new RateEstimator();
  #doing = '';

  constructor(printer: Printer) {
    this.#printer = printer;
  }

  onMessage(message: RunMessage): void {
    const printer = this.#printer;
    if (printer.json) {
      printer.message(messageJson(message));
      return;
    }
    switch (message.type) {
      case 'started':
        printer.verbose(`${message.plan} is run ${message.runId}; its log is ${message.logPath}`);
        return;
      case 'phase':
        this.#doing = [phaseWords[message.phase], message.source, message.repository].filter(Boolean).join(' ');
        this.#rate = new RateEstimator();
        printer.debug(this.#doing);
        return this.#status(this.#doing);
      case 'progress':
        return this.#status(`${this.#doing}: ${this.#progressText(message)}`);
      case 'line':
        return this.#line(message.level, message.text);
      case 'saved':
        printer.verbose(savedText(message));
        return;
      case 'ended':
        return this.#status('');
      default:
        message satisfies never;
    }
  }

  #line(level: 'debug' | 'info' | 'warning' | 'error', text: string): void {
    if (level === 'error') this.#printer.error(text);
    else if (level === 'warning') this.#printer.error(`Warning: ${text}`);
    else if (level === 'info') this.#printer.verbose(text);
    else this.#printer.debug(text);
  }

  #progressText({ atMs, bytesDone, bytesTotal, filesDone }: RunProgress): string {
    this.#rate.record(atMs, bytesDone);
    const rate = this.#rate.bytesPerSecond();
    const share = bytesTotal === undefined ? '' : `${formatPercent(bytesDone, bytesTotal)} `;
    const speed = rate === 0 ? '' : `, ${formatBytes(Math.round(rate))}/s`;
    return `${share}${formatBytes(bytesDone)}, ${filesDone} files${speed}`;
  }

  #status(text: string): void {
    const { terminal, verbosity } = this.#printer;
    if (terminal.canUpdateStatus && verbosity > 0) terminal.setStatus(text === '' ? [] : [text]);
  }

  /** @param reasonFollows it is said as the failure of the command, and need not stand twice */
  finish(result: RunResult, reasonFollows = false): void {
    this.#status('');
    const printer = this.#printer;
    if (printer.json) {
      printer.message(resultJson(result));
      return;
    }
    if (result.parts.length > 0) {
      // In the order in which they began, so that a proof which ends late changes nothing.
      const rows = result.parts.toSorted((a, b) => (a.id ?? 0) - (b.id ?? 0)).map(rowOf);
      for (const line of tableLines({
        columns: ['What', 'Where', 'Outcome', 'Read', 'New', 'Stored', 'Took', 'Snapshot'],
        rows,
      }))
        printer.normal(line);
      // Too long for a column.
      for (const part of result.parts) {
        if (isLong(saidOf(part))) printer.normal(`${nameOf(part)} at ${part.repository}: ${saidOf(part)}`);
      }
    }
    const estimate = restoreLine(result.parts.map(({ figures }) => figures));
    if (estimate !== undefined) printer.normal(estimate);
    printer.normal(sentenceOf(reasonFollows ? { ...result, reason: undefined } : result));
  }

  finishCare(repository: string, parts: readonly PartResult[]): void {
    this.#status('');
    const printer = this.#printer;
    if (printer.json) {
      printer.message(careJson(repository, parts));
      return;
    }
    if (parts.length === 0) printer.normal(`${repository}: nothing is due`);
    for (const { outcome, reason, durationMs } of parts) {
      printer.normal(
        `${repository}: ${outcome === 'success' ? '' : `${outcome}: `}${reason}, ${secondsText(durationMs)}`,
      );
    }
  }

  [Symbol.dispose](): void {
    this.#status('');
  }
}

const phaseWords = {
  lease: 'waiting for',
  open: 'opening',
  hooks: 'hooks',
  preflight: 'looking at',
  read: 'reading',
  publish: 'publishing',
  verify: 'proving',
  copy: 'copying',
  retention: 'retention at',
};

function rowOf(part: PartResult): string[] {
  const { repository, outcome, figures, durationMs, snapshot } = part;
  const size = (bytes: number | undefined): string => (bytes === undefined ? '' : formatBytes(bytes));
  const said = saidOf(part);
  return [
    nameOf(part),
    repository,
    said === '' || isLong(said) ? outcome : `${outcome}: ${said}`,
    size(figures.bytesRead),
    size(figures.bytesNew),
    size(figures.bytesStored),
    secondsText(durationMs),
    snapshot?.slice(0, 8) ?? '',
  ];
}

function nameOf({ kind, source }: PartResult): string {
  return kind === 'source' ? String(source) : source === undefined ? kind : `${kind} ${source}`;
}

/** Nothing of a failure, which is told in full. */
function saidOf(part: PartResult): string {
  const { kind, outcome, reason } = part;
  if (outcome === 'failed') return '';
  return kind === 'retention' && outcome === 'success' ? retentionText(part) : (reason ?? '');
}

function isLong(said: string): boolean {
  return said.length > 40;
}

function retentionText({ figures }: PartResult): string {
  return `${figures.snapshotsKept ?? 0} kept, ${figures.snapshotsRemoved ?? 0} removed`;
}

function sentenceOf({ plan, outcome, reason, durationMs, parts }: RunResult): string {
  const saved = parts.filter(({ kind, outcome: one }) => kind === 'source' && (one === 'success' || one === 'warning'));
  const sources = parts.filter(({ kind }) => kind === 'source');
  const count = sources.length === 0 ? '' : `, ${saved.length} of ${sources.length} sources saved`;
  const why = reason === undefined ? '' : `: ${reason}`;
  return `${plan}: ${outcome}${count} in ${secondsText(durationMs)}${why}`;
}

/** `0.4 s`, `75.0 s`, `1:02:03`. */
function secondsText(durationMs: number): string {
  return durationMs < 100_000 ? `${formatFixed(durationMs / 1000, 1)} s` : formatDurationMs(durationMs);
}
