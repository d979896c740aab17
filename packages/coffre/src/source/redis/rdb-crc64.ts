/** The sum at the end of an RDB file and of a DUMP payload: CRC-64/Jones, polynomial ad93d23594c935a9, from zero. */
import { Crc64Sum, crc64Tables } from '../crc64.ts';

/** Made once: a load sums every key by itself. */
const tables = crc64Tables(0x95ac9329ac4bc9b5n);

export class Crc64 extends Crc64Sum {
  constructor() {
    super(tables, 0);
  }

  /** Little-endian, as it is stored. */
  digest(): Buffer {
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64LE(this.value());
    return bytes;
  }
}
