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

/** What the longest cell needs, up to a bound; then as much for each as there is room. */
function columnWidths(document: Doc, rows: readonly (readonly string[])[], width: number): number[] {
  document.font('Helvetica-Bold').fontSize(size);
  const wanted = rows[0]!.map((_, at) =>
    Math.max(...rows.map((row) => document.widthOfString((row[at] ?? '').slice(0, cellCharsMax)) + gap + 1)),
  );
  const sum = wanted.reduce((total, want) => total + want, 0);
  return wanted.map((want) => (want * width) / sum);
}
