import { cellText } from './cell-text.ts';

/** What the fonts that every reader of PDF has can show beside Latin-1: Windows-1252. */
const further = '€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ';

/** Characters that the fonts lack are written as their number, so that two names never look alike. */
export function printable(text: string): string {
  return cellText(text).replaceAll(/[^\x20-\x7e\xa0-\xff]/gu, (char) =>
    further.includes(char) ? char : `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`,
  );
}
