import { cellText } from './cell-text.ts';

const marks: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

/** Text for HTML and SVG, in elements and in attributes. */
export function escaped(text: string): string {
  return cellText(text).replaceAll(/[&<>"']/g, (mark) => marks[mark]!);
}
