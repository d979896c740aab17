/** What comes after the files: further names, links and special entries, deletions, and last the folders' own metadata. */
import { CoffreError } from '../errors.ts';
import { unixMode } from '../format/mode.ts';
import type { FolderHandle } from '../host/handles.ts';
import { codeOf } from '../host/native.ts';
import type { FileStat } from '../host/stat.ts';
import { mayOverwrite } from './compare.ts';
import { locationOf, removeEntry, type RestoreJob, type Target } from './job.ts';
import type { MetadataWriter } from './metadata.ts';
import { childOf, nameOf, parentOf } from './target-folders.ts';
import type { FolderEntry, LinkEntry, OtherEntry, WalkResult } from './walk.ts';
import type { ByteString } from '../format/bytestring.ts';

export function finishRestore(job: RestoreJob, walked: WalkResult): void {
  const { target, metadata } = job;
  each(job, walked.links, (entry) => restoreLink(job, target, entry));
  each(job, walked.others, (entry) => restoreOther(job, target, metadata, entry));
  each(job, walked.folders, (folder) => {
    if (target !== undefined && folder.expected !== undefined) deleteOthers(job, target, folder);
    if (folder.metadata === undefined) return;
    if (target !== undefined && metadata !== undefined && !job.isDryRun) {
      metadata.apply(target.folders.open(folder.path), folder.metadata, true);
    }
    job.restored('dir', folder.path, 0);
  });
  if (target === undefined || job.isDryRun || (job.options.sync ?? 'end') === 'never') return;
  for (const mount of walked.mounts) target.handles.syncAll(target.folders.open(mount));
}

function each<T extends { readonly path: ByteString }>(
  job: RestoreJob,
  entries: readonly T[],
  act: (entry: T) => void,
): void {
  for (const entry of entries) {
    job.throwIfAborted();
    try {
      act(entry);
    } catch (error) {
      job.fail(entry.path, error);
    }
  }
}

function statIfThere(target: Target, path: ByteString): FileStat | undefined {
  try {
    return target.handles.stat(target.folders.open(parentOf(path)), nameOf(path));
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** Several names for one file. */
function restoreLink(job: RestoreJob, target: Target | undefined, entry: LinkEntry): void {
  const found = target === undefined || !entry.mayExist ? undefined : statIfThere(target, entry.path);
  if (found !== undefined && !mayOverwrite(job.overwrite, entry.metadata, found))
    return job.skipped('file', entry.path);
  if (target !== undefined && !job.isDryRun) {
    const first = statIfThere(target, entry.first);
    if (first?.type !== 'file') {
      throw new CoffreError(
        'RESTORE_INCOMPLETE',
        `the file it is a further name of, ${locationOf(entry.first)}, is not there`,
      );
    }
    const isLinked = found?.inode === first.inode && found.deviceId === first.deviceId;
    if (!isLinked) {
      if (found !== undefined) job.clearWay(target, entry.path);
      link(target, entry);
    }
  }
  job.restoredFurtherName(entry.path);
}

function link({ handles, folders }: Target, { first, path }: LinkEntry): void {
  const from = folders.openOwn(parentOf(first));
  try {
    handles.makeLink(from, nameOf(first), folders.open(parentOf(path)), nameOf(path));
  } finally {
    handles.close(from);
  }
}

function restoreOther(
  job: RestoreJob,
  target: Target | undefined,
  metadata: MetadataWriter | undefined,
  { path, node, mayExist }: OtherEntry,
): void {
  const found = target === undefined || !mayExist ? undefined : statIfThere(target, path);
  if (found !== undefined && !mayOverwrite(job.overwrite, node, found)) return job.skipped(node.type, path);
  if (target !== undefined && metadata !== undefined && !job.isDryRun) {
    if (found === undefined || !isSameEntry(target, path, node, found)) {
      if (found !== undefined) job.clearWay(target, path);
      makeOther(target, path, node);
    }
    applyToEntry(job, target, metadata, { path, node });
  }
  job.restored(node.type, path, 0);
}

function isSameEntry(target: Target, path: ByteString, node: OtherEntry['node'], found: FileStat): boolean {
  if (found.type !== node.type) return false;
  if (node.type === 'symlink') {
    return target.handles.readLink(target.folders.open(parentOf(path)), nameOf(path)) === (node.linkTarget ?? '');
  }
  return node.type === 'fifo' || (isDevice(node) && found.rdev === (node.device ?? 0));
}

function makeOther({ handles, folders }: Target, path: ByteString, node: OtherEntry['node']): void {
  const folder: FolderHandle = folders.open(parentOf(path));
  if (node.type === 'symlink') {
    handles.makeSymlink(folder, nameOf(path), node.linkTarget ?? ('' as ByteString));
  } else if (node.type === 'fifo' || isDevice(node)) {
    handles.makeNode(folder, nameOf(path), (unixMode(0, node.type) & ~0o7777) | 0o600, node.device ?? 0);
  } else {
    throw new CoffreError('REPO_TREE_DAMAGED', `an entry of type ${node.type} cannot be restored`);
  }
}

function isDevice({ type }: OtherEntry['node']): boolean {
  return type === 'dev' || type === 'chardev';
}

function applyToEntry(
  job: RestoreJob,
  { handles, folders }: Target,
  metadata: MetadataWriter,
  { path, node }: Pick<OtherEntry, 'path' | 'node'>,
): void {
  const entry = handles.openEntry(folders.open(parentOf(path)), nameOf(path));
  try {
    if (handles.statOf(entry).type !== node.type) {
      throw new CoffreError('RESTORE_TARGET_REFUSED', 'the entry was replaced by something else during the restore');
    }
    metadata.apply(entry, job.metadataOf(node));
  } finally {
    handles.close(entry);
  }
}

function deleteOthers(job: RestoreJob, target: Target, { path, expected }: FolderEntry): void {
  for (const name of target.handles.listNames(target.folders.open(path))) {
    const child = childOf(path, name);
    if (expected?.has(name) === true || !job.selection(locationOf(child), false).selected) continue;
    const removed = (gone: ByteString): void => {
      job.counters.filesDeleted += 1;
      job.item('deleted', 'irregular', gone);
    };
    if (job.isDryRun) countBelow(target, child, removed);
    else removeEntry(target, child, { recursive: true, removed });
  }
}

function countBelow(target: Target, path: ByteString, removed: (path: ByteString) => void): void {
  const { handles, folders } = target;
  if (handles.stat(folders.open(parentOf(path)), nameOf(path)).type === 'dir') {
    for (const name of handles.listNames(folders.open(path))) countBelow(target, childOf(path, name), removed);
  }
  removed(path);
}
