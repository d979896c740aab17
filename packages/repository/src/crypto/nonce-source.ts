import type { Random } from '../host/host.ts';
import { nonceBytes } from './seal.ts';

const drawnAtOnce = 256;

/** Nonces for one thread, drawn from the system many at a time: one call for each costs more than sealing a small blob. */
export class NonceSource {
  readonly #random: Random;
  #drawn: Buffer = Buffer.alloc(0);
  #used = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  /** 16 bytes, never all zero, never given twice. */
  next(): Buffer {
    for (;;) {
      if (this.#used >= this.#drawn.byteLength) {
        this.#drawn = this.#random.bytes(nonceBytes * drawnAtOnce);
        this.#used = 0;
      }
      const nonce = this.#drawn.subarray(this.#used, (this.#used += nonceBytes));
      if (nonce.some((byte) => byte !== 0)) return nonce;
    }
  }
}
