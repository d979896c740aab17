/** The entries of an oplog between two runs of mongorestore: the first passes them, the second applies them. */
import { appendFileSync, createReadStream } from 'node:fs';
import { join } from 'node:path';
import { createPrivateFolder } from '../../platform/private-folder.ts';
import type { SourceContext } from '../source.ts';
import { archiveMagic } from './archive.ts';
import { bsonType, textElement, withElements } from './bson.ts';
import { Crc64, createCrc64Tables } from './crc64.ts';

const roomBytes = 16 * 1024 * 1024;
/** Written in pieces of this size. */
const heldBytesMax = 1024 * 1024;

export class OplogStore {
  readonly #folder;
  readonly #crc = new Crc64(createCrc64Tables());
  #held: Buffer[] = [];
  #heldBytes = 0;
  #entries = 0;

  constructor({ temporaryFolder }: Pick<SourceContext, 'temporaryFolder'>) {
    this.#folder = createPrivateFolder(temporaryFolder, roomBytes);
  }

  get entries(): number {
    return this.#entries;
  }

  get #path(): string {
    return join(this.#folder.path, 'oplog');
  }

  add(entry: Buffer): void {
    this.#crc.update(entry);
    this.#held.push(entry);
    this.#heldBytes += entry.byteLength;
    this.#entries += 1;
    if (this.#heldBytes > heldBytesMax) this.#write();
  }

  /** An archive with the oplog and nothing else. */
  async *archive(): AsyncGenerator<Uint8Array> {
    this.#write();
    const terminator = Buffer.alloc(4, 0xff);
    const magic = Buffer.alloc(4);
    magic.writeUInt32LE(archiveMagic);
    const header = withElements([
      integerElement('concurrent_collections', 1),
      ...Object.entries({ version: '0.1', server_version: '', tool_version: '' }).map((one) => textElement(...one)),
    ]);
    const names = [textElement('db', ''), textElement('collection', 'oplog')];
    const listed = withElements([
      ...names,
      textElement('metadata', ''),
      integerElement('size', 0),
      textElement('type', ''),
    ]);
    yield Buffer.concat([magic, header, listed, terminator, withElements([...names, ...blockEnd(false, 0n)])]);
    yield* createReadStream(this.#path);
    yield Buffer.concat([terminator, withElements([...names, ...blockEnd(true, this.#crc.digest())]), terminator]);
  }

  [Symbol.dispose](): void {
    this.#folder[Symbol.dispose]();
  }

  #write(): void {
    appendFileSync(this.#path, Buffer.concat(this.#held), { mode: 0o600 });
    this.#held = [];
    this.#heldBytes = 0;
  }
}

function blockEnd(isLast: boolean, sum: bigint): Buffer[] {
  const value = Buffer.alloc(8);
  value.writeBigInt64LE(sum);
  return [
    Buffer.concat([Buffer.of(bsonType.boolean), Buffer.from('EOF\0'), Buffer.of(isLast ? 1 : 0)]),
    Buffer.concat([Buffer.of(bsonType.int64), Buffer.from('CRC\0'), value]),
  ];
}

function integerElement(name: string, value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  return Buffer.concat([Buffer.of(bsonType.int32), Buffer.from(`${name}\0`), bytes]);
}
