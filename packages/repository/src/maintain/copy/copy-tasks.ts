/** What a thread does for a copy: open, prove, seal under the other key, pack. */
import { ZstdCodec } from '../../compress/zstd-codec.ts';
import { ChunkDigests } from '../../crypto/chunk-digests.ts';
import { NonceSource } from '../../crypto/nonce-source.ts';
import type { Random } from '../../host/host.ts';
import { systemRandom } from '../../host/system.ts';
import type { BlobId } from '../../ids.ts';
import type { BlobType } from '../../index/blob-table.ts';
import { BlobOpener } from '../../pack/blob-opener.ts';
import { BulkSealer } from '../../pack/bulk-sealer.ts';
import type { FinishedPack } from '../../pack/pack-buffer.ts';
import { asBuffer, hexAt, placeWords } from '../../pack/sealed-places.ts';
import { reviveKey, type AskOwner, type CopySetup, type TaskHandler } from '../../workers/tasks.ts';
import { type PackPayload } from '../check-payload.ts';
import { PackLine } from './pack-line.ts';

/** A finished pack, whose memory is the thread's again once the owner has answered. */
export type CopyEvent = { readonly kind: 'pack'; readonly pack: FinishedPack };

/** Of blobs that are open at a time. Larger batches would only be memory: parts are no larger. */
const batchBytes = 4 * 1024 * 1024;

/** Numbers of blobs that did not open to what they are called. */
export type CopyResult = { readonly broken: readonly number[] };

export function copyTasks(setup: CopySetup, ask: AskOwner): Record<string, TaskHandler> {
  return copyHandlers(new BlobCopier(setup, ask, systemRandom()));
}

export function copyHandlers(copier: BlobCopier): Record<string, TaskHandler> {
  return {
    copy: async (payload) => ({ result: await copier.copy(payload as PackPayload) }),
    flush: async () => ({ result: await copier.flush() }),
    close: async () => ({ result: copier.close() }),
  };
}

export class BlobCopier {
  readonly #setup: CopySetup;
  readonly #opener: BlobOpener;
  readonly #sealer: BulkSealer;
  readonly #lines: Readonly<Record<BlobType, PackLine>>;

  constructor(setup: CopySetup, ask: AskOwner, random: Random) {
    this.#setup = setup;
    this.#opener = new BlobOpener(reviveKey(setup.from), new ChunkDigests(setup.lanes), {
      keepsBodies: true,
      batchBytes,
    });
    this.#sealer = new BulkSealer(reviveKey(setup.to));
    const nonces = new NonceSource(random);
    const codec = new ZstdCodec();
    const { version, compression, packTargetBytes: targetBytes, packsUnderWay } = setup;
    const line = (type: BlobType): PackLine =>
      new PackLine(
        type,
        { sealer: this.#sealer, nonces, codec, version, compression, targetBytes },
        {
          packsUnderWay,
          handOver: async (pack) => void (await ask({ kind: 'pack', pack } satisfies CopyEvent)),
        },
      );
    this.#lines = { data: line('data'), tree: line('tree') };
  }

  async copy(payload: PackPayload): Promise<CopyResult> {
    const ids = asBuffer(payload.ids);
    const broken: number[] = [];
    const lines = Object.values(this.#lines);
    this.#opener.openEach(
      payload.bytes,
      payload,
      (number, plain, body) => {
        const type = payload.places[number * placeWords + 3] === 1 ? 'tree' : 'data';
        if (plain === undefined) broken.push(number);
        else this.#store(type, hexAt(ids, number) as BlobId, plain, body);
      },
      () => {
        for (const line of lines) line.sealSmall();
      },
    );
    for (const line of lines) await line.settle();
    return { broken };
  }

  #store(type: BlobType, id: BlobId, plain: Buffer, body: Buffer | undefined): void {
    const line = this.#lines[type];
    if (body !== undefined && this.#isWanted(type, plain, body)) line.appendPacked(id, body, plain.byteLength);
    else line.append(id, plain);
  }

  /** What is compressed well enough already is not compressed again; who asks for more than usual gets it. */
  #isWanted(type: BlobType, plain: Buffer, body: Buffer): boolean {
    const { version, compression } = this.#setup;
    if (version === 1 || body.byteLength + 4 >= plain.byteLength) return false;
    if (compression === 'off') return type === 'tree';
    return compression === 'auto' || compression === 'fastest';
  }

  /** Everything that was stored is with the owner. */
  async flush(): Promise<void> {
    for (const line of Object.values(this.#lines)) await line.flush();
    this.#sealer[Symbol.dispose]();
  }

  /** No more calls follow. */
  close(): void {
    this.#sealer[Symbol.dispose]();
    this.#opener[Symbol.dispose]();
  }
}
