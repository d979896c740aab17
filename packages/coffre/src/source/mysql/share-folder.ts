/** What programs bring along beside themselves, for those that were unpacked somewhere else than they were built for. */
import { realpathSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Family } from './release.ts';

/** @returns the folder with messages and character sets; undefined when the program finds it by itself */
export function shareOf(program: string, family: Family): string | undefined {
  const base = dirname(dirname(realpathSync(program)));
  if (base === '/usr') return undefined;
  return [join(base, 'share', family), join(base, 'share')].find((folder) => isFolder(join(folder, 'charsets')));
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}
