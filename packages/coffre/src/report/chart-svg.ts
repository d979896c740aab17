/** Bars as a picture. Screen readers are told the title only: the table beside it has every number. */
import type { ReportChart } from './document.ts';
import { escaped } from './escaped.ts';

const [width, height, floor] = [320, 96, 78];

export function chartSvg({ title, bars }: ReportChart): string {
  const most = Math.max(...bars.map(({ value }) => value), 0);
  const step = width / bars.length;
  const rects = bars.map(({ label, value, text }, at) => {
    const tall = most === 0 ? 0 : Math.max(value > 0 ? 1 : 0, (value / most) * (floor - 8));
    const place = `x="${round(at * step + step * 0.1)}" y="${round(floor - tall)}" width="${round(step * 0.8)}" height="${round(tall)}"`;
    return `<rect ${place}><title>${escaped(`${label}: ${text}`)}</title></rect>`;
  });
  const [first, last] = [bars[0]?.label ?? '', bars.at(-1)?.label ?? ''];
  const peak = bars.find(({ value }) => value === most);
  return `<figure>
<figcaption>${escaped(title)}${peak === undefined || most === 0 ? '' : ` <small>max ${escaped(peak.text)}</small>`}</figcaption>
<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${escaped(title)}">
<line x1="0" y1="${floor}" x2="${width}" y2="${floor}"/>
${rects.join('\n')}
<text x="0" y="${height - 4}">${escaped(first)}</text>
<text x="${width}" y="${height - 4}" text-anchor="end">${escaped(last)}</text>
</svg>
</figure>`;
}

function round(value: number): string {
  return String(Math.round(value * 10) / 10);
}
