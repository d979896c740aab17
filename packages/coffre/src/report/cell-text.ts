import { withoutControls } from '../cli/output/display.ts';

/** One line of text that steers nothing. */
export function cellText(text: string): string {
  return withoutControls(text.replaceAll(/[\n\t]/g, ' '));
}
