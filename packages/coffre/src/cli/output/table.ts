import { displayWidth } from './display.ts';

/** Columns are as wide as their widest line; cells may hold several lines. */
export type Table = {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
  readonly footer?: readonly string[];
  /** An empty line before every row but the first line of the table, wherever rows have several lines. */
  readonly spaced?: boolean;
};

const separator = '  ';

/** The lines of the table: header, rule, rows, rule, footer. */
export function tableLines(table: Table): string[] {
  const widths = columnWidths(table);
  const rule = '-'.repeat(widths.reduce((sum, width) => sum + width, 0) + (widths.length - 1) * separator.length);
  const rows = table.rows.flatMap((row, index) => {
    const lines = rowLines(row, widths);
    return table.spaced === true && index > 0 ? ['', ...lines] : lines;
  });
  return [...rowLines(table.columns, widths), rule, ...rows, rule, ...(table.footer ?? [])];
}

function columnWidths(table: Table): number[] {
  const widths = table.columns.map(() => 0);
  for (const row of [table.columns, ...table.rows]) {
    row.forEach((cell, at) => {
      for (const line of cell.split('\n')) widths[at] = Math.max(widths[at] ?? 0, displayWidth(line));
    });
  }
  return widths;
}

function rowLines(row: readonly string[], widths: readonly number[]): string[] {
  const cells = row.map((cell) => cell.split('\n'));
  const height = Math.max(...cells.map((lines) => lines.length));
  return Array.from({ length: height }, (_, line) =>
    cells
      .map((lines, at) => {
        const text = lines[line] ?? '';
        return text + ' '.repeat(Math.max(0, (widths[at] ?? 0) - displayWidth(text)));
      })
      .join(separator)
      .replace(/ +$/, ''),
  );
}
