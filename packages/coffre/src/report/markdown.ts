import { cellText } from './cell-text.ts';
import type { ReportDocument, ReportTable } from './document.ts';

export function markdownReport(report: ReportDocument): string {
  const lines = [
    `# ${escaped(report.title)}`,
    '',
    escaped(report.subtitle),
    '',
    `**${escaped(report.levelWord)}${report.colon} ${escaped(report.sentence)}**`,
    '',
    ...report.figures.map(({ label, value }) => `- ${escaped(label)}: ${escaped(value)}`),
    ...report.sections.flatMap(({ heading, lines: sentences, table }) => [
      '',
      `## ${escaped(heading)}`,
      ...sentences.flatMap((sentence) => ['', escaped(sentence)]),
      ...(table === undefined ? [] : ['', ...tableText(table)]),
    ]),
    '',
    escaped(report.footer),
  ];
  return `${lines.join('\n')}\n`;
}

function tableText({ columns, rows }: ReportTable): string[] {
  const line = (cells: readonly string[]): string => `| ${cells.map(escaped).join(' | ')} |`;
  const rule = columns.map(({ align }) => (align === 'right' ? '---:' : '---'));
  return [line(columns.map(({ title }) => title)), `| ${rule.join(' | ')} |`, ...rows.map(line)];
}

/** What Markdown or HTML in it would read as a mark is text. */
function escaped(text: string): string {
  return cellText(text).replaceAll(/[\\`*_[\]<>|#~&!]/g, String.raw`\$&`);
}
