import { CoffreError } from '../errors.ts';
import { inParallel } from '../parallel.ts';
import { fileName } from './backend.ts';
import type { Backend, FileHandle } from './backend.ts';

export type RetentionExtended = { readonly extended: number; readonly longEnough: number };

/**
 * Makes the storage keep files that are still used until `untilMs` at least (ms since 1970): what an old snapshot and a
 * new one share must not fall out of its protection. Never shortens; after an error, call it again with all files.
 * @throws {CoffreError} BACKEND_UNPROTECTED where the storage knows no retention
 */
export async function extendRetention(
  backend: Backend,
  files: Iterable<FileHandle>,
  options: { untilMs: number; signal?: AbortSignal },
): Promise<RetentionExtended> {
  const { untilMs, signal } = options;
  let [extended, longEnough] = [0, 0];
  await inParallel(files, backend.connectionsMax, async (file) => {
    signal?.throwIfAborted();
    if (backend.extendRetention === undefined) {
      throw new CoffreError('BACKEND_UNPROTECTED', `${backend.location} cannot keep ${fileName(file)} from deletion`, {
        hint: 'Retention needs a bucket with object lock.',
      });
    }
    if (await backend.extendRetention(file, untilMs, signal)) extended += 1;
    else longEnough += 1;
  });
  return { extended, longEnough };
}
