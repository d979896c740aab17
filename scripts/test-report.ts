/** Turns the events of node's test runner into one line per file, whole failures, and totals over all tiers. */
import { relative } from 'node:path';
import { inspect, styleText } from 'node:util';
import type { TestsStream } from 'node:test';

export type Totals = {
  tests: number;
  suites: number;
  pass: number;
  fail: number;
  cancelled: number;
  skipped: number;
  todo: number;
  durationMs: number;
};

export type Finding = { readonly file: string; readonly name: string; readonly text: string };
export type TierResult = { readonly totals: Totals; readonly failures: Finding[]; readonly skips: Finding[] };

type Outcome = { name: string; file?: string | undefined; line?: number | undefined; nesting: number };

export const noTests: Totals = {
  tests: 0,
  suites: 0,
  pass: 0,
  fail: 0,
  cancelled: 0,
  skipped: 0,
  todo: 0,
  durationMs: 0,
};

export function addTotals(a: Totals, b: Totals): Totals {
  return {
    tests: a.tests + b.tests,
    suites: a.suites + b.suites,
    pass: a.pass + b.pass,
    fail: a.fail + b.fail,
    cancelled: a.cancelled + b.cancelled,
    skipped: a.skipped + b.skipped,
    todo: a.todo + b.todo,
    durationMs: a.durationMs + b.durationMs,
  };
}

/** Same words and order as node's own closing summary. */
export function formatTotals(totals: Totals): string {
  const { durationMs, ...counts } = totals;
  const lines = Object.entries(counts).map(([word, count]) => `ℹ ${word} ${count}`);
  return [...lines, `ℹ duration_ms ${Math.round(durationMs)}`].join('\n');
}

export async function followTests(
  stream: TestsStream,
  options: { folder: string; verbose: boolean; write: (text: string) => void },
): Promise<TierResult> {
  const { folder, verbose, write } = options;
  const started = performance.now();
  let totals = noTests;
  const failures: Finding[] = [];
  const skips: Finding[] = [];
  const place = (data: Outcome): string =>
    `${data.file === undefined ? '' : relative(folder, data.file)}${data.line === undefined ? '' : `:${data.line}`}`;

  stream.on('test:pass', (data) => {
    if (data.skip !== undefined && data.skip !== false) {
      skips.push({
        file: place(data),
        name: data.name,
        text: typeof data.skip === 'string' ? data.skip : 'no reason given',
      });
    } else if (verbose) {
      write(
        `${'  '.repeat(data.nesting + 1)}${styleText('green', '✔')} ${data.name} ${styleText('dim', ms(data.details.duration_ms))}\n`,
      );
    }
  });
  stream.on('test:fail', (data) => {
    if (data.todo !== undefined && data.todo !== false) return;
    const error: unknown = data.details.error.cause ?? data.details.error;
    // A parent fails because of its child, which has said why.
    if (isSubtestFailure(data.details.error)) return;
    const failure = { file: place(data), name: data.name, text: describe(error) };
    failures.push(failure);
    write(formatFailure(failure));
  });
  stream.on('test:stderr', (data) => write(styleText('dim', data.message)));
  stream.on('test:stdout', (data) => {
    if (verbose) write(styleText('dim', data.message));
  });
  stream.on('test:summary', (data) => {
    const { counts } = data;
    if (data.file === undefined) {
      const { tests, suites, cancelled, skipped, todo, passed } = counts;
      const fail = tests - passed - cancelled - skipped - todo;
      totals = { tests, suites, pass: passed, fail, cancelled, skipped, todo, durationMs: 0 };
      return;
    }
    const mark = data.success ? styleText('green', '✔') : styleText('red', '✖');
    write(
      `${mark} ${relative(folder, data.file)} ${styleText('dim', `${counts.tests} tests, ${ms(data.duration_ms)}`)}\n`,
    );
  });
  stream.resume();
  await new Promise<void>((resolve, reject) => {
    stream.once('end', resolve);
    stream.once('error', reject);
  });
  return { totals: { ...totals, durationMs: performance.now() - started }, failures, skips };
}

function formatFailure(failure: Finding): string {
  const body = failure.text.replaceAll(/^/gm, '    ');
  return `${styleText('red', '✖')} ${failure.name} (${failure.file})\n${body}\n`;
}

/** The error with its cause, without the frames inside node's own runner. */
function describe(error: unknown): string {
  const text = typeof error === 'string' ? error : inspect(error, { depth: 4 });
  return text
    .split('\n')
    .filter((line) => !/^\s+at .*\(?node:internal\//.test(line))
    .join('\n');
}

function isSubtestFailure(error: Error): boolean {
  return 'failureType' in error && error.failureType === 'subtestsFailed';
}

function ms(durationMs: number): string {
  return durationMs < 1000 ? `${Math.round(durationMs)} ms` : `${(durationMs / 1000).toFixed(1)} s`;
}
