/** Files of one batch: made or opened, written at any position in any order, finished with their metadata. */
import { CoffreError } from '../errors.ts';
import type { ByteString } from '../format/bytestring.ts';
import type { U64 } from '../format/tree.ts';
import type { FileHandle, Handles } from '../host/handles.ts';
import type { Metadata, MetadataWriter } from './metadata.ts';
import { nameOf, parentOf, type TargetFolders } from './target-folders.ts';

/** Which file it was when we looked: what lies there now must be the same. */
export type FileIdentity = { readonly inode: U64; readonly deviceId: U64 };

export type FileTask = {
  readonly path: ByteString;
  readonly sizeBytes: number;
  /** Absent: the file is made. Present: it exists and is written in place. */
  readonly existing?: FileIdentity;
  /** Made by this restore, by an earlier batch: what was not written yet reads as zeros. */
  readonly isFresh?: boolean;
  /** Pieces of the file that this batch brings. */
  readonly writes: number;
  /** Present: with these pieces the file is whole, and this is set at the end. */
  readonly metadata?: Metadata;
};

export type WriteRules = { readonly sparse: boolean; readonly sync: boolean };

const openMax = 64;
const blockBytes = 4096;
const zeros = Buffer.alloc(blockBytes);

type OpenFile = { readonly handle: FileHandle; readonly isFresh: boolean };

export class FileWriter {
  readonly #handles: Handles;
  readonly #folders: TargetFolders;
  readonly #metadata: MetadataWriter;
  readonly #rules: WriteRules;
  readonly #open = new Map<FileTask, OpenFile>();
  /** New files that were closed between two pieces. */
  readonly #setAside = new Map<FileTask, FileIdentity>();

  constructor(handles: Handles, folders: TargetFolders, options: { metadata: MetadataWriter; rules: WriteRules }) {
    this.#handles = handles;
    this.#folders = folders;
    this.#metadata = options.metadata;
    this.#rules = options.rules;
  }

  open(task: FileTask): OpenFile {
    const known = this.#open.get(task);
    if (known !== undefined) return known;
    const folder = this.#folders.open(parentOf(task.path));
    const name = nameOf(task.path);
    const existing = task.existing ?? this.#setAside.get(task);
    const handle =
      existing === undefined ? this.#handles.createFile(folder, name) : this.#handles.openFile(folder, name, 'write');
    try {
      if (existing !== undefined) this.#prepareExisting(handle, existing);
    } catch (error) {
      this.#handles.close(handle);
      throw error;
    }
    const file: OpenFile = { handle, isFresh: task.existing === undefined || task.isFresh === true };
    if (this.#open.size >= openMax) this.#closeOldest();
    this.#open.set(task, file);
    return file;
  }

  #prepareExisting(handle: FileHandle, expected: FileIdentity): void {
    const stat = this.#handles.statOf(handle);
    if (stat.type !== 'file' || stat.inode !== expected.inode || stat.deviceId !== expected.deviceId) {
      throw new CoffreError('RESTORE_TARGET_REFUSED', 'the file was replaced by something else during the restore');
    }
    // Nobody may read the new content by the old, wider mode.
    if ((stat.stMode & 0o077) !== 0) this.#handles.setMode(handle, 0o600);
  }

  #closeOldest(): void {
    for (const [task, file] of this.#open) {
      this.#open.delete(task);
      if (task.existing === undefined) this.#setAside.set(task, this.#identity(file.handle));
      this.#handles.close(file.handle);
      return;
    }
  }

  #identity(handle: FileHandle): FileIdentity {
    const { inode, deviceId } = this.#handles.statOf(handle);
    return { inode, deviceId };
  }

  identityOf(task: FileTask): FileIdentity {
    return this.#identity(this.open(task).handle);
  }

  write(task: FileTask, bytes: Uint8Array, position: number): void {
    const { handle, isFresh } = this.open(task);
    // Existing files may hold data where the hole should be.
    if (this.#rules.sparse && isFresh) this.#writeAroundZeros(handle, bytes, position);
    else this.#handles.write(handle, bytes, position);
  }

  #writeAroundZeros(handle: FileHandle, bytes: Uint8Array, position: number): void {
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    let from = 0;
    // Blocks are those of the file, not of the piece.
    let block = Math.min(buffer.length, blockBytes - (position % blockBytes));
    for (let at = 0; at < buffer.length; at += block, block = Math.min(blockBytes, buffer.length - at)) {
      if (zeros.compare(buffer, at, at + block, 0, block) !== 0) continue;
      if (at > from) this.#handles.write(handle, buffer.subarray(from, at), position + from);
      from = at + block;
    }
    if (buffer.length > from) this.#handles.write(handle, buffer.subarray(from), position + from);
  }

  /** Makes the file as long as it will be, for pieces that come in any order. */
  reserve(task: FileTask): void {
    this.#handles.resize(this.open(task).handle, task.sizeBytes);
  }

  /** Closes a file; a whole one gets its metadata first. */
  finish(task: FileTask): void {
    const file = this.open(task);
    this.#open.delete(task);
    try {
      if (task.metadata === undefined) return;
      if (!file.isFresh || this.#rules.sparse) this.#handles.resize(file.handle, task.sizeBytes);
      this.#metadata.apply(file.handle, task.metadata);
      if (this.#rules.sync) this.#handles.sync(file.handle);
    } finally {
      this.#handles.close(file.handle);
    }
  }

  /** Leaves the file as it is. */
  abandon(task: FileTask): void {
    const file = this.#open.get(task);
    if (file === undefined) return;
    this.#open.delete(task);
    this.#handles.close(file.handle);
  }

  closeAll(): void {
    for (const { handle } of this.#open.values()) this.#handles.close(handle);
    this.#open.clear();
    this.#setAside.clear();
  }
}
