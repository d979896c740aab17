import { posix } from 'node:path';
import { CoffreError, isCoffreError } from '../../errors.ts';
import type { Gate } from '../limits/throttle.ts';
import {
  canReplace,
  closeHandle,
  createNew,
  flush,
  freeSpace,
  makeFolder,
  openToRead,
  removePath,
  renamePath,
  setMode,
  statPath,
} from './sftp-calls.ts';
import { isStatus, SftpStatusError, storageFull } from './sftp-errors.ts';
import type { SftpSession } from './sftp-session.ts';
import { bytesOf, writeParts } from './sftp-transfer.ts';

export type SaveOptions = {
  /** `saving data/00…`, for messages */
  readonly what: string;
  readonly location: string;
  /** Folder of the repository. */
  readonly root: string;
  readonly temporary: string;
  readonly place: string;
  readonly folderMode: number;
  readonly fileMode: number;
  readonly signal?: AbortSignal;
  /** Bandwidth limit. */
  readonly gate?: Gate | undefined;
};

/**
 * Writes under the temporary name, flushes, renames, and flushes the folder: at every moment the final name is absent,
 * or has the old whole content, or the new. On failure the temporary file is gone, if the server still answers.
 */
export async function saveWhole(
  session: SftpSession,
  parts: readonly Uint8Array[],
  options: SaveOptions,
): Promise<void> {
  const { temporary, place, fileMode, signal, gate } = options;
  const folder = posix.dirname(place);
  let handle: Buffer | undefined;
  try {
    handle = await createInFolder(session, options);
    await writeParts(session, handle, parts, { signal, gate });
    const written = handle;
    handle = undefined;
    // In one go: the server keeps the order of requests of one file.
    await Promise.all([
      // Some file systems have no modes; the file is whole all the same.
      setMode(session, written, fileMode).catch(ignoreStatus),
      flush(session, written),
      closeHandle(session, written),
    ]);
    signal?.throwIfAborted();
    await publish(session, options);
  } catch (error) {
    const full = await isFull(session, error, options.root, bytesOf(parts));
    if (handle !== undefined) await closeHandle(session, handle).catch(() => undefined);
    await removePath(session, temporary).catch(() => undefined);
    throw full ? storageFull(options.what, options.location, error) : error;
  }
  await flushFolder(session, folder);
}

/** A missing folder is made once; that it exists is made durable too. */
async function createInFolder(session: SftpSession, { temporary, folderMode }: SaveOptions): Promise<Buffer> {
  try {
    return await createNew(session, temporary, 0o600);
  } catch (error) {
    if (!isStatus(error, 'noSuchFile')) throw error;
  }
  await makeFolders(session, posix.dirname(temporary), folderMode);
  return createNew(session, temporary, 0o600);
}

/** With missing parents; that they exist is made durable. An existing folder is no error. */
export async function makeFolders(session: SftpSession, folder: string, mode: number): Promise<void> {
  if (!(await makeIfAbsent(session, folder, mode))) return;
  await flushFolder(session, posix.dirname(folder));
}

/** True when it was not there. */
export async function makeIfAbsent(session: SftpSession, folder: string, mode: number): Promise<boolean> {
  try {
    await makeFolder(session, folder, mode);
    return true;
  } catch (error) {
    if (isStatus(error, 'noSuchFile') && posix.dirname(folder) !== folder) {
      await makeFolders(session, posix.dirname(folder), mode);
      return makeIfAbsent(session, folder, mode);
    }
    // Version 3 has no status for "it exists".
    if (!(error instanceof SftpStatusError) || !(await exists(session, folder))) throw error;
    return false;
  }
}

async function publish(session: SftpSession, { temporary, place, what, location }: SaveOptions): Promise<void> {
  try {
    await renamePath(session, temporary, place);
  } catch (error) {
    if (canReplace(session) || !isStatus(error, 'failure') || !(await exists(session, place))) throw error;
    throw new CoffreError('BACKEND_EXISTS', `${what} in ${location} failed: the file is there already`, {
      cause: error,
      hint: 'Another program writes to the same place; run the command again.',
    });
  }
}

async function exists(session: SftpSession, path: string): Promise<boolean> {
  try {
    await statPath(session, path);
    return true;
  } catch (error) {
    if (isStatus(error, 'noSuchFile')) return false;
    throw error;
  }
}

/** Makes creations, renames and removals in the folder durable, where the server opens folders and flushes. */
export async function flushFolder(session: SftpSession, folder: string): Promise<void> {
  if (!session.extensions.has('fsync@openssh.com')) return;
  try {
    const handle = await openToRead(session, folder);
    await Promise.all([flush(session, handle), closeHandle(session, handle)]);
  } catch (error) {
    ignoreStatus(error);
  }
}

/** The protocol has one status for every failure; whether it was space is told by what is left. */
async function isFull(session: SftpSession, error: unknown, root: string, sizeBytes: number): Promise<boolean> {
  if (!isStatus(error, 'failure')) return false;
  try {
    const space = await freeSpace(session, root);
    return space !== undefined && (space.freeBytes < sizeBytes || space.freeFiles === 0);
  } catch (failure) {
    if (isCoffreError(failure) || failure instanceof SftpStatusError) return false;
    throw failure;
  }
}

function ignoreStatus(error: unknown): void {
  if (!(error instanceof SftpStatusError)) throw error;
}
