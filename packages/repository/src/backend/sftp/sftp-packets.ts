/**
 * Packets of SFTP version 3 (draft-ietf-secsh-filexfer-02), the version that OpenSSH speaks.
 *
 *     uint32  length of what follows
 *     byte    type
 *     uint32  request id (in INIT and VERSION the version instead)
 *     …       by type; a string is a uint32 length and its bytes
 */
import { CoffreError } from '../../errors.ts';

export const requestType = {
  init: 1,
  open: 3,
  close: 4,
  read: 5,
  write: 6,
  fstat: 8,
  fsetstat: 10,
  opendir: 11,
  readdir: 12,
  remove: 13,
  mkdir: 14,
  stat: 17,
  rename: 18,
  extended: 200,
} as const;

export type RequestType = keyof typeof requestType;

export const openFlags = { read: 0x01, write: 0x02, create: 0x08, exclusive: 0x20 } as const;

export const statusCode = { ok: 0, endOfFile: 1, noSuchFile: 2, denied: 3, failure: 4, unsupported: 8 } as const;

/** Larger ones are not SFTP: OpenSSH's own bound, which its servers keep in both directions. */
export const packetBytesMax = 256 * 1024;

export type Attributes = {
  readonly sizeBytes?: number;
  /** Type and permission bits, as in `stat`. */
  readonly mode?: number;
  readonly modifiedMs?: number;
};

export type NameEntry = { readonly name: string; readonly attributes: Attributes };

export type Reply =
  | { readonly kind: 'status'; readonly status: number; readonly message: string }
  | { readonly kind: 'handle'; readonly handle: Buffer }
  | { readonly kind: 'data'; readonly data: Buffer }
  | { readonly kind: 'names'; readonly entries: readonly NameEntry[] }
  | { readonly kind: 'attributes'; readonly attributes: Attributes }
  | { readonly kind: 'extended'; readonly payload: Buffer };

type Field = string | Uint8Array | { readonly uint32: number } | { readonly uint64: number };

/** Strings and bytes are written with their length before them. */
export function encodeRequest(type: RequestType, id: number, fields: readonly Field[]): Buffer {
  const sizeBytes = 9 + fields.reduce((sum, field) => sum + fieldBytes(field), 0);
  const packet = Buffer.allocUnsafe(sizeBytes);
  packet.writeUInt32BE(sizeBytes - 4, 0);
  packet.writeUInt8(requestType[type], 4);
  packet.writeUInt32BE(id, 5);
  let at = 9;
  for (const field of fields) at = writeField(packet, at, field);
  return packet;
}

/** A WRITE whose data is put in by `fill`, so that the bytes are copied once. */
export function encodeWrite(
  id: number,
  handle: Buffer,
  offset: number,
  length: number,
  fill: (into: Buffer) => void,
): Buffer {
  const headerBytes = 9 + 4 + handle.byteLength + 8 + 4;
  const packet = Buffer.allocUnsafe(headerBytes + length);
  packet.writeUInt32BE(packet.byteLength - 4, 0);
  packet.writeUInt8(requestType.write, 4);
  packet.writeUInt32BE(id, 5);
  const at = writeField(packet, writeField(packet, 9, handle), { uint64: offset });
  packet.writeUInt32BE(length, at);
  fill(packet.subarray(headerBytes));
  return packet;
}

export function encodeInit(): Buffer {
  return Buffer.from([0, 0, 0, 5, requestType.init, 0, 0, 0, 3]);
}

/** What the server can do beyond version 3: name to its version. */
export function decodeVersion(packet: Buffer): ReadonlyMap<string, string> {
  const reader = createReader(packet);
  if (reader.byte() !== 2) throw notSftp('it did not begin with a version');
  reader.uint32();
  const extensions = new Map<string, string>();
  while (!reader.atEnd()) extensions.set(reader.text(), reader.text());
  return extensions;
}

/** @param packet without its length; the reply keeps parts of it */
export function decodeReply(packet: Buffer): { id: number; reply: Reply } {
  const reader = createReader(packet);
  const type = reader.byte();
  return { id: reader.uint32(), reply: decodeBody(type, reader) };
}

function decodeBody(type: number, reader: PacketReader): Reply {
  switch (type) {
    case 101:
      // Old servers send no message.
      return { kind: 'status', status: reader.uint32(), message: reader.atEnd() ? '' : reader.text() };
    case 102:
      return { kind: 'handle', handle: reader.bytes() };
    case 103:
      return { kind: 'data', data: reader.bytes() };
    case 104:
      return { kind: 'names', entries: decodeNames(reader) };
    case 105:
      return { kind: 'attributes', attributes: decodeAttributes(reader) };
    case 201:
      return { kind: 'extended', payload: reader.rest() };
    default:
      throw notSftp(`it sent a packet of type ${type}`);
  }
}

function decodeNames(reader: PacketReader): NameEntry[] {
  const count = reader.uint32();
  const entries: NameEntry[] = [];
  for (let i = 0; i < count; i += 1) {
    const name = reader.text();
    reader.bytes();
    entries.push({ name, attributes: decodeAttributes(reader) });
  }
  return entries;
}

function decodeAttributes(reader: PacketReader): Attributes {
  const flags = reader.uint32();
  const sizeBytes = (flags & 0x1) === 0 ? undefined : reader.uint64();
  if ((flags & 0x2) !== 0) reader.uint64();
  const mode = (flags & 0x4) === 0 ? undefined : reader.uint32();
  let modifiedMs: number | undefined;
  if ((flags & 0x8) !== 0) {
    reader.uint32();
    modifiedMs = reader.uint32() * 1000;
  }
  if (flags >>> 31 === 1) for (let left = reader.uint32() * 2; left > 0; left -= 1) reader.bytes();
  return {
    ...(sizeBytes === undefined ? {} : { sizeBytes }),
    ...(mode === undefined ? {} : { mode }),
    ...(modifiedMs === undefined ? {} : { modifiedMs }),
  };
}

export type PacketReader = ReturnType<typeof createReader>;

export function createReader(packet: Buffer) {
  let at = 0;
  /** Where the next `size` bytes begin. */
  function take(size: number): number {
    if (size > packet.byteLength - at) throw notSftp('a packet ended too early');
    at += size;
    return at - size;
  }
  const reader = {
    atEnd: () => at === packet.byteLength,
    byte: () => packet.readUInt8(take(1)),
    uint32: () => packet.readUInt32BE(take(4)),
    uint64: () => Number(packet.readBigUInt64BE(take(8))),
    bytes: () => {
      const size = reader.uint32();
      const start = take(size);
      return packet.subarray(start, start + size);
    },
    text: () => reader.bytes().toString('utf8'),
    rest: () => packet.subarray(take(packet.byteLength - at)),
  };
  return reader;
}

function fieldBytes(field: Field): number {
  if (typeof field === 'string') return 4 + Buffer.byteLength(field);
  if (field instanceof Uint8Array) return 4 + field.byteLength;
  return 'uint32' in field ? 4 : 8;
}

function writeField(packet: Buffer, at: number, field: Field): number {
  if (typeof field === 'string') {
    const size = packet.write(field, at + 4);
    packet.writeUInt32BE(size, at);
    return at + 4 + size;
  }
  if (field instanceof Uint8Array) {
    packet.writeUInt32BE(field.byteLength, at);
    packet.set(field, at + 4);
    return at + 4 + field.byteLength;
  }
  if ('uint32' in field) return packet.writeUInt32BE(field.uint32, at);
  return packet.writeBigUInt64BE(BigInt(field.uint64), at);
}

export function notSftp(what: string): CoffreError {
  return new CoffreError('BACKEND_IO', `the other side does not speak SFTP: ${what}`, {
    hint: 'Check that the account may use SFTP, and that its shell prints nothing when it starts.',
  });
}
