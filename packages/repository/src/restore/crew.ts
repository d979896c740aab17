import { availableParallelism } from 'node:os';
import { createLaneEngine } from '../crypto/sha256-lanes/engine.ts';
import { assert } from '../errors.ts';
import type { Handles } from '../host/handles.ts';
import { PackMemory } from '../pack/pack-memory.ts';
import type { Repository } from '../repository.ts';
import { Admission } from '../workers/admission.ts';
import { WorkerPool } from '../workers/pool.ts';
import type { RestoreSetup, TaskHandler } from '../workers/tasks.ts';
import { restoreHandlers, RestoreWriter, type WritingSetup } from './restore-tasks.ts';

/** Below this many bytes to write, starting threads costs more than they bring. */
const inlineBytesMax = 4 * 1024 * 1024;
/** Sealed bytes under way at once: what a restore holds in memory, nearly. */
const bytesUnderWayMax = 56 * 1024 * 1024;
const tasksPerThread = 4;
/** Packs, nearly, and many more that are small. What is thrown away is garbage that the engine is in no hurry to collect. */
const packsKept = 8;

type Seat = { run<Result>(task: string, payload: unknown, transfer?: readonly ArrayBuffer[]): Promise<Result> };

/** The threads of one restore. Small jobs run in this thread; so does everything when the calls are handed in. */
export class RestoreCrew implements AsyncDisposable {
  readonly #repository: Repository;
  readonly #setup: WritingSetup;
  readonly #threads: number;
  readonly #ownHandles: boolean;
  readonly #writer: RestoreWriter;
  readonly #inline: Seat;
  #pool: WorkerPool | undefined;
  #bytesSeen = 0;
  readonly admission: Admission;
  readonly memory: PackMemory = new PackMemory(packsKept);

  constructor(
    repository: Repository,
    setup: WritingSetup,
    options: { threads: number | undefined; handles: Handles; ownHandles: boolean },
  ) {
    this.#repository = repository;
    this.#setup = setup;
    this.#threads = options.threads ?? Math.max(2, Math.min(8, availableParallelism()));
    this.admission = new Admission({
      bytesMax: bytesUnderWayMax,
      tasksMax: Math.max(1, this.#threads) * tasksPerThread,
    });
    this.#ownHandles = options.ownHandles;
    this.#writer = new RestoreWriter({ key: repository.masterKey, target: setup, lanes: undefined }, options.handles);
    const handlers = restoreHandlers(this.#writer);
    this.#inline = {
      run: async <Result>(task: string, payload: unknown): Promise<Result> => {
        const handler: TaskHandler | undefined = handlers[task];
        assert(handler !== undefined, `no restore task is called ${task}`);
        return (await handler(payload)).result as Result;
      },
    };
  }

  #seat(sizeBytes: number): Seat {
    this.#bytesSeen += sizeBytes;
    if (this.#pool !== undefined) return this.#pool;
    if (this.#ownHandles || this.#threads === 0 || this.#bytesSeen <= inlineBytesMax) return this.#inline;
    const { masterKey, host } = this.#repository;
    const lanes = createLaneEngine(() => host.clock.monotonicMs());
    const setup: RestoreSetup = { work: 'restore', key: masterKey, target: this.#setup, lanes };
    this.#pool = new WorkerPool(this.#threads, setup);
    return this.#pool;
  }

  async run<Result>(
    task: 'write' | 'compare',
    payload: unknown,
    options: { sizeBytes: number; transfer?: readonly ArrayBuffer[] },
  ): Promise<Result> {
    return await this.#seat(options.sizeBytes).run<Result>(task, payload, options.transfer);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#writer.close();
    if (this.#pool === undefined) return;
    // Handles are the process's: a thread that just ends would leave its own open.
    await Promise.allSettled(this.#pool.threads.map((thread) => thread.run('close', undefined)));
    await this.#pool[Symbol.asyncDispose]();
  }
}
