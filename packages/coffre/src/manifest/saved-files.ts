/** Contents of a snapshot, read back from the repository: every blob is authenticated and must match its id. */
import { createHash } from 'node:crypto';
import { dump, messageOf, walkTree, type BlobId, type ByteString, type IndexedRepository } from '@coffre/repository';

export type SavedFile = { readonly path: ByteString; readonly sizeBytes: number; readonly content: readonly BlobId[] };

const emptySha256 = createHash('sha256').digest('hex');
/** Bytes that wait for whoever reads slowly. */
const waitingPartsMax = 4;

/** In order of the tree. */
export async function listFiles(indexed: IndexedRepository, tree: BlobId): Promise<SavedFile[]> {
  const files: SavedFile[] = [];
  await walkTree(indexed, tree, {
    entry: (path, { type, size, content }) => {
      if (type === 'file') files.push({ path, sizeBytes: Number(size ?? 0), content: content ?? [] });
    },
  });
  return files;
}

/** Without reading: a file of one blob has the blob's own hash. */
export function knownSha256({ content }: SavedFile): string | undefined {
  if (content.length === 0) return emptySha256;
  return content.length === 1 ? content[0] : undefined;
}

export async function hashFile(
  indexed: IndexedRepository,
  tree: BlobId,
  path: ByteString,
  signal: AbortSignal,
): Promise<{ sha256: string; sizeBytes: number }> {
  const hash = createHash('sha256');
  let sizeBytes = 0;
  const output = async (bytes: Uint8Array): Promise<void> => {
    hash.update(bytes);
    sizeBytes += bytes.byteLength;
  };
  await dump(indexed, { tree, path, output, signal });
  return { sha256: hash.digest('hex'), sizeBytes };
}

/** The content of a file, at the pace of the reader. */
export async function* readFile(
  indexed: IndexedRepository,
  tree: BlobId,
  path: ByteString,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const waiting: Uint8Array[] = [];
  const left = new AbortController();
  let wakeReader = (): void => undefined;
  let wakeWriter = (): void => undefined;
  let ended = false;
  let failure: Error | undefined;
  const output = async (bytes: Uint8Array): Promise<void> => {
    waiting.push(bytes);
    wakeReader();
    while (waiting.length >= waitingPartsMax && !left.signal.aborted) {
      await new Promise<void>((resolve) => (wakeWriter = resolve));
    }
  };
  const whole = dump(indexed, { tree, path, output, signal: AbortSignal.any([signal, left.signal]) })
    .catch((error: unknown) => {
      failure = error instanceof Error ? error : new Error(messageOf(error));
    })
    .finally(() => {
      ended = true;
      wakeReader();
    });
  try {
    for (;;) {
      const part = waiting.shift();
      if (part !== undefined) {
        wakeWriter();
        yield part;
        continue;
      }
      if (failure !== undefined) throw failure;
      if (ended) return;
      await new Promise<void>((resolve) => (wakeReader = resolve));
    }
  } finally {
    left.abort();
    wakeWriter();
    await whole;
  }
}
