/** What all sections of a report are made with. */
import { formatBytes } from '../cli/output/format.ts';
import { ageText } from '../status/age.ts';
import type { LocalTime } from '../status/local-time.ts';
import type { StatusWords } from '../status/words.ts';
import type { Column, ReportSection, ReportTable } from './document.ts';
import { listedMax, successShare } from './report.ts';
import type { Report, Tally } from './report.ts';
import type { ReportColumn, ReportWords } from './words.ts';

export type Composer = {
  readonly report: Report;
  readonly words: ReportWords;
  readonly status: StatusWords;
  readonly localTime: LocalTime;
};

export function bytesText(words: ReportWords, sizeBytes: number): string {
  return words.bytes(formatBytes(Math.max(0, Math.round(sizeBytes))));
}

export function shareText(words: ReportWords, tally: Tally): string {
  const share = successShare(tally);
  return share === undefined ? words.none : words.percent(share);
}

export function tookText({ status, words }: Composer, durationMs: number | undefined): string {
  return durationMs === undefined ? words.none : ageText(durationMs, status.day);
}

/** @param columns with `>` before it: aligned to the right */
export function tableOf(
  words: ReportWords,
  columns: readonly (ReportColumn | `>${ReportColumn}`)[],
  rows: ReportTable['rows'],
): ReportTable {
  const titles = columns.map((name): Column => {
    const isNumber = name.startsWith('>');
    const key = (isNumber ? name.slice(1) : name) as ReportColumn;
    return { title: words.column[key], align: isNumber ? 'right' : 'left' };
  });
  return { columns: titles, rows };
}

/** A table, or the sentence that there is nothing; cut where it is too long. */
export function listed(
  words: ReportWords,
  section: Pick<ReportSection, 'id' | 'heading'> & { readonly lines?: readonly string[] },
  table: ReportTable,
  nothing: string,
): ReportSection {
  const { lines = [], ...head } = section;
  if (table.rows.length === 0) return { ...head, lines: [nothing] };
  if (table.rows.length <= listedMax) return { ...head, lines, table };
  return {
    ...head,
    lines: [...lines, words.cut(listedMax)],
    table: { ...table, rows: table.rows.slice(0, listedMax) },
  };
}
