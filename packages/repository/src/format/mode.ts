/**
 * File modes. Trees hold Go's `fs.FileMode`; the kernel speaks `st_mode`.
 *
 *   bit   31  27      26     25   24     23     22     21        20     19         8..0
 *   Go    dir symlink device fifo socket setuid setgid chardev   sticky irregular  rwxrwxrwx
 *   st_mode: type in 0o170000; setuid 0o4000, setgid 0o2000, sticky 0o1000
 *
 * A character device has the bits device and chardev.
 */
import type { NodeType } from './tree.ts';

export const modeDir = 2 ** 31;
export const modeSymlink = 2 ** 27;
export const modeDevice = 2 ** 26;
export const modeFifo = 2 ** 25;
export const modeSocket = 2 ** 24;
export const modeSetuid = 2 ** 23;
export const modeSetgid = 2 ** 22;
export const modeCharDevice = 2 ** 21;
export const modeSticky = 2 ** 20;
export const modeIrregular = 2 ** 19;

function goTypeBits(stMode: number): number {
  switch (stMode & 0o170000) {
    case 0o040000:
      return modeDir;
    case 0o120000:
      return modeSymlink;
    case 0o060000:
      return modeDevice;
    case 0o020000:
      return modeDevice + modeCharDevice;
    case 0o010000:
      return modeFifo;
    case 0o140000:
      return modeSocket;
    case 0o100000:
      return 0;
    default:
      return modeIrregular;
  }
}

export function goMode(stMode: number): number {
  return (
    goTypeBits(stMode) +
    ((stMode & 0o4000) === 0 ? 0 : modeSetuid) +
    ((stMode & 0o2000) === 0 ? 0 : modeSetgid) +
    ((stMode & 0o1000) === 0 ? 0 : modeSticky) +
    (stMode & 0o777)
  );
}

const unixTypeBits: Readonly<Record<NodeType, number>> = {
  file: 0o100000,
  dir: 0o040000,
  symlink: 0o120000,
  dev: 0o060000,
  chardev: 0o020000,
  fifo: 0o010000,
  socket: 0o140000,
  irregular: 0,
};

/** `st_mode` of a node; the node's type decides the type bits. */
export function unixMode(mode: number, type: NodeType): number {
  return (
    unixTypeBits[type] |
    ((mode & modeSetuid) === 0 ? 0 : 0o4000) |
    ((mode & modeSetgid) === 0 ? 0 : 0o2000) |
    ((mode & modeSticky) === 0 ? 0 : 0o1000) |
    (mode & 0o777)
  );
}

/** Bits 31 to 19. */
const letters = 'dalTLDpSugct?';
const permissions = 'rwxrwxrwx';

/** As `restic ls -l` prints it: `drwxr-xr-x`, `-rw-------`, `Lrwxrwxrwx`, `dtrwxrwxrwx`. */
export function modeText(mode: number): string {
  const type = Array.from(letters)
    .filter((_, i) => ((mode >>> (31 - i)) & 1) === 1)
    .join('');
  const bits = Array.from(permissions, (letter, i) => (((mode >>> (8 - i)) & 1) === 1 ? letter : '-')).join('');
  return (type === '' ? '-' : type) + bits;
}
