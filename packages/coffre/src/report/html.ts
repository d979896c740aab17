/** One file without scripts and without anything from elsewhere: opens from a mail, prints on A4, reads aloud. */
import { chartSvg } from './chart-svg.ts';
import type { ReportDocument, ReportSection, ReportTable } from './document.ts';
import { escaped } from './escaped.ts';
import { reportStyle } from './html-style.ts';

export function htmlReport(report: ReportDocument): string {
  const { language, title, subtitle, sentence, level, levelWord, figures, sections, footer } = report;
  return `<!doctype html>
<html lang="${language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="color-scheme" content="light dark">
<title>${escaped(`${title}, ${subtitle}`)}</title>
<style>${reportStyle}</style>
</head>
<body>
<header>
<h1>${escaped(title)}</h1>
<p class="days">${escaped(subtitle)}</p>
<p class="verdict ${level}"><strong>${escaped(levelWord)}</strong> ${escaped(sentence)}</p>
</header>
<main>
<dl class="figures">
${figures.map(({ label, value }) => `<div><dt>${escaped(label)}</dt><dd>${escaped(value)}</dd></div>`).join('\n')}
</dl>
${sections.map(sectionHtml).join('\n')}
</main>
<footer>${escaped(footer)}</footer>
</body>
</html>
`;
}

function sectionHtml({ id, heading, lines, table, charts = [] }: ReportSection): string {
  const parts = [
    `<section aria-labelledby="${id}">`,
    `<h2 id="${id}">${escaped(heading)}</h2>`,
    ...lines.map((line) => `<p>${escaped(line)}</p>`),
    ...(charts.length === 0 ? [] : [`<div class="charts">${charts.map(chartSvg).join('\n')}</div>`]),
    ...(table === undefined ? [] : [tableHtml(table, heading)]),
    '</section>',
  ];
  return parts.join('\n');
}

function tableHtml({ columns, rows }: ReportTable, heading: string): string {
  const side = (at: number): string => (columns[at]?.align === 'right' ? ' class="number"' : '');
  const head = columns.map(({ title }, at) => `<th scope="col"${side(at)}>${escaped(title)}</th>`).join('');
  const body = rows.map((row) => `<tr>${row.map((cell, at) => `<td${side(at)}>${escaped(cell)}</td>`).join('')}</tr>`);
  // A wide table scrolls by itself; the keyboard has to reach it for that.
  return `<div class="table" tabindex="0" role="region" aria-label="${escaped(heading)}"><table>
<thead><tr>${head}</tr></thead>
<tbody>
${body.join('\n')}
</tbody>
</table></div>`;
}
