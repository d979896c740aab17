/**
 * A disk in memory that loses power. Content reaches it by `sync` of the file, names by `syncFolder` of their folder;
 * whatever was not flushed may be there, missing, or half there after the cut, each name on its own.
 */
import { basename, dirname } from 'node:path';
import type { LocalFile, LocalFiles, LocalStat } from '../backend/local-files.ts';
import { systemError } from './local-faults.ts';
import type { SeededRandom } from './seeded-random.ts';

type FileNode = { readonly kind: 'file'; content: Buffer; durable: Buffer; isFlushed: boolean; mode: number };
type FolderNode = {
  readonly kind: 'folder';
  readonly names: Map<string, Node>;
  /** As of the last flush of the folder. */
  durable: Map<string, Node>;
  /** Since then, in order. */
  pending: ((names: Map<string, Node>) => void)[];
};
type Node = FileNode | FolderNode;

export type PowerLossDisk = {
  readonly files: LocalFiles;
  /** Calls since the power came on. */
  readonly calls: number;
  /** The power goes off at this call; it and all later ones fail. */
  cutAt(call: number): void;
  /** The disk as it is found when the power comes back. */
  restart(): PowerLossDisk;
};

const blockBytes = 4096;

export function createPowerLossDisk(random: SeededRandom): PowerLossDisk {
  return diskOf(newFolder(new Map()), random);
}

function newFolder(names: Map<string, Node>): FolderNode {
  return { kind: 'folder', names, durable: new Map(names), pending: [] };
}

function diskOf(root: FolderNode, random: SeededRandom): PowerLossDisk {
  let calls = 0;
  let cutCall = Infinity;

  function step(): void {
    calls += 1;
    if (calls >= cutCall) throw systemError('EIO', 'the power is off');
  }

  function find(path: string): Node {
    let node: Node = root;
    for (const name of path.split('/').filter((part) => part !== '')) {
      const next: Node | undefined = node.kind === 'folder' ? node.names.get(name) : undefined;
      if (next === undefined) throw systemError('ENOENT', path);
      node = next;
    }
    return node;
  }

  function folderAt(path: string): FolderNode {
    const node = find(path);
    if (node.kind !== 'folder') throw systemError('ENOTDIR', path);
    return node;
  }

  function fileAt(path: string): FileNode {
    const node = find(path);
    if (node.kind !== 'file') throw systemError('EISDIR', path);
    return node;
  }

  function change(folder: FolderNode, operation: (names: Map<string, Node>) => void): void {
    operation(folder.names);
    folder.pending.push(operation);
  }

  function open(node: FileNode): LocalFile {
    return {
      async write(parts) {
        step();
        // Sometimes the kernel takes only a part.
        const all = Buffer.concat(parts);
        const taken = random.chance(0.1) ? all.subarray(0, 1 + random.integer(all.byteLength)) : all;
        node.content = Buffer.concat([node.content, taken]);
        node.isFlushed = false;
        return taken.byteLength;
      },
      async read(into, offset, length, position) {
        step();
        const bytes = node.content.subarray(position, position + length);
        into.set(bytes, offset);
        return bytes.byteLength;
      },
      async sizeBytes() {
        step();
        return node.content.byteLength;
      },
      async sync() {
        step();
        node.durable = node.content;
        node.isFlushed = true;
      },
      async close() {
        step();
      },
    };
  }

  function makeFolder(path: string): FolderNode {
    if (path === '/') return root;
    const parent = makeFolder(dirname(path));
    const there = parent.names.get(basename(path));
    if (there?.kind === 'file') throw systemError('ENOTDIR', path);
    if (there !== undefined) return there;
    const made = newFolder(new Map());
    change(parent, (names) => void names.set(basename(path), made));
    return made;
  }

  const files: LocalFiles = {
    async createFile(path, mode) {
      step();
      const folder = folderAt(dirname(path));
      if (folder.names.has(basename(path))) throw systemError('EEXIST', path);
      const none = Buffer.alloc(0);
      const node: FileNode = { kind: 'file', content: none, durable: none, isFlushed: false, mode };
      change(folder, (names) => void names.set(basename(path), node));
      return open(node);
    },
    async openFile(path) {
      step();
      return open(fileAt(path));
    },
    async stat(path): Promise<LocalStat> {
      step();
      const node = find(path);
      if (node.kind === 'folder') return { isFile: false, sizeBytes: 0, mode: 0o700, modifiedMs: 0, device: 1 };
      return { isFile: true, sizeBytes: node.content.byteLength, mode: node.mode, modifiedMs: 0, device: 1 };
    },
    async space() {
      step();
      return { freeBytes: 2 ** 40, totalBytes: 2 ** 41 };
    },
    async makeFolder(path) {
      step();
      makeFolder(path);
    },
    async readFolder(path) {
      step();
      return [...folderAt(path).names.keys()];
    },
    async syncFolder(path) {
      step();
      const folder = folderAt(path);
      folder.durable = new Map(folder.names);
      folder.pending = [];
    },
    async rename(from, to) {
      step();
      const folder = folderAt(dirname(from));
      const node = fileAt(from);
      if (dirname(to) !== dirname(from)) throw systemError('EXDEV', to);
      change(folder, (names) => {
        names.delete(basename(from));
        names.set(basename(to), node);
      });
    },
    async chmod(path, mode) {
      step();
      fileAt(path).mode = mode;
    },
    async unlink(path) {
      step();
      const folder = folderAt(dirname(path));
      fileAt(path);
      change(folder, (names) => void names.delete(basename(path)));
    },
  };

  return {
    files,
    get calls() {
      return calls;
    },
    cutAt: (call) => void (cutCall = calls + call),
    restart: () => diskOf(survivor(root, random), random),
  };
}

function survivor(folder: FolderNode, random: SeededRandom): FolderNode {
  const names = new Map(folder.durable);
  for (const operation of folder.pending) if (random.chance(0.5)) operation(names);
  const found = [...names].map(([name, node]): [string, Node] => [
    name,
    node.kind === 'folder' ? survivor(node, random) : survivingFile(node, random),
  ]);
  return newFolder(new Map(found));
}

function survivingFile(node: FileNode, random: SeededRandom): FileNode {
  const content = node.isFlushed ? node.content : survivingContent(node, random);
  return { kind: 'file', content, durable: content, isFlushed: true, mode: node.mode };
}

/** Whole, as it was flushed last, cut short, or with blocks that never arrived. */
function survivingContent({ content, durable }: FileNode, random: SeededRandom): Buffer {
  switch (random.integer(4)) {
    case 0:
      return content;
    case 1:
      return durable;
    case 2:
      return content.subarray(0, random.integer(content.byteLength + 1));
    default: {
      const holey = Buffer.from(content);
      for (let at = 0; at < holey.byteLength; at += blockBytes) {
        if (random.chance(0.5)) holey.fill(0, at, at + blockBytes);
      }
      return holey;
    }
  }
}
