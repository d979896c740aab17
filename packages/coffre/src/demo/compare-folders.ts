/** Compares a restored folder with its original, entry by entry: bytes, kinds, modes, owners, times, links, attributes. */
import { setImmediate as breathe } from 'node:timers/promises';
import { joinPath, type ByteString, type Files, type FileStat, type Timestamp } from '@coffre/repository';

export type Difference = { readonly path: ByteString; readonly what: string };

export type FolderComparison = {
  files: number;
  folders: number;
  /** Symbolic links, fifos, devices. */
  others: number;
  sizeBytes: number;
  /** Entries of the original that changed after `since`: they say nothing about the backup. */
  changedSince: number;
  /** Entries of the original that could not be read, now or by the backup. */
  unreadable: number;
  differenceCount: number;
  /** The first of them. */
  readonly differences: Difference[];
};

export type CompareOptions = {
  readonly files: Files;
  /** When the backup began. */
  readonly since: Timestamp;
  readonly skip: (path: ByteString) => boolean;
  /** What the backup reported as unreadable: counted, not compared. */
  readonly unreadable?: ReadonlySet<ByteString>;
  /** Only root can give files to others, so only root's restores are held to owners. */
  readonly owners: boolean;
  readonly signal?: AbortSignal;
};

const differencesKept = 20;
const pieceBytes = 1024 * 1024;
/** Entries compared between two looks at the outside (signals, progress). */
const entriesPerTurn = 200;

export function emptyComparison(): FolderComparison {
  return {
    files: 0,
    folders: 0,
    others: 0,
    sizeBytes: 0,
    changedSince: 0,
    unreadable: 0,
    differenceCount: 0,
    differences: [],
  };
}

/** Adds to `result`, so that several folders make one comparison. */
export async function compareFolders(
  original: ByteString,
  restored: ByteString,
  options: CompareOptions,
  result: FolderComparison,
): Promise<void> {
  const comparison = new Comparison(options, result);
  const pairs: [ByteString, ByteString][] = [[original, restored]];
  for (let turn = 1; ; turn += 1) {
    const pair = pairs.pop();
    if (pair === undefined) return;
    pairs.push(...comparison.compareReadable(...pair));
    if (turn % entriesPerTurn === 0) {
      await breathe();
      options.signal?.throwIfAborted();
    }
  }
}

class Comparison {
  readonly #options: CompareOptions;
  readonly #result: FolderComparison;
  /** Inode of an original with several names -> inode of what was restored for its first name. */
  readonly #linked = new Map<string, string>();
  readonly #left = Buffer.allocUnsafe(pieceBytes);
  readonly #right = Buffer.allocUnsafe(pieceBytes);

  constructor(options: CompareOptions, result: FolderComparison) {
    this.#options = options;
    this.#result = result;
  }

  /** Compares one entry and returns what is inside it. */
  compareReadable(original: ByteString, restored: ByteString): [ByteString, ByteString][] {
    try {
      return this.#compare(original, restored);
    } catch (error) {
      const code = systemCode(error);
      if (code === 'EACCES' || code === 'EPERM') this.#result.unreadable += 1;
      // Gone between two looks at it.
      else if (code === 'ENOENT') this.#result.changedSince += 1;
      else throw error;
      return [];
    }
  }

  #compare(original: ByteString, restored: ByteString): [ByteString, ByteString][] {
    const { files, skip } = this.#options;
    if (skip(original)) return [];
    if (this.#options.unreadable?.has(original) === true) {
      this.#result.unreadable += 1;
      return [];
    }
    const stat = statOrGone(files, original);
    if (stat === undefined) {
      this.#result.changedSince += 1;
      return [];
    }
    // Sockets live only as long as a process listens; backups leave them out.
    if (stat.type === 'socket') return [];
    const found = statOrGone(files, restored);
    if (found === undefined) {
      this.#differs(original, stat, 'was not restored');
      return [];
    }
    this.#count(stat);
    const differences = this.#differencesOf(original, stat, restored, found);
    if (differences.length > 0) this.#differs(original, stat, differences.join(', '));
    if (stat.type !== 'dir' || found.type !== 'dir') return [];
    return this.#childrenOf(original, stat, restored);
  }

  #childrenOf(original: ByteString, stat: FileStat, restored: ByteString): [ByteString, ByteString][] {
    const { files, skip } = this.#options;
    const names = files.listNames(original);
    const known = new Set(names);
    for (const name of files.listNames(restored)) {
      const path = joinPath(original, name);
      if (!known.has(name) && !skip(path)) this.#differs(path, stat, 'was restored and is not in the original');
    }
    return names.map((name) => [joinPath(original, name), joinPath(restored, name)]);
  }

  #differencesOf(original: ByteString, stat: FileStat, restored: ByteString, found: FileStat): string[] {
    if (stat.type !== found.type) return [`is a ${found.type} instead of a ${stat.type}`];
    const { files, owners } = this.#options;
    const differences: string[] = [];
    if (stat.stMode !== found.stMode) differences.push(`mode ${octal(found)} instead of ${octal(stat)}`);
    if (owners && (stat.uid !== found.uid || stat.gid !== found.gid)) differences.push('another owner');
    if (stat.mtime.sec !== found.mtime.sec || stat.mtime.nsec !== found.mtime.nsec) differences.push('another time');
    if (attributesText(files, original) !== attributesText(files, restored))
      differences.push('other extended attributes');
    if (stat.type === 'symlink' && files.readLink(original) !== files.readLink(restored))
      differences.push('points elsewhere');
    if (stat.type.endsWith('dev') && String(stat.rdev) !== String(found.rdev)) differences.push('another device');
    if (stat.type === 'file') {
      if (!this.#sameLinks(stat, found)) differences.push('no longer one file under several names');
      if (!this.#sameBytes(original, stat, restored, found)) differences.push('other bytes');
    }
    return differences;
  }

  #sameLinks(stat: FileStat, found: FileStat): boolean {
    if (Number(stat.links) < 2) return true;
    const inode = `${stat.deviceId}:${stat.inode}`;
    const foundInode = `${found.deviceId}:${found.inode}`;
    const first = this.#linked.get(inode);
    if (first === undefined) this.#linked.set(inode, foundInode);
    return first === undefined || first === foundInode;
  }

  #sameBytes(original: ByteString, stat: FileStat, restored: ByteString, found: FileStat): boolean {
    if (stat.sizeBytes !== found.sizeBytes) return false;
    const { files } = this.#options;
    const left = files.open(original, { noAtime: true });
    try {
      const right = files.open(restored, { noAtime: true });
      try {
        return this.#sameRest(left, right);
      } finally {
        files.close(right);
      }
    } finally {
      files.close(left);
    }
  }

  #sameRest(left: number, right: number): boolean {
    for (let position = 0; ;) {
      const leftBytes = readFull(this.#options.files, left, this.#left, position);
      const rightBytes = readFull(this.#options.files, right, this.#right, position);
      if (leftBytes !== rightBytes) return false;
      if (leftBytes === 0) return true;
      if (this.#left.compare(this.#right, 0, rightBytes, 0, leftBytes) !== 0) return false;
      position += leftBytes;
    }
  }

  #count(stat: FileStat): void {
    if (stat.type === 'dir') this.#result.folders += 1;
    else if (stat.type === 'file') this.#result.files += 1;
    else this.#result.others += 1;
    if (stat.type === 'file') this.#result.sizeBytes += stat.sizeBytes;
  }

  #differs(path: ByteString, stat: FileStat, what: string): void {
    const { ctime } = stat;
    const { since } = this.#options;
    if (ctime.sec > since.sec || (ctime.sec === since.sec && ctime.nsec >= since.nsec)) {
      this.#result.changedSince += 1;
      return;
    }
    this.#result.differenceCount += 1;
    if (this.#result.differences.length < differencesKept) this.#result.differences.push({ path, what });
  }
}

function statOrGone(files: Files, path: ByteString): FileStat | undefined {
  try {
    return files.lstat(path);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

function systemCode(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}

/** A read may give less than asked before the end of the file. */
function readFull(files: Files, fd: number, buffer: Buffer, position: number): number {
  let filled = 0;
  while (filled < buffer.length) {
    const count = files.read(fd, buffer, filled, buffer.length - filled, position + filled);
    if (count === 0) break;
    filled += count;
  }
  return filled;
}

function attributesText(files: Files, path: ByteString): string {
  return files
    .listXattrs(path)
    .map((attribute) => JSON.stringify(attribute))
    .toSorted()
    .join('\n');
}

function octal(stat: FileStat): string {
  return (stat.stMode & 0o7777).toString(8).padStart(4, '0');
}
