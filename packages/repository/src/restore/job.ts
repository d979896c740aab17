import { CoffreError } from '../errors.ts';
import type { ByteString } from '../format/bytestring.ts';
import type { NodeType, TreeNode } from '../format/tree.ts';
import type { Accounts } from '../host/accounts.ts';
import type { Handles } from '../host/handles.ts';
import { codeOf } from '../host/native.ts';
import type { BlobId } from '../ids.ts';
import type { IndexedRepository } from '../index/indexed-repository.ts';
import type { RestoreCrew } from './crew.ts';
import type { FileWriter } from './file-writer.ts';
import { metadataOf, type Metadata, type MetadataWriter } from './metadata.ts';
import type { Overwrite, RestoreBudget, RestoreOptions } from './options.ts';
import type { RestoreAction, RestoreCounters } from './report.ts';
import { everythingSelected, type RestoreSelection } from './selection.ts';
import { childOf, nameOf, parentOf, type TargetFolders } from './target-folders.ts';

/** The target while it is written; absent in a dry run whose target does not exist. */
export type Target = { readonly handles: Handles; readonly folders: TargetFolders };

export type JobParts = {
  readonly indexed: IndexedRepository;
  readonly options: RestoreOptions;
  readonly budget: RestoreBudget;
  readonly counters: RestoreCounters;
  readonly target: Target | undefined;
  readonly metadata: MetadataWriter | undefined;
  readonly writer: FileWriter | undefined;
  readonly crew: RestoreCrew | undefined;
  readonly accounts: Accounts | undefined;
};

/** What the parts of one restore share. Paths are relative to the target. */
export class RestoreJob {
  readonly indexed: IndexedRepository;
  readonly options: RestoreOptions;
  readonly budget: RestoreBudget;
  readonly counters: RestoreCounters;
  readonly target: Target | undefined;
  readonly metadata: MetadataWriter | undefined;
  /** For the few files that this thread writes itself. */
  readonly writer: FileWriter | undefined;
  readonly crew: RestoreCrew | undefined;
  readonly overwrite: Overwrite;
  readonly selection: RestoreSelection;
  readonly isDryRun: boolean;
  readonly #accounts: Accounts | undefined;

  constructor(parts: JobParts) {
    this.indexed = parts.indexed;
    this.options = parts.options;
    this.budget = parts.budget;
    this.counters = parts.counters;
    this.target = parts.target;
    this.metadata = parts.metadata;
    this.writer = parts.writer;
    this.crew = parts.crew;
    this.overwrite = parts.options.overwrite ?? 'always';
    this.selection = parts.options.selection ?? everythingSelected;
    this.isDryRun = parts.options.dryRun === true;
    this.#accounts = parts.accounts;
  }

  metadataOf(node: TreeNode): Metadata {
    return metadataOf(node, { safe: this.options.safe === true, accounts: this.#accounts });
  }

  blobSize(id: BlobId): number | undefined {
    return this.indexed.blobSize('data', id);
  }

  throwIfAborted(): void {
    if (this.options.signal?.aborted !== true) return;
    throw new CoffreError('INTERRUPTED', 'the restore was stopped', {
      hint: 'Run the same command again: what is restored already is checked and not fetched again.',
      cause: this.options.signal.reason,
    });
  }

  /** One entry could not be restored; the rest goes on, unless the rest would fail in the same way. */
  fail(path: ByteString, error: unknown): void {
    this.counters.errors += 1;
    this.options.report?.({ kind: 'error', path: locationOf(path), error });
    const code = codeOf(error) ?? '';
    if (!['ENOSPC', 'EDQUOT', 'EROFS'].includes(code)) return;
    throw new CoffreError('RESTORE_INCOMPLETE', 'the restore stopped: the target takes no more data', {
      hint: 'Make room (or the file system writable) and run the same command again; nothing is fetched twice.',
      cause: error,
    });
  }

  item(action: RestoreAction, type: NodeType, path: ByteString, sizeBytes = 0): void {
    if (this.options.reportItems !== true) return;
    this.options.report?.({ kind: 'item', action, type, path: locationOf(path), sizeBytes });
  }

  restored(type: NodeType, path: ByteString, sizeBytes: number, action: 'restored' | 'updated' = 'restored'): void {
    this.counters.filesRestored += 1;
    this.item(action, type, path, sizeBytes);
  }

  restoredFurtherName(path: ByteString): void {
    this.counters.filesRestored += 1;
    if (this.options.reportItems !== true) return;
    const item = { kind: 'item', action: 'restored', type: 'file', path: locationOf(path), sizeBytes: 0 } as const;
    this.options.report?.({ ...item, isFurtherName: true });
  }

  skipped(type: NodeType, path: ByteString, sizeBytes = 0): void {
    this.counters.filesSkipped += 1;
    this.counters.bytesSkipped += sizeBytes;
    this.item('unchanged', type, path, sizeBytes);
  }

  /** Makes room for an entry of another type. A folder goes only when it is empty or `delete` was asked for. */
  clearWay(target: Target, path: ByteString): void {
    removeEntry(target, path, { recursive: this.options.delete === true });
  }
}

export function locationOf(path: ByteString): ByteString {
  return `/${path}` as ByteString;
}

/** Removes an entry and, when asked, everything below it, without following anything. `removed` hears each path. */
export function removeEntry(
  target: Target,
  path: ByteString,
  options: { recursive: boolean; removed?: (path: ByteString) => void },
): void {
  const { handles, folders } = target;
  const name = nameOf(path);
  if (handles.stat(folders.open(parentOf(path)), name).type === 'dir') {
    if (options.recursive) {
      for (const child of handles.listNames(folders.open(path))) removeEntry(target, childOf(path, child), options);
    }
    folders.forget(path);
    removeFolder(target, path);
  } else {
    handles.unlink(folders.open(parentOf(path)), name);
  }
  options.removed?.(path);
}

function removeFolder({ handles, folders }: Target, path: ByteString): void {
  try {
    handles.removeFolder(folders.open(parentOf(path)), nameOf(path));
  } catch (error) {
    if (codeOf(error) !== 'ENOTEMPTY' && codeOf(error) !== 'EEXIST') throw error;
    throw new CoffreError('RESTORE_TARGET_REFUSED', 'a folder that is not empty lies where something else belongs', {
      hint: 'Move it away, or let the restore remove it with --delete.',
      cause: error,
    });
  }
}
