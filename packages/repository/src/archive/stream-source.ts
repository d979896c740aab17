import type { ChunkProfile } from '../chunker/profile.ts';
import { CoffreError } from '../errors.ts';
import { toText, type ByteString } from '../format/bytestring.ts';
import type { BlobId } from '../ids.ts';
import { cleanPath } from './targets.ts';

/** One file whose content comes from a program or from memory instead of a disk. */
export type StreamSource = {
  /** Absolute path of the file in the snapshot: `/stdin`. */
  readonly path: ByteString;
  /**
   * A function is called when the turn of its stream has come and may start a program there; its signal aborts when the
   * backup fails elsewhere or is stopped. What the producer throws fails the backup.
   */
  readonly bytes: Uint8Array | AsyncIterable<Uint8Array> | ((signal: AbortSignal) => AsyncIterable<Uint8Array>);
  /** Settles when the producer has ended; a rejection means nothing is published. */
  readonly ended?: Promise<void>;
  /** How the content is cut; that of the backup when absent. */
  readonly profile?: ChunkProfile;
};

/** What became of a stream. */
export type SavedStream = {
  readonly path: ByteString;
  readonly sizeBytes: number;
  /** Of the whole content, in hexadecimal digits. */
  readonly sha256: string;
  readonly content: readonly BlobId[];
};

/**
 * Streams with clean paths, when every one of them has a place of its own.
 * @param folders absolute paths that are saved whole: what lies inside comes from the disk
 * @throws {CoffreError} USAGE
 */
export function placedStreams(streams: readonly StreamSource[], folders: readonly ByteString[]): StreamSource[] {
  const placed = streams.map((stream) => ({ ...stream, path: cleanPath(stream.path) }));
  const taken = new Set<string>(folders);
  for (const { path } of placed) {
    if (!path.startsWith('/') || path === '/') throw misplaced(path, 'is no absolute path of a file');
    if (taken.has(path)) throw misplaced(path, 'is saved already');
    taken.add(path);
  }
  for (const { path } of placed) {
    for (let at = path.lastIndexOf('/'); at > 0; at = path.lastIndexOf('/', at - 1)) {
      const above = path.slice(0, at);
      if (taken.has(above)) throw misplaced(path, `lies inside ${toText(above as ByteString)}, which is saved too`);
    }
  }
  return placed;
}

export function misplaced(path: ByteString, why: string): CoffreError {
  return new CoffreError('USAGE', `a stream cannot be saved as ${toText(path)}: the path ${why}`, {
    hint: 'Give the stream a path that nothing else has.',
  });
}
