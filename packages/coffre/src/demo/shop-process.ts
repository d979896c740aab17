/** Starts the writing process, waits for its first order, and stops it. */
import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { CoffreError } from '@coffre/repository';
import type { WriterReport } from './shop-writer.ts';

/** From source or compiled: the extension of this file is that of its neighbour. */
const writerPath = fileURLToPath(
  new URL(import.meta.url.endsWith('.ts') ? './shop-writer.ts' : './shop-writer.js', import.meta.url),
);

export class RunningShop {
  readonly #child: ChildProcess;
  readonly #stopped: Promise<number>;

  private constructor(child: ChildProcess) {
    this.#child = child;
    this.#stopped = new Promise((resolve) => {
      child.on('message', (message: WriterReport) => {
        if (message.kind === 'stopped') resolve(message.orders);
      });
      child.once('exit', () => resolve(0));
    });
  }

  /** Resolves when the first order has been written. */
  static async start(databasePath: string): Promise<RunningShop> {
    const child = fork(writerPath, [databasePath], { stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
    const complaints: string[] = [];
    child.stderr?.setEncoding('utf8').on('data', (text: string) => complaints.push(text));
    await new Promise<void>((resolve, reject) => {
      child.once('message', () => resolve());
      child.once('error', reject);
      child.once('exit', () => {
        reject(
          new CoffreError('HOST_UNSUPPORTED', 'the trial application could not start', {
            hint: 'Give folders of your own instead: coffre start PATH…',
            cause: new Error(complaints.join('')),
          }),
        );
      });
    });
    return new RunningShop(child);
  }

  /** How many orders were placed while it ran. */
  async stop(): Promise<number> {
    if (this.#child.connected) this.#child.send('stop');
    return this.#stopped;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}
