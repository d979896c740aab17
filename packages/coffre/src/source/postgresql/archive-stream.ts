/** An archive on its way: its time is settled, its table of contents read, its end proved. */
import { CoffreError } from '@coffre/repository';
import { ArchiveBlocks } from './archive-blocks.ts';
import { freeSearchPath, isKnownVersion, readHead, settleTime, timeEndsBefore, type ArchiveHead } from './archive.ts';

/** More than any table of contents is; after that it would be no archive. */
const headBytesMax = 512 * 2 ** 20;

export type ArchiveListener = {
  /** Undefined for a version that is not known here: then only the tools can tell. */
  readonly onHead?: (head: ArchiveHead | undefined) => void;
  /** Whoever loads the bytes keeps a search path of their own. */
  readonly freesSearchPath?: boolean;
};

/**
 * The same bytes, with the time of creation settled.
 * @throws {CoffreError} SOURCE_INVALID when it is cut or no archive; the last bytes were given by then, the end was not
 */
export async function* followArchive(
  parts: AsyncIterable<Uint8Array>,
  { onHead = () => undefined, freesSearchPath = false }: ArchiveListener = {},
): AsyncGenerator<Uint8Array> {
  const reader = new HeadReader();
  let blocks: ArchiveBlocks | undefined;
  const begin = ({ head, bytes }: Begun): Buffer => {
    onHead(head);
    if (freesSearchPath) freeSearchPath(bytes);
    if (head !== undefined) {
      blocks = new ArchiveBlocks(head);
      blocks.add(bytes.subarray(head.lengthBytes));
    }
    return bytes;
  };
  for await (const part of parts) {
    if (!reader.isOpen) {
      blocks?.add(part);
      yield part;
      continue;
    }
    const begun = reader.add(part);
    if (begun !== undefined) yield begin(begun);
  }
  if (reader.isOpen) {
    // A small one is whole before the next try.
    const begun = reader.read();
    if (begun === undefined) throw cut('the dump ends before its table of contents does');
    yield begin(begun);
  }
  const fault = blocks?.fault();
  if (fault !== undefined) throw cut(fault);
}

function cut(why: string): CoffreError {
  return new CoffreError('SOURCE_INVALID', why, { hint: 'It was cut off: it is of no use as a backup.' });
}

type Begun = { readonly head: ArchiveHead | undefined; readonly bytes: Buffer };

/** Gathers bytes until the head is whole; tries again only when there is much more. */
class HeadReader {
  isOpen = true;
  #parts: Uint8Array[] = [];
  #sizeBytes = 0;
  #nextTryBytes = timeEndsBefore;

  add(part: Uint8Array): Begun | undefined {
    this.#parts.push(part);
    this.#sizeBytes += part.byteLength;
    return this.#sizeBytes < this.#nextTryBytes ? undefined : this.read();
  }

  read(): Begun | undefined {
    const bytes = Buffer.concat(this.#parts);
    const isKnown = isKnownVersion(bytes);
    const head = isKnown ? readHead(bytes) : undefined;
    if (isKnown && head === undefined) {
      if (this.#sizeBytes > headBytesMax) throw cut('the table of contents of the dump has no end');
      this.#parts = [bytes];
      this.#nextTryBytes = Math.min(this.#sizeBytes * 2, this.#sizeBytes + 2 ** 22);
      return undefined;
    }
    settleTime(bytes);
    this.isOpen = false;
    this.#parts = [];
    return { head, bytes };
  }
}
