/** What a trial backs up: the small application made for it, or folders of the user's own. */
import { statfsSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as breathe } from 'node:timers/promises';
import { CoffreError, joinPath, toByteString, toText, type ByteString, type Files } from '@coffre/repository';
import { liveDatabaseNames } from './application.ts';
import type { TrialFolder } from './trial-folder.ts';
import { sizeText } from './size-text.ts';

export type TrialSources = {
  readonly kind: 'application' | 'own';
  /** Absolute. */
  readonly paths: readonly ByteString[];
  /** Never backed up and never compared. */
  readonly skip: (path: ByteString) => boolean;
};

export function applicationSources(folder: TrialFolder): TrialSources {
  const live = new Set<string>(liveDatabaseNames.map((name) => toByteString(join(folder.application, name))));
  return {
    kind: 'application',
    paths: [toByteString(folder.application), toByteString(folder.copies)],
    skip: (path) => live.has(path),
  };
}

/** The trial's own folder is left out: a repository must not swallow itself. */
export function ownSources(paths: readonly ByteString[], folder: TrialFolder): TrialSources {
  const own = toByteString(folder.path);
  const inside = paths.find((path) => path === own || path.startsWith(`${own}/`));
  if (inside !== undefined) {
    throw new CoffreError('USAGE', `${toText(inside)} lies in the folder of the trial itself`, {
      hint: 'Name folders of your own, or another folder for the trial with --folder.',
    });
  }
  return { kind: 'own', paths, skip: (path) => path === own };
}

export type SourceSize = { readonly entries: number; readonly sizeBytes: number };

/** Counts what is there; entries that cannot be read count as nothing, the backup reports them. */
export async function measureSources(sources: TrialSources, files: Files, signal: AbortSignal): Promise<SourceSize> {
  let entries = 0;
  let sizeBytes = 0;
  const rest = [...sources.paths];
  for (let path = rest.pop(); path !== undefined; path = rest.pop()) {
    if (sources.skip(path)) continue;
    try {
      const stat = files.lstat(path);
      if (stat.type === 'file') sizeBytes += stat.sizeBytes;
      if (stat.type === 'dir') for (const name of files.listNames(path)) rest.push(joinPath(path, name));
    } catch {
      continue;
    }
    entries += 1;
    if (entries % 1000 === 0) {
      await breathe();
      signal.throwIfAborted();
    }
  }
  return { entries, sizeBytes };
}

const marginBytes = 64 * 1024 * 1024;

/**
 * The repository may grow by the whole of it, and the restored copy takes it once more.
 * @throws {CoffreError} TRIAL_SPACE_SHORT
 */
export function requireSpace(folder: string, size: SourceSize): void {
  const { bavail, bsize } = statfsSync(folder);
  const freeBytes = bavail * bsize;
  const neededBytes = 2 * size.sizeBytes + marginBytes;
  if (freeBytes >= neededBytes) return;
  throw new CoffreError(
    'TRIAL_SPACE_SHORT',
    `a trial of ${sizeText(size.sizeBytes)} needs up to ${sizeText(neededBytes)} in ${folder}, which has ${sizeText(freeBytes)} free`,
    { hint: 'Name a folder on a larger disk with --folder, or try a part of your data first.' },
  );
}
