/** Where to listen for a path of the configuration, and which events are about it. Pure. */
import { basename, dirname, matchesGlob, relative, resolve, sep } from 'node:path';

export type WatchedPath = {
  /** The folder that is listened to: what stands before the first sign of a pattern. */
  readonly folder: string;
  /** Everything below the folder, or only what lies in it. */
  readonly recursive: boolean;
  /** True when a changed path, relative to the folder, belongs to what is watched. */
  readonly concerns: (changed: string) => boolean;
};

/** @param kind what is there now; what is not there may become either */
export function watchedPath(path: string, kind: 'folder' | 'file' | 'missing'): WatchedPath {
  const full = resolve(path);
  if (/[*?[\]{}]/.test(full)) return patternPath(full);
  if (kind === 'folder') return { folder: full, recursive: true, concerns: () => true };
  // A file is replaced by renaming another over it: only its folder sees that. Databases write files beside themselves.
  const name = basename(full);
  return {
    folder: dirname(full),
    recursive: false,
    concerns: (changed) =>
      changed === name || (/^-(wal|journal)$/.test(changed.slice(name.length)) && changed.startsWith(name)),
  };
}

function patternPath(full: string): WatchedPath {
  const parts = full.split(sep);
  const plain = parts.findIndex((part) => /[*?[\]{}]/.test(part));
  const folder = parts.slice(0, plain).join(sep) || sep;
  const pattern = relative(folder, full);
  return {
    folder,
    recursive: true,
    concerns: (changed) => matchesGlob(changed, pattern) || matchesGlob(changed, `${pattern}/**`),
  };
}
