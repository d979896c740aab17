import type { ReportDocument, ReportTable } from './document.ts';
import { cellText } from './cell-text.ts';
import { displayWidth } from '../cli/output/display.ts';

/** For terminals and mails. */
export function textReport(report: ReportDocument): string {
  const width = Math.max(...report.figures.map(({ label }) => displayWidth(label)));
  const lines = [
    report.title,
    report.subtitle,
    '',
    `${report.levelWord}${report.colon} ${report.sentence}`,
    '',
    ...report.figures.map(({ label, value }) => `${padded(label, width, 'left')}  ${value}`),
    ...report.sections.flatMap(({ heading, lines: sentences, table }) => [
      '',
      heading,
      '-'.repeat(displayWidth(heading)),
      ...sentences,
      ...(table === undefined ? [] : tableText(table)),
    ]),
    '',
    report.footer,
  ];
  return `${lines.map((line) => cellText(line).trimEnd()).join('\n')}\n`;
}

function tableText({ columns, rows }: ReportTable): string[] {
  const safe = rows.map((row) => row.map(cellText));
  const widths = columns.map(({ title }, at) =>
    Math.max(displayWidth(title), ...safe.map((row) => displayWidth(row[at] ?? ''))),
  );
  const line = (cells: readonly string[]): string =>
    cells.map((cell, at) => padded(cell, widths[at]!, columns[at]!.align)).join('  ');
  return [line(columns.map(({ title }) => title)), ...safe.map(line)];
}

function padded(text: string, width: number, align: 'left' | 'right'): string {
  const room = ' '.repeat(Math.max(0, width - displayWidth(text)));
  return align === 'right' ? room + text : text + room;
}
