import { CoffreError } from '../errors.ts';

/**
 * Cuts a command line into words without a shell, as restic does for commands in options: quotes group, a backslash
 * outside of single quotes takes the next character as it is, nothing is expanded.
 * @param option whose value it is, for messages
 */
export function commandWords(line: string, option: string): string[] {
  const words: string[] = [];
  let word: string | undefined;
  let quote = '';
  for (let at = 0; at < line.length; at += 1) {
    let char = line.charAt(at);
    if (char === '\\' && quote !== "'") {
      at += 1;
      if (at === line.length) throw refused(`${option} ends with a backslash`);
      char = line.charAt(at);
    } else if (char === quote) {
      quote = '';
      continue;
    } else if (quote === '' && (char === '"' || char === "'")) {
      quote = char;
      word ??= '';
      continue;
    } else if (quote === '' && /\s/.test(char)) {
      if (word !== undefined) words.push(word);
      word = undefined;
      continue;
    }
    word = (word ?? '') + char;
  }
  if (quote !== '') throw refused(`${option} has an opening ${quote} and no closing one`);
  if (word !== undefined) words.push(word);
  return words;
}

function refused(message: string): CoffreError {
  return new CoffreError('USAGE', message, { hint: 'Check the quotes and the backslashes of the option.' });
}
