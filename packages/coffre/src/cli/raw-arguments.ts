/**
 * Arguments are bytes, and Node gives them as text in which every byte that is not UTF-8 became U+FFFD. Such bytes are
 * carried through the text (`carriedText`), and turned back where a path or a pattern is needed.
 */
import { carriedText } from '@coffre/repository/opening';
import type { ByteString } from '@coffre/repository';

/**
 * @param argv as Node gives it
 * @param readCommandLine all arguments of the process with a zero byte after each; asked only when a byte was lost
 */
export function restoreArguments(argv: readonly string[], readCommandLine: () => Uint8Array | undefined): string[] {
  if (!argv.some((argument) => argument.includes('\ufffd'))) return [...argv];
  const bytes = readCommandLine();
  if (bytes === undefined) return [...argv];
  const raw = Buffer.from(bytes).toString('latin1').replace(/\0$/, '').split('\0').slice(-argv.length);
  return argv.map((argument, at) =>
    argument.includes('\ufffd') ? carriedText((raw[at] ?? argument) as ByteString) : argument,
  );
}
