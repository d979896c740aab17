/** Copies of damaged packs outside of the repository, before anything is done to them. */
import { open, readFile, rename, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { CoffreError, messageOf } from '@coffre/repository';

/** Different bytes of the same pack, as a dying disk gives them; more than these were seen by nobody. */
const variantsMax = 20;

/** `pack-ID` in the folder, as restic names it; an equal one is left as it is, another one is never replaced. */
export async function keepPackCopy(folder: string, packId: string, bytes: Buffer): Promise<string> {
  for (let variant = 1; variant <= variantsMax; variant += 1) {
    const path = resolve(join(folder, `pack-${packId}${variant === 1 ? '' : `-${variant}`}`));
    const there = await contentOf(path);
    if (there === undefined) {
      await writeWhole(path, bytes);
      return path;
    }
    if (there.equals(bytes)) return path;
  }
  throw notKept(packId, `there are ${variantsMax} different copies already`);
}

/** Undefined when there is none. */
async function contentOf(path: string): Promise<Buffer | undefined> {
  try {
    return await readFile(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw notKept(path, messageOf(error), error);
  }
}

async function writeWhole(path: string, bytes: Buffer): Promise<void> {
  const temporary = `${path}.part`;
  try {
    await using file = await open(temporary, 'w', 0o600);
    await file.writeFile(bytes);
    await file.sync();
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw notKept(path, messageOf(error), error);
  }
}

function notKept(what: string, why: string, cause?: unknown): CoffreError {
  return new CoffreError(
    'REPAIR_REFUSED',
    `no copy of the damaged pack could be kept (${what}: ${why}); nothing was changed`,
    {
      hint: 'Name a folder with enough space with --copies-to.',
      cause,
    },
  );
}
