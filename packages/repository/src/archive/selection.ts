import type { ByteString } from '../format/bytestring.ts';
import { toByteString } from '../format/bytestring.ts';
import type { Files } from '../host/files.ts';
import type { FileStat } from '../host/stat.ts';
import type { PathMatcher } from '../select/patterns.ts';
import { joinPath } from './targets.ts';

/** Which entries a backup takes. Both questions get the absolute path. */
export type Selection = {
  /** Before anything is read of the entry. */
  byName(path: ByteString): boolean;
  byStat(path: ByteString, stat: FileStat): boolean;
};

/** Leaves nothing out. */
export const everything: Selection = { byName: () => true, byStat: () => true };

/** A folder that holds this file is left out but for the file itself; with a header, the file must begin with it. */
export type ExcludeMarker = { readonly fileName: string; readonly header?: string };

/** The cache directory tagging convention. */
export const cacheMarker: ExcludeMarker = {
  fileName: 'CACHEDIR.TAG',
  header: 'Signature: 8a477f597d28d172789f06886806bc55',
};

export type SelectionRules = {
  readonly exclude?: PathMatcher;
  readonly markers?: readonly ExcludeMarker[];
  /** Files above this size are left out. */
  readonly largerThanBytes?: number;
  /** Stay on the file systems of these targets (absolute paths). */
  readonly oneFileSystemOf?: readonly ByteString[];
};

/** `files` is asked for marker files and devices; the answers about one folder are kept until the next is asked about. */
export function createSelection(files: Files, rules: SelectionRules): Selection {
  const markers = (rules.markers ?? []).map((marker) => markedFolders(files, marker));
  const devices = rules.oneFileSystemOf === undefined ? undefined : allowedDevices(files, rules.oneFileSystemOf);
  const { exclude, largerThanBytes } = rules;
  return {
    byName: (path) => exclude?.matches(path) !== true && !markers.some((isMarked) => isMarked(path)),
    byStat: (path, stat) => {
      if (largerThanBytes !== undefined && stat.type === 'file' && stat.sizeBytes > largerThanBytes) return false;
      return devices === undefined || devices(path, stat);
    },
  };
}

function parentOf(path: ByteString): ByteString {
  const at = path.lastIndexOf('/');
  return (at <= 0 ? '/' : path.slice(0, at)) as ByteString;
}

/** Remembers the last folder asked about: entries of one folder come together. */
function markedFolders(files: Files, marker: ExcludeMarker): (path: ByteString) => boolean {
  const name = toByteString(marker.fileName);
  let folder: ByteString | undefined;
  let marked = false;
  return (path) => {
    const parent = parentOf(path);
    if (parent !== folder) {
      folder = parent;
      marked = holdsMarker(files, joinPath(parent, name), marker.header);
    }
    return marked && joinPath(parent, name) !== path;
  };
}

function holdsMarker(files: Files, path: ByteString, header: string | undefined): boolean {
  try {
    if (header === undefined) return files.lstat(path) !== undefined;
    const wanted = Buffer.from(header, 'utf8');
    const found = Buffer.alloc(wanted.byteLength);
    const fd = files.open(path);
    try {
      return files.read(fd, found, 0, found.byteLength, 0) === wanted.byteLength && found.equals(wanted);
    } finally {
      files.close(fd);
    }
  } catch {
    // Not there or not readable: the folder is not marked.
    return false;
  }
}

/** A mount point itself is kept as an empty folder, so that it is there again after a restore. */
function allowedDevices(files: Files, targets: readonly ByteString[]): (path: ByteString, stat: FileStat) => boolean {
  const deviceOf = new Map<ByteString, FileStat['deviceId']>();
  for (const target of targets) {
    try {
      deviceOf.set(target, files.lstat(target).deviceId);
    } catch {
      // A missing target is reported by the walk.
    }
  }
  const isAllowed = (path: ByteString, device: FileStat['deviceId']): boolean => {
    for (let at = path; ; at = parentOf(at)) {
      const allowed = deviceOf.get(at);
      if (allowed !== undefined) return allowed === device;
      if (at === '/') return true;
    }
  };
  return (path, stat) => {
    if (isAllowed(path, stat.deviceId)) return true;
    if (stat.type !== 'dir') return false;
    try {
      return isAllowed(parentOf(path), files.lstat(parentOf(path)).deviceId);
    } catch {
      return false;
    }
  };
}
