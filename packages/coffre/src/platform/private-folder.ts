/** Folders for what must lie on a disk for a while: nobody else may look in, and they are always removed. */
import { mkdtempSync, readdirSync, rmSync, statfsSync } from 'node:fs';
import { join } from 'node:path';
import { CoffreError, makeFolders, systemProcesses } from '@coffre/repository';

export type PrivateFolder = Disposable & { readonly path: string };

/** `coffre-dump-<process>-<random>`; the process says whether somebody still needs it. */
const folderName = /^coffre-dump-(\d+)-[A-Za-z0-9]{6}$/;

/** A share that stays free, so that the programs beside us go on. */
const reserveBytes = 64 * 1024 * 1024;

/**
 * @param base must be there or can be made
 * @param sizeBytes what will be written, at most
 * @throws {CoffreError} SOURCE_SPACE_SHORT
 */
export function createPrivateFolder(base: string, sizeBytes: number): PrivateFolder {
  makeFolders(base);
  removeAbandoned(base);
  const { bavail, bsize } = statfsSync(base);
  const freeBytes = bavail * bsize;
  if (freeBytes < sizeBytes + reserveBytes) {
    const [needed, free] = [sizeBytes + reserveBytes, freeBytes].map((bytes) => `${Math.ceil(bytes / 1e6)} MB`);
    throw new CoffreError(
      'SOURCE_SPACE_SHORT',
      `${base} has ${free} free, and the copy of a database needs ${needed}`,
      {
        hint: 'Make room, or point TMPDIR at a larger disk. Nothing was saved.',
      },
    );
  }
  // mkdtemp makes folders of mode 0700.
  const path = mkdtempSync(join(base, `coffre-dump-${process.pid}-`));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

/** What a killed process left behind. */
function removeAbandoned(base: string): void {
  for (const name of readdirSync(base)) {
    const owner = Number(folderName.exec(name)?.[1] ?? 0);
    if (owner === 0 || systemProcesses().isAlive(owner)) continue;
    try {
      rmSync(join(base, name), { recursive: true, force: true });
    } catch {
      // It belongs to another user.
    }
  }
}
