import type { Backend } from '../backend/backend.ts';
import { createLaneEngine } from '../crypto/sha256-lanes/engine.ts';
import type { PackId } from '../ids.ts';
import { handedOver, PackMemory } from '../pack/pack-memory.ts';
import type { Repository } from '../repository.ts';
import { WorkerPool } from '../workers/pool.ts';
import { PackChecker, packsTogetherMax, packsTogetherMin } from './check-pack.ts';
import { packPayload, type ExpectedBlob, type PackPayload } from './check-payload.ts';

/** All packs that threads look at, at 16 MiB each the better part of the memory of a check. */
const packsInWorkMax = 8;

export type PackToRead = {
  readonly id: PackId;
  readonly sizeBytes: number;
  /** What the index says, ordered by offset. */
  readonly blobs: readonly ExpectedBlob[];
};

type Waiting = {
  readonly payload: PackPayload;
  readonly transfer: readonly ArrayBuffer[];
  readonly resolve: (problems: string[]) => void;
  readonly reject: (error: unknown) => void;
};

/** Who looks at packs: threads, or for a small check the calling one. */
export class CheckCrew implements AsyncDisposable {
  readonly #pool: WorkerPool | undefined;
  readonly #inline: PackChecker | undefined;
  /** What a thread takes in one go. */
  readonly #packsTogether: number;
  readonly #backend: Backend;
  readonly #memory: PackMemory;
  /** So many calls of `check` at once keep the threads busy. */
  readonly packsAtOnce: number;
  readonly #waiting: Waiting[] = [];
  /** Packs that are being read, with which a batch may still become full. */
  #reading = 0;

  constructor({ masterKey, host, backend }: Repository, threads: number) {
    this.#backend = backend;
    if (threads === 0) {
      this.#inline = new PackChecker(masterKey, undefined);
      this.#packsTogether = 1;
    } else {
      const lanes = createLaneEngine(() => host.clock.monotonicMs());
      const share = lanes === undefined ? 1 : Math.min(packsTogetherMax, Math.floor(packsInWorkMax / threads));
      this.#packsTogether = share < packsTogetherMin ? 1 : share;
      this.#pool = new WorkerPool(threads, { work: 'check', key: masterKey, lanes });
    }
    // Batches come while other threads are busy with theirs. A slow storage needs more on their way where there are none.
    const onTheirWay = this.#packsTogether > 1 ? 0 : Math.min(threads, Math.ceil(backend.connectionsMax / 4));
    this.packsAtOnce = Math.max(1, threads * this.#packsTogether + onTheirWay);
    this.#memory = new PackMemory(this.packsAtOnce);
  }

  /** Reads a pack. Resolves to one sentence for each problem; rejects when it cannot be read. */
  async check({ id, sizeBytes, blobs }: PackToRead): Promise<string[]> {
    const pack = await this.#read(id, sizeBytes);
    const { bytes, transfer } = handedOver(pack);
    const payload = packPayload(id, bytes, blobs);
    const problems =
      this.#inline === undefined
        ? await new Promise<string[]>((resolve, reject) => {
            this.#waiting.push({ payload, transfer, resolve, reject });
            this.#handOut();
          })
        : (this.#inline.check([payload])[0] as string[]);
    this.#memory.give(pack);
    return problems;
  }

  async #read(id: PackId, sizeBytes: number): Promise<Buffer> {
    this.#reading += 1;
    try {
      const pack = await this.#memory.load(this.#backend, { kind: 'data', name: id }, sizeBytes);
      this.#reading -= 1;
      return pack;
    } catch (error) {
      this.#reading -= 1;
      // Those that waited for this one to make a batch full go without it.
      this.#handOut();
      throw error;
    }
  }

  /** An idle thread takes a batch that is full, or all there is when nothing more is on its way. */
  #handOut(): void {
    for (const thread of this.#pool?.threads ?? []) {
      const isReady = this.#waiting.length >= this.#packsTogether || this.#reading === 0;
      if (!isReady || this.#waiting.length === 0) return;
      if (thread.load > 0) continue;
      const taken = this.#waiting.splice(0, this.#packsTogether);
      const transfer = taken.flatMap((one) => one.transfer);
      const payloads = taken.map(({ payload }) => payload);
      void thread
        .run<string[][]>('check-packs', payloads, transfer)
        .then(
          (answers) => taken.forEach(({ resolve }, i) => resolve(answers[i] as string[])),
          (error: unknown) => taken.forEach(({ reject }) => reject(error)),
        )
        .finally(() => this.#handOut());
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#inline?.[Symbol.dispose]();
    await this.#pool?.[Symbol.asyncDispose]();
  }
}
