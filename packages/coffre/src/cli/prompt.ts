/** Asking a person, or the first line of a pipe, for a password. */
import { CoffreError } from '@coffre/repository/opening';

export type InputStream = AsyncIterable<Uint8Array> & {
  readonly isTTY?: boolean;
  setRawMode?(raw: boolean): unknown;
  on(event: 'data', listener: (chunk: Buffer) => void): unknown;
  off(event: 'data', listener: (chunk: Buffer) => void): unknown;
  resume(): unknown;
  pause(): unknown;
};

const lineBytesMax = 64 * 1024;

/** The first line of stdin without its line end; the rest is not read. Empty at the end of the input. */
export async function readFirstLine(input: InputStream): Promise<string> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const chunk of input) {
    const end = chunk.indexOf(0x0a);
    parts.push(Buffer.from(end < 0 ? chunk : chunk.subarray(0, end)));
    size += chunk.byteLength;
    if (end >= 0) break;
    if (size > lineBytesMax) throw new CoffreError('USAGE', 'the first line of the input is too long for a password');
  }
  return Buffer.concat(parts).toString('utf8').replace(/\r$/, '');
}

const controls = {
  interrupt: 0x03,
  end: 0x04,
  backspace: 0x08,
  lineFeed: 0x0a,
  return: 0x0d,
  wipe: 0x15,
  delete: 0x7f,
};

/** Shows the question on stderr and reads one line without showing it. */
export async function askHidden(
  input: InputStream,
  stderr: { write(text: string): unknown },
  question: string,
  signal: AbortSignal,
): Promise<string> {
  signal.throwIfAborted();
  stderr.write(question);
  input.setRawMode?.(true);
  try {
    return await new Promise<string>((resolve, reject) => {
      const typed: number[] = [];
      const finish = (settle: () => void): void => {
        input.off('data', onData);
        signal.removeEventListener('abort', onAbort);
        input.pause();
        settle();
      };
      const interrupted = (): void =>
        reject(new CoffreError('INTERRUPTED', 'interrupted while asking for the password'));
      const onAbort = (): void => finish(interrupted);
      const onData = (chunk: Buffer): void => {
        for (const byte of chunk) {
          if (byte === controls.interrupt) return finish(interrupted);
          if (byte === controls.return || byte === controls.lineFeed || byte === controls.end) {
            return finish(() => resolve(Buffer.from(typed).toString('utf8')));
          }
          if (byte === controls.wipe) typed.length = 0;
          else if (byte === controls.delete || byte === controls.backspace) eraseCharacter(typed);
          else typed.push(byte);
        }
      };
      input.on('data', onData);
      signal.addEventListener('abort', onAbort);
      input.resume();
    });
  } finally {
    input.setRawMode?.(false);
    stderr.write('\n');
  }
}

/** Takes away a whole UTF-8 character: its continuation bytes and the byte before them. */
function eraseCharacter(typed: number[]): void {
  let last = typed.pop();
  while (last !== undefined && last >= 0x80 && last < 0xc0) last = typed.pop();
}
