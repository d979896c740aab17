/** Brings blobs from packs of the source into packs of the target, several reads at once. */
import { asError } from '../../errors.ts';
import type { BlobWriter } from '../../index/blob-writer.ts';
import type { IndexedRepository } from '../../index/indexed-repository.ts';
import { PackMemory } from '../../pack/pack-memory.ts';
import type { CopyCrew } from './crew.ts';
import { isBeyondUs, type Losses } from './losses.ts';
import type { CopyPart, CopyPlan, WantedBlob } from './plan.ts';

/** As many as are usually under way. */
const readsKept = 5;

export type MoverParts = {
  readonly from: IndexedRepository;
  readonly crew: CopyCrew;
  readonly writer: BlobWriter;
  readonly losses: Losses;
  readonly signal: AbortSignal | undefined;
  readonly moved: (part: CopyPart) => void;
};

export class BlobMover {
  readonly #parts: MoverParts;
  readonly #memory = new PackMemory(readsKept);
  #launching: Promise<void> = Promise.resolve();
  readonly #running = new Set<Promise<void>>();
  #failure: Error | undefined;

  constructor(parts: MoverParts) {
    this.#parts = parts;
  }

  /** Resolves when the plan before this one is under way: one is ahead, not more. */
  async submit(plan: CopyPlan): Promise<void> {
    const before = this.#launching;
    const launching = before.then(async () => await this.#launch(plan));
    launching.catch(() => undefined); // `drain` tells
    this.#launching = launching;
    await before;
  }

  async #launch({ parts }: CopyPlan): Promise<void> {
    const { crew, signal } = this.#parts;
    for (const part of parts) {
      await crew.admission.enter(part.length);
      if (this.#failure !== undefined || signal?.aborted === true) {
        crew.admission.leave(part.length);
        signal?.throwIfAborted();
        return;
      }
      const work: Promise<void> = this.#move(part)
        .catch((error: unknown) => {
          this.#failure ??= asError(error);
        })
        .finally(() => {
          crew.admission.leave(part.length);
          this.#running.delete(work);
        });
      this.#running.add(work);
    }
  }

  /** Everything submitted is in packs that fill or are stored; `lost` blobs excepted. */
  async drain(): Promise<void> {
    try {
      await this.#launching;
    } finally {
      await Promise.all(this.#running);
    }
    if (this.#failure !== undefined) throw this.#failure;
  }

  async #move(part: CopyPart): Promise<void> {
    const broken = await this.#moveTogether(part);
    for (const blob of broken) await this.#moveAlone(blob);
    this.#parts.moved(part);
  }

  async #moveTogether(part: CopyPart): Promise<readonly WantedBlob[]> {
    const { from, crew, signal } = this.#parts;
    let bytes: Buffer;
    try {
      const { offset, length } = part;
      const file = { kind: 'data', name: part.packId } as const;
      bytes = await this.#memory.load(from.repository.backend, file, length, {
        offset,
        length,
        ...(signal && { signal }),
      });
    } catch (error) {
      if (signal?.aborted === true || isBeyondUs(error)) throw error;
      return part.blobs;
    }
    const { broken } = await crew.copy(part, bytes);
    this.#memory.give(bytes);
    return broken.map((number) => part.blobs[number] as WantedBlob);
  }

  /** Read again, or from another pack that holds it. */
  async #moveAlone({ type, id }: WantedBlob): Promise<void> {
    const { from, writer, losses, signal } = this.#parts;
    signal?.throwIfAborted();
    let plain: Buffer;
    try {
      plain = await from.loadBlob(type, id);
    } catch (error) {
      if (isBeyondUs(error)) throw error;
      losses.add(id, asError(error));
      return;
    }
    await writer.saveBlob(type, plain);
  }
}
