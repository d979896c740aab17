import { join } from 'node:path';
import { CoffreError, messageOf } from '../errors.ts';
import type { Clock } from '../host/host.ts';
import { systemCode } from './local-errors.ts';
import type { LocalFiles } from './local-files.ts';

/** How the system says that a place on the disk, or what leads to it, cannot be read. */
const badSectorCodes = new Set(['EIO', 'EUCLEAN', 'EBADMSG', 'ENODATA']);

/** The disk itself has tried for seconds before it gave up; a loose cable or a busy server may need a moment. */
const pausesMs = [100, 400];

export type Surroundings = {
  readonly files: LocalFiles;
  /** Folder of the repository. */
  readonly path: string;
  /** The file that is read. */
  readonly place: string;
  /** Files known to be damaged: they are tried once, as a pack of a thousand pieces would take minutes. */
  readonly bad: Set<string>;
  /** Without one there are no pauses. */
  readonly clock?: Clock | undefined;
  readonly signal?: AbortSignal | undefined;
  /** `reading data/00… in /srv/repo` */
  readonly what: string;
};

/**
 * Reads again while the disk cannot, for half a second. Then this file is damaged when another one of the repository can
 * be read; otherwise the disk or its server is away, and the error is that of the system.
 * @throws {CoffreError} BACKEND_UNREADABLE
 */
export async function readPastBadSectors<T>(read: () => Promise<T>, around: Surroundings): Promise<T> {
  const { bad, place } = around;
  for (let attempt = bad.has(place) ? pausesMs.length : 0; ; attempt += 1) {
    try {
      return await read();
    } catch (error) {
      if (!badSectorCodes.has(systemCode(error) ?? '')) throw error;
      const pauseMs = pausesMs[attempt];
      if (pauseMs !== undefined) await around.clock?.sleep(pauseMs, around.signal);
      else {
        if (!(await isOtherFileReadable(around))) throw error;
        bad.add(place);
        throw unreadable(error, around.what);
      }
    }
  }
}

function unreadable(error: unknown, what: string): CoffreError {
  return new CoffreError('BACKEND_UNREADABLE', `${what} failed again and again: ${messageOf(error)}`, {
    cause: error,
    hint: 'The disk is failing here: copy the repository to another disk first, then run `coffre check` on the copy.',
  });
}

/** Opened anew, so that a share whose server is away fails too. */
async function isOtherFileReadable({ files, path, place }: Surroundings): Promise<boolean> {
  try {
    const config = join(path, 'config');
    const [key] = place === config ? await files.readFolder(join(path, 'keys')) : [];
    const other = key === undefined ? config : join(path, 'keys', key);
    if (other === place) return false;
    const open = await files.openFile(other);
    try {
      return (await open.read(Buffer.alloc(1), 0, 1, 0)) === 1;
    } finally {
      await open.close();
    }
  } catch {
    return false;
  }
}
