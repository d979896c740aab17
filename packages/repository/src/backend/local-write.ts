import { dirname } from 'node:path';
import { CoffreError } from '../errors.ts';
import { isSyncUnsupported, systemCode } from './local-errors.ts';
import type { LocalFile, LocalFiles } from './local-files.ts';
import type { Gate } from './limits/throttle.ts';
import { inPieces } from './limits/pieces.ts';

/** Linux takes 1024 parts in one call. */
const partsAtOnceMax = 1024;

export type WriteOptions = {
  temporary: string;
  place: string;
  folderMode: number;
  fileMode: number;
  /** Before a folder is made on demand: is this still the repository? */
  mayMakeFolder: () => Promise<void>;
  /** Bandwidth limit. */
  gate?: Gate | undefined;
};

/**
 * Writes under the temporary name, flushes, renames, and flushes the folder: at every moment the final name is absent,
 * or has the old whole content, or the new. On failure the temporary file is gone.
 */
export async function writeWhole(
  files: LocalFiles,
  options: WriteOptions,
  parts: readonly Uint8Array[],
  signal?: AbortSignal,
): Promise<void> {
  const { temporary, place, fileMode, gate } = options;
  const open = await createInFolder(files, options);
  try {
    try {
      if (gate === undefined) await writeAll(open, parts, signal);
      else for await (const piece of inPieces(parts, gate, signal)) await writeAll(open, [piece], signal);
      await open.sync().catch(ignoreUnsupportedSync);
    } finally {
      await open.close();
    }
    // Some network file systems have no modes; the file is whole all the same.
    await files.chmod(temporary, fileMode).catch(() => undefined);
    signal?.throwIfAborted();
    await files.rename(temporary, place);
  } catch (error) {
    await files.unlink(temporary).catch(() => undefined);
    throw error;
  }
  await syncFolder(files, dirname(place));
}

/** Those whose entries change when the folder is made with its missing parents, the nearest first. */
export async function foldersAbove(files: LocalFiles, folder: string): Promise<string[]> {
  const above = [dirname(folder)];
  for (let parent = dirname(folder); dirname(parent) !== parent; parent = dirname(parent)) {
    const isThere = await files.stat(parent).then(
      () => true,
      (error: unknown) => systemCode(error) !== 'ENOENT',
    );
    if (isThere) break;
    above.push(dirname(parent));
  }
  return above;
}

/** Makes what changed in the names of the folder durable, where the file system can. */
export async function syncFolder(files: LocalFiles, folder: string): Promise<void> {
  await files.syncFolder(folder).catch(ignoreUnsupportedSync);
}

/** A missing folder is made once; that it exists is made durable too. */
async function createInFolder(files: LocalFiles, options: WriteOptions): Promise<LocalFile> {
  const { temporary, folderMode, mayMakeFolder } = options;
  try {
    return await files.createFile(temporary, 0o600);
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error;
  }
  await mayMakeFolder();
  const folder = dirname(temporary);
  await files.makeFolder(folder, folderMode);
  await syncFolder(files, dirname(folder));
  return files.createFile(temporary, 0o600);
}

/** Writes all of it, however few bytes each call takes. */
export async function writeAll(open: LocalFile, parts: readonly Uint8Array[], signal?: AbortSignal): Promise<void> {
  let rest = parts.filter((part) => part.byteLength > 0);
  while (rest.length > 0) {
    signal?.throwIfAborted();
    const written = await open.write(rest.slice(0, partsAtOnceMax));
    if (written === 0) throw new CoffreError('BACKEND_IO', 'the system wrote nothing', { retryable: true });
    rest = after(rest, written);
  }
}

/** What is left of the parts once their first bytes are written. */
function after(parts: readonly Uint8Array[], written: number): Uint8Array[] {
  let skipped = 0;
  let index = 0;
  for (; index < parts.length; index += 1) {
    const size = parts[index]?.byteLength ?? 0;
    if (skipped + size > written) break;
    skipped += size;
  }
  const [first, ...others] = parts.slice(index);
  return first === undefined ? [] : [first.subarray(written - skipped), ...others];
}

function ignoreUnsupportedSync(error: unknown): void {
  if (!isSyncUnsupported(error)) throw error;
}
