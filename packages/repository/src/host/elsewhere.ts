/** Files that are read at another place than the one they are saved as: in a snapshot of their file system. */
import type { ByteString } from '../format/bytestring.ts';
import type { U64 } from '../format/tree.ts';
import type { Files } from './files.ts';
import type { FileStat } from './stat.ts';

/** Plain values: threads get them too. */
export type FilePlace = {
  /** Absolute and clean: it and all below it, as they are saved. */
  readonly path: ByteString;
  readonly readFrom: ByteString;
  /** A snapshot has a number of its own; what is saved is on the live one, so that nothing seems to have moved. */
  readonly device?: { readonly from: U64; readonly to: U64 };
};

/** The deepest place decides; what no place holds is read where it is. */
export function readElsewhere(files: Files, places: readonly FilePlace[]): Files {
  if (places.length === 0) return files;
  const deepestFirst = places.toSorted((a, b) => b.path.length - a.path.length);
  const find = (path: ByteString): ByteString => {
    for (const { path: above, readFrom } of deepestFirst) {
      if (path === above) return readFrom;
      const start = above === '/' ? '/' : `${above}/`;
      if (path.startsWith(start)) return `${readFrom}/${path.slice(start.length)}` as ByteString;
    }
    return path;
  };
  const devices = new Map(places.flatMap(({ device }) => (device === undefined ? [] : [[device.from, device.to]])));
  const asLive = (stat: FileStat): FileStat => {
    const deviceId = devices.get(stat.deviceId);
    return deviceId === undefined ? stat : { ...stat, deviceId };
  };
  return {
    ...files,
    lstat: (path) => asLive(files.lstat(find(path))),
    fstat: (fd) => asLive(files.fstat(fd)),
    listNames: (path) => files.listNames(find(path)),
    readLink: (path) => files.readLink(find(path)),
    open: (path, options) => files.open(find(path), options),
    listXattrs: (path) => files.listXattrs(find(path)),
  };
}
