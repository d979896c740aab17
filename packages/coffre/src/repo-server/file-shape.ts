/**
 * What can be told of an upload without a key: whether it can be a file of its kind at all.
 *
 *   keys                             JSON with scrypt costs that an honest client would use
 *   data                             ends in the length of a header that fits the size of the pack
 *   index, snapshots, locks, config  nonce (16, not all zero) ‖ at least one byte ‖ MAC (16)
 *
 * One file that no client can read stops restic's `restore`: whoever may only add files must not be able to add those.
 */
import {
  headerBytesMax,
  headerEntryBytes,
  headerLengthBytes,
  messageOf,
  parseKeyFile,
  sealOverheadBytes,
} from '@coffre/repository';
import type { FileHandle } from '@coffre/repository';

/** The parts of an upload that are looked at. */
export type UploadFacts = {
  readonly sizeBytes: number;
  readonly sha256: string;
  /** Up to `headBytesMax` bytes of the start. */
  readonly head: Uint8Array;
  /** The last four bytes, fewer of a smaller file. */
  readonly tail: Uint8Array;
};

/** Why the upload is refused; undefined when it may be what it says. */
export type JudgeUpload = (file: FileHandle, facts: UploadFacts) => string | undefined;

/** As the reader of keys has it. */
export const headBytesMax: number = 64 * 1024;
export const tailBytes: number = headerLengthBytes;

const kib = 1024;
const mib = 1024 * kib;
const nonceBytes = 16;

/** No client makes larger ones; places in a pack are 32-bit numbers. */
const sizeBytesMax: Readonly<Record<FileHandle['kind'], number>> = {
  data: 4096 * mib,
  index: 1024 * mib,
  snapshots: 256 * mib,
  keys: headBytesMax,
  locks: 64 * kib,
  config: 64 * kib,
};

export function largestUpload(file: FileHandle): number {
  return sizeBytesMax[file.kind];
}

/** The content has its name, and the shape of its kind. */
export const judgeUpload: JudgeUpload = (file, facts) => {
  if (file.kind !== 'config' && facts.sha256 !== file.name) return 'its content does not have this name';
  return judgeShape(file, facts);
};

function judgeShape(file: FileHandle, facts: UploadFacts): string | undefined {
  switch (file.kind) {
    case 'keys':
      return judgeKey(facts);
    case 'data':
      return judgePack(facts);
    case 'index':
    case 'snapshots':
    case 'locks':
    case 'config':
      return judgeSealed(facts);
    default:
      return file satisfies never;
  }
}

function judgeKey({ head, sizeBytes }: UploadFacts): string | undefined {
  if (sizeBytes > head.byteLength) return 'it is too large for a key';
  try {
    parseKeyFile(head);
    return undefined;
  } catch (error) {
    return `it is no key: ${messageOf(error)}`;
  }
}

function judgeSealed({ head, sizeBytes }: UploadFacts): string | undefined {
  if (sizeBytes <= sealOverheadBytes) return `${sizeBytes} bytes are too few for an encrypted file`;
  return hasNonce(head) ? undefined : 'it is not encrypted: its nonce is zero';
}

function judgePack({ head, tail, sizeBytes }: UploadFacts): string | undefined {
  if (tail.byteLength < headerLengthBytes) return `${sizeBytes} bytes are too few for a pack`;
  if (!hasNonce(head)) return 'it is not encrypted: its nonce is zero';
  const headerBytes = new DataView(tail.buffer, tail.byteOffset).getUint32(0, true);
  const entriesBytes = headerBytes - sealOverheadBytes;
  const blobs = entriesBytes > 0 && headerBytes <= headerBytesMax ? fewestEntries(entriesBytes) : undefined;
  if (blobs === undefined) return 'it does not end as a pack does';
  if (blobs * sealOverheadBytes + headerBytes + headerLengthBytes > sizeBytes) {
    return 'it is smaller than the header it claims to end with';
  }
  return undefined;
}

/** How few entries, plain and compressed ones, make exactly so many bytes; undefined when none do. */
function fewestEntries(bytes: number): number | undefined {
  const [plain, compressed] = [headerEntryBytes(false), headerEntryBytes(true)];
  for (let others = 0; others * plain <= bytes && others < compressed; others += 1) {
    const rest = bytes - others * plain;
    if (rest % compressed === 0) return others + rest / compressed;
  }
  return undefined;
}

function hasNonce(head: Uint8Array): boolean {
  return head.subarray(0, nonceBytes).some((byte) => byte !== 0);
}
