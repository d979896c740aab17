/** The report on A4, as text that can be searched and copied. The library is loaded with this file, when one is asked for. */
import Pdf from 'pdfkit';
import type { ReportChart, ReportDocument, ReportSection } from './document.ts';
import { drawTable } from './pdf-table.ts';
import { printable } from './pdf-text.ts';

const margin = 40;
const colours = { ok: '#1a7f37', warning: '#9a6700', critical: '#cf222e', unknown: '#6639ba' } as const;
const ink = '#1b1f24';
const soft = '#57606a';
const line = '#d0d7de';
const bar = '#0969da';

/** @param createdMs stands in the file; the same report is then the same file */
export async function pdfReport(report: ReportDocument, createdMs: number): Promise<Uint8Array> {
  const document = new Pdf({
    size: 'A4',
    margin,
    bufferPages: true,
    lang: report.language,
    displayTitle: true,
    info: { Title: report.title, Subject: report.subtitle, CreationDate: new Date(createdMs) },
  });
  const chunks: Uint8Array[] = [];
  document.on('data', (chunk: Uint8Array) => chunks.push(chunk));
  const ended = new Promise<void>((resolve, reject) => {
    document.on('end', resolve);
    document.on('error', reject);
  });
  drawHead(document, report);
  for (const section of report.sections) drawSection(document, section);
  drawFooters(document, report.footer);
  document.end();
  await ended;
  return Buffer.concat(chunks);
}

type Doc = InstanceType<typeof Pdf>;

function contentWidth(document: Doc): number {
  return document.page.width - 2 * margin;
}

function drawHead(document: Doc, report: ReportDocument): void {
  document.font('Helvetica-Bold').fontSize(18).fillColor(ink).text(printable(report.title));
  document.font('Helvetica').fontSize(10).fillColor(soft).text(printable(report.subtitle)).moveDown(0.6);
  const top = document.y;
  document.font('Helvetica-Bold').fontSize(11).fillColor(colours[report.level]);
  document.text(printable(report.levelWord), margin + 10, top, { continued: true });
  document.fillColor(ink).text(printable(`  ${report.sentence}`));
  document.rect(margin, top - 3, 4, document.y - top + 4).fill(colours[report.level]);
  document.x = margin;
  document.moveDown(0.8);
  drawFigures(document, report.figures);
}

function drawFigures(document: Doc, figures: ReportDocument['figures']): void {
  const columns = 2;
  const width = contentWidth(document) / columns;
  const top = document.y;
  for (const [index, { label, value }] of figures.entries()) {
    const [x, y] = [margin + (index % columns) * width, top + Math.floor(index / columns) * 30];
    document
      .font('Helvetica')
      .fontSize(8)
      .fillColor(soft)
      .text(printable(label), x, y, { width: width - 8 });
    document.font('Helvetica-Bold').fontSize(11).fillColor(ink);
    document.text(printable(value), x, y + 10, { width: width - 8, lineBreak: false, ellipsis: true });
  }
  document.x = margin;
  document.y = top + Math.ceil(figures.length / columns) * 30;
}

function drawSection(document: Doc, { heading, lines, table, charts = [] }: ReportSection): void {
  const needed = charts.length > 0 ? 180 : 80;
  if (document.y > document.page.height - margin - needed) document.addPage();
  document.moveDown(0.8).font('Helvetica-Bold').fontSize(12).fillColor(ink).text(printable(heading), margin);
  document.moveDown(0.2).font('Helvetica').fontSize(9);
  for (const sentence of lines) document.fillColor(soft).text(printable(sentence), margin);
  if (charts.length > 0) drawCharts(document, charts);
  if (table !== undefined) {
    drawTable(document, table, {
      left: margin,
      width: contentWidth(document),
      bottom: document.page.height - margin - 14,
    });
  }
}

function drawCharts(document: Doc, charts: readonly ReportChart[]): void {
  const [width, tall] = [contentWidth(document) / charts.length, 60];
  const top = document.y + 4;
  for (const [index, { title, bars }] of charts.entries()) {
    const left = margin + index * width;
    document
      .font('Helvetica')
      .fontSize(8)
      .fillColor(soft)
      .text(printable(title), left, top, { width: width - 10 });
    const floor = top + 14 + tall;
    const most = Math.max(...bars.map(({ value }) => value), 0);
    const step = (width - 10) / bars.length;
    for (const [at, { value }] of bars.entries()) {
      const height = most === 0 ? 0 : (value / most) * tall;
      if (height > 0) document.rect(left + at * step + step * 0.1, floor - height, step * 0.8, height).fill(bar);
    }
    document
      .moveTo(left, floor)
      .lineTo(left + width - 10, floor)
      .strokeColor(line)
      .lineWidth(0.5)
      .stroke();
    const peak = bars.find(({ value }) => value === most);
    const ends = `${bars[0]?.label ?? ''}${most > 0 && peak !== undefined ? `   max ${peak.text}` : ''}`;
    document
      .fontSize(7)
      .fillColor(soft)
      .text(printable(ends), left, floor + 3, { width: width - 10 });
  }
  document.x = margin;
  document.y = top + 14 + tall + 18;
}

function drawFooters(document: Doc, footer: string): void {
  const { start, count } = document.bufferedPageRange();
  for (let page = start; page < start + count; page += 1) {
    document.switchToPage(page);
    // Below the margin, where text would otherwise begin a new page.
    document.page.margins.bottom = 0;
    const y = document.page.height - margin + 8;
    document.font('Helvetica').fontSize(7).fillColor(soft);
    document.text(printable(footer), margin, y, { lineBreak: false });
    document.text(`${page - start + 1}/${count}`, margin, y, { width: contentWidth(document), align: 'right' });
    document.page.margins.bottom = margin;
  }
}
