/** A listing in the export format of ncdu, for `ncdu -f -`. */
import { encodeSnapshot, toText } from '@coffre/repository';
import type { Snapshot, TreeNode } from '@coffre/repository';
import { jsonText } from './json.ts';

const blockBytes = 512n;

export class NcduOutline {
  readonly #print: (text: string) => void;
  #depth = 1;

  constructor(print: (text: string) => void) {
    this.#print = print;
  }

  begin(snapshot: Snapshot): void {
    this.#print(`[1, 2, ${encodeSnapshot(snapshot).toString('utf8')}, [{"name":"/"}`);
  }

  entry(node: TreeNode): void {
    const indent = '  '.repeat(this.#depth);
    const text = jsonText(ncduNode(node));
    if (node.type !== 'dir') return this.#print(`,\n${indent}${text}`);
    this.#print(`,\n${indent}[\n${indent}  ${text}`);
    this.#depth += 1;
  }

  leave(): void {
    this.#depth -= 1;
    this.#print(`\n${'  '.repeat(this.#depth)}]`);
  }

  end(): void {
    this.#print('\n]\n]\n');
  }
}

/** Bits of Go's mode that stand for setuid, setgid and sticky. */
const specialBits = [
  [2 ** 23, 0o4000],
  [2 ** 22, 0o2000],
  [2 ** 20, 0o1000],
] as const;

function ncduNode(node: TreeNode): Record<string, unknown> {
  const mode = node.mode ?? 0;
  const size = BigInt(node.size ?? 0);
  const special = specialBits.reduce((sum, [go, unix]) => sum | ((mode & go) !== 0 ? unix : 0), 0);
  return {
    name: toText(node.name),
    asize: size,
    dsize: ((size + blockBytes - 1n) / blockBytes) * blockBytes,
    dev: node.deviceId ?? 0,
    ino: node.inode ?? 0,
    nlink: node.links ?? 0,
    notreg: node.type !== 'dir' && node.type !== 'file',
    uid: node.uid,
    gid: node.gid,
    mode: (mode & 0o777) | special,
    mtime: Math.max(0, node.mtime.sec),
  };
}
