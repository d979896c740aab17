/**
 * The sum that mongodump writes for each namespace: CRC-64 with the ECMA polynomial, all ones at the start and inverted at
 * the end (Go's hash/crc64).
 */
import { Crc64Sum, crc64Tables, type Crc64Tables } from '../crc64.ts';

export type { Crc64Tables };

export function createCrc64Tables(): Crc64Tables {
  return crc64Tables(0xc96c5795d7870f42n);
}

export class Crc64 extends Crc64Sum {
  constructor(tables: Crc64Tables) {
    super(tables, -1);
  }

  /** Of all bytes so far, as the signed number that BSON holds. */
  digest(): bigint {
    return BigInt.asIntN(64, ~this.value());
  }
}
