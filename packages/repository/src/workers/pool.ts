import { Worker } from 'node:worker_threads';
import { asError, CoffreError, type ErrorCode } from '../errors.ts';

/**
 * Threads that do the hot work. One file (`worker.ts`) serves all kinds of task; a task is a function of plain data.
 *
 *   main -> worker   { seq, task, payload }                    buffers move, nothing is copied that is large
 *   worker -> main   { seq, result } | { seq, error }          the answer
 *   worker -> main   { seq: -1 - n, event }                    something for the owner in the middle of a task
 *   main -> worker   { seq: -1 - n, result | error }           the owner's answer to that event
 */
export type WireError = { name: string; code?: string; message: string; hint?: string };

export function errorToWire(error: unknown): WireError {
  if (!(error instanceof Error)) return { name: 'Error', message: String(error) };
  const { code, hint } = error as { code?: unknown; hint?: unknown };
  return {
    name: error.name,
    message: error.message,
    ...(typeof code === 'string' ? { code } : {}),
    ...(typeof hint === 'string' ? { hint } : {}),
  };
}

export function errorFromWire(wire: WireError): Error {
  if (wire.name === 'CoffreError') {
    return new CoffreError(wire.code as ErrorCode, wire.message, wire.hint === undefined ? {} : { hint: wire.hint });
  }
  const error: Error & { code?: string } = new Error(wire.message);
  error.name = wire.name;
  if (wire.code !== undefined) error.code = wire.code;
  return error;
}

type Pending = { resolve: (value: unknown) => void; reject: (error: unknown) => void };
type Incoming = { seq: number; result?: unknown; error?: WireError; event?: unknown };

/** The file beside this one, compiled or not. */
function workerFile(): URL {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  return new URL(`./worker.${extension}`, import.meta.url);
}

export class WorkerThread {
  readonly #worker: Worker;
  readonly #pending = new Map<number, Pending>();
  #seq = 0;
  #broken: Error | undefined;
  /** Tasks sent and not answered. */
  get load(): number {
    return this.#pending.size;
  }
  onEvent: (event: unknown) => Promise<unknown> = async () => undefined;

  constructor(setup: unknown) {
    this.#worker = new Worker(workerFile(), {
      workerData: setup,
      stdin: false,
      resourceLimits: { maxYoungGenerationSizeMb: 4 },
    });
    this.#worker.unref();
    this.#worker.on('message', (message: Incoming) => this.#receive(message));
    this.#worker.on('error', (error: unknown) => this.#fail(asError(error)));
    this.#worker.on('exit', () => this.#fail(new CoffreError('INTERNAL', 'a worker thread ended by itself')));
  }

  async run<Result>(task: string, payload: unknown, transfer: readonly ArrayBuffer[] = []): Promise<Result> {
    if (this.#broken !== undefined) throw this.#broken;
    const seq = this.#seq++;
    // Only a thread that owes an answer keeps the process alive.
    if (this.#pending.size === 0) this.#worker.ref();
    const answer = new Promise((resolve, reject) => this.#pending.set(seq, { resolve, reject }));
    this.#worker.postMessage({ seq, task, payload }, [...transfer]);
    return (await answer) as Result;
  }

  #receive(message: Incoming): void {
    if (message.seq < 0) {
      void this.#answerEvent(message.seq, message.event);
      return;
    }
    const pending = this.#pending.get(message.seq);
    if (pending === undefined) return;
    this.#pending.delete(message.seq);
    if (this.#pending.size === 0) this.#worker.unref();
    if (message.error === undefined) pending.resolve(message.result);
    else pending.reject(errorFromWire(message.error));
  }

  async #answerEvent(seq: number, event: unknown): Promise<void> {
    try {
      const result = await this.onEvent(event);
      const transfer = result instanceof ArrayBuffer ? [result] : [];
      this.#worker.postMessage({ seq, result }, transfer);
    } catch (error) {
      this.#worker.postMessage({ seq, error: errorToWire(error) });
    }
  }

  #fail(error: Error): void {
    this.#broken ??= error;
    for (const pending of this.#pending.values()) pending.reject(error);
    this.#pending.clear();
  }

  async close(): Promise<void> {
    this.#broken ??= new CoffreError('INTERNAL', 'a worker thread was used after it was closed');
    await this.#worker.terminate();
  }
}

/** A few threads with the same set-up; each task goes to the least loaded. */
export class WorkerPool implements AsyncDisposable {
  readonly threads: readonly WorkerThread[];

  constructor(count: number, setup: unknown) {
    this.threads = Array.from({ length: Math.max(1, count) }, () => new WorkerThread(setup));
  }

  get leastLoaded(): WorkerThread {
    return this.threads.reduce((best, thread) => (thread.load < best.load ? thread : best));
  }

  async run<Result>(task: string, payload: unknown, transfer: readonly ArrayBuffer[] = []): Promise<Result> {
    return await this.leastLoaded.run<Result>(task, payload, transfer);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.threads.map((thread) => thread.close()));
  }
}
