/** What is there already: so that nothing right is fetched again, and nothing newer is overwritten. */
import { sha256Hex } from '../crypto/hash.ts';
import type { ByteString } from '../format/bytestring.ts';
import { compareTimestamps } from '../format/time.ts';
import type { FileHandle, Handles } from '../host/handles.ts';
import { codeOf } from '../host/native.ts';
import type { FileStat } from '../host/stat.ts';
import type { BlobId } from '../ids.ts';
import type { FileIdentity } from './file-writer.ts';
import type { Metadata, MetadataWriter } from './metadata.ts';
import type { Overwrite } from './options.ts';
import { nameOf, parentOf, type TargetFolders } from './target-folders.ts';

export type CompareTask = {
  readonly path: ByteString;
  readonly sizeBytes: number;
  readonly content: readonly BlobId[];
  /** Bytes of each blob; absent where the index does not know one. */
  readonly lengths: readonly number[] | undefined;
  readonly metadata: Metadata;
};

export type Verdict =
  | { readonly kind: 'absent' }
  /** The policy says hands off. */
  | { readonly kind: 'kept' }
  | { readonly kind: 'same' }
  /** Something else lies there and must go first. */
  | { readonly kind: 'obstacle' }
  | { readonly kind: 'differs'; readonly file: FileIdentity; readonly present: Uint8Array };

export type CompareRules = {
  readonly overwrite: Overwrite;
  /** A file that is right already still gets its metadata. */
  readonly applyMetadata: boolean;
};

export class FileComparer {
  readonly #handles: Handles;
  readonly #folders: TargetFolders;
  readonly #metadata: MetadataWriter;
  #buffer = Buffer.alloc(0);

  constructor(handles: Handles, folders: TargetFolders, metadata: MetadataWriter) {
    this.#handles = handles;
    this.#folders = folders;
    this.#metadata = metadata;
  }

  compare(task: CompareTask, rules: CompareRules): Verdict {
    const folder = this.#folders.open(parentOf(task.path));
    const name = nameOf(task.path);
    let stat: FileStat;
    try {
      stat = this.#handles.stat(folder, name);
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return { kind: 'absent' };
      throw error;
    }
    if (!mayOverwrite(rules.overwrite, task.metadata, stat)) return { kind: 'kept' };
    if (stat.type !== 'file') return { kind: 'obstacle' };
    let file: FileHandle;
    try {
      file = this.#handles.openFile(folder, name, 'read');
    } catch (error) {
      if (codeOf(error) !== 'EACCES') throw error;
      return { kind: 'obstacle' };
    }
    try {
      return this.#compareContent(file, task, rules);
    } finally {
      this.#handles.close(file);
    }
  }

  #compareContent(file: FileHandle, task: CompareTask, rules: CompareRules): Verdict {
    const stat = this.#handles.statOf(file);
    if (stat.type !== 'file') return { kind: 'obstacle' };
    const present = new Uint8Array(task.content.length);
    const trusted =
      rules.overwrite === 'if-changed' &&
      stat.sizeBytes === task.sizeBytes &&
      compareTimestamps(stat.mtime, task.metadata.mtime) === 0;
    if (trusted) present.fill(1);
    else if (task.lengths !== undefined) this.#compareBlobs(file, task.content, task.lengths, present);
    if (stat.sizeBytes === task.sizeBytes && present.every((hit) => hit === 1)) {
      if (rules.applyMetadata) this.#metadata.apply(file, task.metadata);
      return { kind: 'same' };
    }
    // Another name of this file must not change with it.
    if (stat.links !== 1) return { kind: 'obstacle' };
    return { kind: 'differs', file: { inode: stat.inode, deviceId: stat.deviceId }, present };
  }

  #compareBlobs(file: FileHandle, content: readonly BlobId[], lengths: readonly number[], present: Uint8Array): void {
    let position = 0;
    for (const [i, length] of lengths.entries()) {
      if (this.#buffer.length < length) this.#buffer = Buffer.allocUnsafeSlow(Math.max(length, 1024 * 1024));
      const got = this.#handles.read(file, this.#buffer, length, position);
      if (got < length) return;
      if (sha256Hex(this.#buffer.subarray(0, length)) === content[i]) present[i] = 1;
      position += length;
    }
  }
}

export function mayOverwrite(overwrite: Overwrite, wanted: Pick<Metadata, 'mtime'>, found: FileStat): boolean {
  switch (overwrite) {
    case 'always':
    case 'if-changed':
      return true;
    case 'if-newer':
      return compareTimestamps(wanted.mtime, found.mtime) > 0;
    case 'never':
      return false;
    default:
      return overwrite satisfies never;
  }
}
