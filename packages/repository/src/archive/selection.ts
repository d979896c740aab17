import type { ByteString } from '../format/bytestring.ts';
import type { FileStat } from '../host/stat.ts';

/** Which entries a backup takes. Both questions get the absolute path. */
export type Selection = {
  /** Before anything is read of the entry. */
  byName(path: ByteString): boolean;
  byStat(path: ByteString, stat: FileStat): boolean;
};

export const everything: Selection = { byName: () => true, byStat: () => true };
