/** Tables that go on over pages, with their titles again on each. */
import type Pdf from 'pdfkit';
import type { ReportTable } from './document.ts';
import { printable } from './pdf-text.ts';

type Doc = InstanceType<typeof Pdf>;
type Frame = { readonly left: number; readonly width: number; readonly bottom: number };

const size = 7.5;
const gap = 6;
const padding = 2.5;
/** So much of a line a column may ask for before others get what they need. */
const cellCharsMax = 40;

export function drawTable(document: Doc, table: ReportTable, frame: Frame): void {
  const titles = table.columns.map(({ title }) => printable(title));
  const rows = table.rows.map((row) => row.map(printable));
  const widths = columnWidths(document, [titles, ...rows], frame.width);
  const draw = (cells: readonly string[], isTitle: boolean): void => {
    document
      .font(isTitle ? 'Helvetica-Bold' : 'Helvetica')
      .fontSize(size)
      .fillColor('#1b1f24');
    const y = document.y + padding;
    const height = rowHeight(document, cells, widths);
    let x = frame.left;
    for (const [at, cell] of cells.entries()) {
      const align = table.columns[at]!.align;
      document.text(cell, x, y, { width: widths[at]! - gap, align, height: frame.bottom - y, ellipsis: true });
      x += widths[at]!;
    }
    document.y = y + height + padding;
    document.moveTo(frame.left, document.y).lineTo(frame.left + frame.width, document.y);
    document.strokeColor('#d0d7de').lineWidth(0.5).stroke();
  };
  draw(titles, true);
  for (const row of rows) {
    document.font('Helvetica').fontSize(size);
    if (document.y + rowHeight(document, row, widths) + 2 * padding > frame.bottom) {
      document.addPage();
      draw(titles, true);
    }
    draw(row, false);
  }
  document.x = frame.left;
}

function rowHeight(document: Doc, cells: readonly string[], widths: readonly number[]): number {
  return Math.max(
    ...cells.map((cell, at) => document.heightOfString(cell === '' ? ' ' : cell, { width: widths[at]! - gap })),
  );
}

/** Each column has room for its longest word; what is left goes to those whose cells want more. */
function columnWidths(document: Doc, rows: readonly (readonly string[])[], width: number): number[] {
  document.font('Helvetica-Bold').fontSize(size);
  const widthOf = (text: string): number => document.widthOfString(text.slice(0, cellCharsMax)) + gap + 1;
  const columns = rows[0]!.map((_, at) => rows.map((row) => row[at] ?? ''));
  const least = columns.map((cells) => Math.max(...cells.flatMap((cell) => cell.split(' ').map(widthOf))));
  const wanted = columns.map((cells) => Math.max(...cells.map(widthOf)));
  const [sumLeast, sumWanted] = [sum(least), sum(wanted)];
  if (sumWanted <= width || sumLeast >= width) {
    const [given, total] = sumWanted <= width ? [wanted, sumWanted] : [least, sumLeast];
    return given.map((part) => (part * width) / total);
  }
  const share = (width - sumLeast) / (sumWanted - sumLeast);
  return least.map((part, at) => part + (wanted[at]! - part) * share);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
