import type { ByteString } from '../format/bytestring.ts';
import type { FolderHandle, Handles } from '../host/handles.ts';

const openMax = 256;

/**
 * Folders below the target by their path from it (`a/b`, the target itself is empty), held open while they are in use.
 * A handle is good until the next `open`: the oldest may be closed then.
 */
export class TargetFolders {
  readonly #handles: Handles;
  readonly #root: FolderHandle;
  readonly #open = new Map<ByteString, FolderHandle>();

  constructor(handles: Handles, root: FolderHandle) {
    this.#handles = handles;
    this.#root = root;
  }

  /** Every name on the way is opened as a folder and never followed. */
  open(path: ByteString): FolderHandle {
    if (path === '') return this.#root;
    const known = this.#open.get(path);
    if (known !== undefined) {
      this.#open.delete(path);
      this.#open.set(path, known);
      return known;
    }
    const parent = this.open(parentOf(path));
    const handle = this.#handles.openFolder(parent, nameOf(path));
    this.#open.set(path, handle);
    if (this.#open.size > openMax) this.#closeOldest();
    return handle;
  }

  #closeOldest(): void {
    for (const [path, handle] of this.#open) {
      this.#open.delete(path);
      this.#handles.close(handle);
      return;
    }
  }

  /** Stays open until the caller closes it. */
  openOwn(path: ByteString): FolderHandle {
    return this.#handles.openFolder(this.open(path), '.' as ByteString);
  }

  /** Nothing below this path may be open any more: it is about to be removed. */
  forget(path: ByteString): void {
    for (const [open, handle] of this.#open) {
      if (open !== path && !open.startsWith(`${path}/`)) continue;
      this.#open.delete(open);
      this.#handles.close(handle);
    }
  }

  /** The root stays the caller's. */
  close(): void {
    for (const handle of this.#open.values()) this.#handles.close(handle);
    this.#open.clear();
  }
}

export function parentOf(path: ByteString): ByteString {
  return path.slice(0, Math.max(0, path.lastIndexOf('/'))) as ByteString;
}

export function nameOf(path: ByteString): ByteString {
  return path.slice(path.lastIndexOf('/') + 1) as ByteString;
}

export function childOf(folder: ByteString, name: ByteString): ByteString {
  return (folder === '' ? name : `${folder}/${name}`) as ByteString;
}
