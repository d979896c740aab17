import { asError } from '../../errors.ts';
import type { BlobId } from '../../ids.ts';
import type { BlobType } from '../../index/blob-table.ts';
import { PackBuffer, type FinishedPack, type PackOptions } from '../../pack/pack-buffer.ts';

export type PackLineDoors = {
  /** Resolves when the pack is stored and its memory free. */
  readonly handOver: (pack: FinishedPack) => Promise<void>;
  /** Finished packs that may wait for that at once. */
  readonly packsUnderWay: number;
};

/** Packs of one type, filled one after the other in one thread while the ones before are being stored. */
export class PackLine {
  readonly #type: BlobType;
  readonly #options: PackOptions;
  readonly #doors: PackLineDoors;
  #pack: PackBuffer;
  readonly #full: FinishedPack[] = [];
  readonly #handing = new Set<Promise<void>>();
  #failure: Error | undefined;
  readonly #spare: SharedArrayBuffer[] = [];

  constructor(type: BlobType, options: PackOptions, doors: PackLineDoors) {
    this.#type = type;
    this.#options = options;
    this.#doors = doors;
    this.#pack = new PackBuffer(type, options);
  }

  /** As with a `PackBuffer`, `plain` must stay as it is until the next `sealSmall`. */
  append(id: BlobId, plain: Uint8Array): void {
    this.#pack.append(id, plain);
    this.#closeFull();
  }

  appendPacked(id: BlobId, body: Uint8Array, uncompressedLength: number): void {
    this.#pack.appendPacked(id, body, uncompressedLength);
    this.#closeFull();
  }

  sealSmall(): void {
    this.#pack.sealSmall();
  }

  #closeFull(): void {
    if (this.#pack.isFull) this.#close();
  }

  #close(): void {
    this.#full.push(this.#pack.finish());
    this.#pack = new PackBuffer(this.#type, this.#options, () => this.#spare.pop());
  }

  /** Hands over what is full; waits while too much is under way. */
  async settle(): Promise<void> {
    for (let pack = this.#full.shift(); pack !== undefined; pack = this.#full.shift()) {
      while (this.#handing.size >= this.#doors.packsUnderWay) await Promise.race(this.#handing);
      this.#send(pack);
    }
    if (this.#failure !== undefined) throw this.#failure;
  }

  #send(pack: FinishedPack): void {
    const handing: Promise<void> = this.#doors
      .handOver(pack)
      .then(
        () => void this.#spare.push(pack.buffer),
        (error: unknown) => {
          this.#failure ??= asError(error);
        },
      )
      .finally(() => this.#handing.delete(handing));
    this.#handing.add(handing);
  }

  async flush(): Promise<void> {
    if (!this.#pack.isEmpty) this.#close();
    await this.settle();
    await Promise.all(this.#handing);
    await this.settle();
    this.#spare.length = 0;
  }
}
