import { stringify } from 'csv-stringify/sync';
import { cellText } from './cell-text.ts';
import type { ReportDocument } from './document.ts';

/** One table after the other, each under its name and titles; CRLF, as the programs that open it expect. */
export function csvReport(report: ReportDocument): string {
  const rows: string[][] = [
    [report.title, report.subtitle],
    [report.levelWord, report.sentence],
    [],
    ...report.figures.map(({ label, value }) => [label, value]),
    ...report.sections.flatMap(({ heading, lines, table }) => [
      [],
      [heading],
      ...lines.map((line) => [line]),
      ...(table === undefined ? [] : [table.columns.map(({ title }) => title), ...table.rows.map((row) => [...row])]),
    ]),
  ];
  const safe = rows.map((row) => row.map(harmless));
  return stringify(safe, { record_delimiter: '\r\n', bom: true });
}

/**
 * Spreadsheets take text that begins like this for a formula and run it; a quote before it makes it text. A lone minus,
 * and numbers with their sign, are what they look like.
 */
function harmless(text: string): string {
  const cell = cellText(text);
  if (cell === '-' || /^[+-]\d+([.,]\d+)?\s?%?$/.test(cell)) return cell;
  return /^[\s]*[=+\-@|%\uff1d\uff0b\uff0d\uff20]/u.test(cell) ? `'${cell}` : cell;
}
