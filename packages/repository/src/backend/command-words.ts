import { CoffreError } from '../errors.ts';

/**
 * Cuts a command line into words without a shell: quotes group, nothing is expanded. A backslash takes the next
 * character as it is; between double quotes only a quote, so that `printf "secret\n"` arrives as it does from restic;
 * between single quotes it is a character like any other. An empty line has no words.
 * @param what the line is, to begin a message: `the password command`, `-o rclone.args`
 * @throws {CoffreError} USAGE when a quote is not closed or a backslash is the last character
 */
export function commandWords(line: string, what: string): string[] {
  const words: string[] = [];
  let word: string | undefined;
  let quote: '"' | "'" | undefined;
  for (let at = 0; at < line.length; at += 1) {
    const char = line.charAt(at);
    if (char === '\\' && (quote === undefined || (quote === '"' && line.charAt(at + 1) === '"'))) {
      at += 1;
      if (at === line.length) throw refused(`${what} ends with a backslash`);
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
  if (quote !== undefined) throw refused(`${what} has an opening ${quote} and no closing one`);
  if (word !== undefined) words.push(word);
  return words;
}

function refused(message: string): CoffreError {
  return new CoffreError('USAGE', message, { hint: 'Close the quote, or double the backslash.' });
}
