import { CoffreError } from '@coffre/repository/opening';
import { truncate, withoutControls } from './display.ts';

/** What we need of `process.stdout` and `process.stderr`. */
export type OutputStream = {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(chunk: string | Uint8Array): boolean;
  once(event: 'drain' | 'error' | 'close', listener: () => void): unknown;
  off(event: 'drain' | 'error' | 'close', listener: () => void): unknown;
};

const bufferedCharsMax = 64 * 1024;

/**
 * Lines on stdout and stderr, and status lines that are redrawn in place below them while a terminal watches.
 * Lines of stdout are gathered and written together; `flush` before anything else writes to the same place.
 */
export class Terminal {
  readonly outputIsTerminal: boolean;
  readonly inputIsTerminal: boolean;
  /** Status lines can be redrawn: stdout is a terminal that knows cursor movement. */
  readonly canUpdateStatus: boolean;
  readonly #out: OutputStream;
  readonly #err: OutputStream;
  #pending: string[] = [];
  #pendingChars = 0;
  #status: readonly string[] = [];
  #isLost = false;

  constructor(doors: {
    stdout: OutputStream;
    stderr: OutputStream;
    inputIsTerminal: boolean;
    term: string | undefined;
  }) {
    this.#out = doors.stdout;
    this.#err = doors.stderr;
    doors.stdout.once('error', () => (this.#isLost = true));
    this.inputIsTerminal = doors.inputIsTerminal;
    this.outputIsTerminal = doors.stdout.isTTY === true;
    this.canUpdateStatus = this.outputIsTerminal && doors.term !== undefined && doors.term !== 'dumb';
  }

  /** Cells of a line. */
  get columns(): number {
    return this.#out.columns || 80;
  }

  /** A line on stdout; a missing line break is added. */
  print(line: string): void {
    this.#append(line.endsWith('\n') ? line : `${line}\n`);
  }

  /** Text on stdout as it is. */
  printPart(text: string): void {
    this.#append(text);
  }

  /** A line on stderr, after everything printed before it. */
  error(line: string): void {
    this.#clearStatus();
    this.flush();
    this.#err.write(`${withoutControls(line).replace(/\n$/, '')}\n`);
    this.#drawStatus();
  }

  /** Replaces the status lines. Where they cannot be redrawn, each is printed as a line. */
  setStatus(lines: readonly string[]): void {
    if (!this.canUpdateStatus) {
      for (const line of lines) this.print(line);
      this.flush();
      return;
    }
    this.#clearStatus();
    const width = this.columns - 2;
    this.#status = lines.map((line) => truncate(line, Math.max(10, width)));
    this.flush();
    this.#drawStatus();
  }

  flush(): void {
    if (this.#pending.length === 0) return;
    const text = this.#pending.join('');
    this.#pending = [];
    this.#pendingChars = 0;
    this.#out.write(text);
  }

  /**
   * Bytes to stdout as they are, waiting while the reader is slow.
   * @throws {CoffreError} RESTORE_INCOMPLETE when earlier ones could not be written
   */
  async writeRaw(bytes: Uint8Array): Promise<void> {
    if (this.#isLost) throw new CoffreError('RESTORE_INCOMPLETE', 'the output cannot be written');
    this.#clearStatus();
    this.flush();
    if (this.#out.write(bytes)) return;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        for (const event of ['drain', 'error', 'close'] as const) this.#out.off(event, done);
        resolve();
      };
      for (const event of ['drain', 'error', 'close'] as const) this.#out.once(event, done);
    });
  }

  #append(text: string): void {
    if (this.#status.length > 0) {
      this.#clearStatus();
      this.#out.write(text);
      this.#drawStatus();
      return;
    }
    this.#pending.push(text);
    this.#pendingChars += text.length;
    if (this.#pendingChars >= bufferedCharsMax || this.outputIsTerminal) this.flush();
  }

  #clearStatus(): void {
    if (this.#status.length === 0) return;
    // The cursor rests on the last status line: wipe it, then climb.
    this.#out.write(`\r\x1b[2K${'\x1b[1A\x1b[2K'.repeat(this.#status.length - 1)}`);
  }

  #drawStatus(): void {
    if (this.#status.length > 0) this.#out.write(this.#status.join('\n'));
  }
}
