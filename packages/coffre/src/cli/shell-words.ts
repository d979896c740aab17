import { usage } from './values.ts';

/**
 * Cuts a command line into words without a shell: quotes group, nothing is expanded. A backslash takes the next
 * character as it is; between double quotes only a quote, so that `printf "secret\n"` arrives as it does from restic;
 * between single quotes it is a character like any other.
 */
export function splitWords(line: string): string[] {
  const words: string[] = [];
  let word: string | undefined;
  let quote: '"' | "'" | undefined;
  for (let at = 0; at < line.length; at++) {
    const char = line.charAt(at);
    if (char === '\\' && (quote === undefined || (quote === '"' && line.charAt(at + 1) === '"'))) {
      at += 1;
      if (at === line.length) throw usage('the command ends with a backslash', 'Double it, or put the word in quotes.');
      word = (word ?? '') + line.charAt(at);
    } else if (quote !== undefined) {
      if (char === quote) quote = undefined;
      else word = (word ?? '') + char;
    } else if (char === '"' || char === "'") {
      quote = char;
      word ??= '';
    } else if (/\s/.test(char)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else {
      word = (word ?? '') + char;
    }
  }
  if (quote !== undefined) throw usage(`the command has an opening ${quote} and no closing one`);
  if (word !== undefined) words.push(word);
  if (words.length === 0) throw usage('the command is empty');
  return words;
}
