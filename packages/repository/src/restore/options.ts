import { CoffreError } from '../errors.ts';
import type { ByteString } from '../format/bytestring.ts';
import type { Handles } from '../host/handles.ts';
import type { BlobId } from '../ids.ts';
import type { RestoreCounters, RestoreEvent } from './report.ts';
import type { RestoreSelection } from './selection.ts';

/** What happens to an entry that exists: always, when size or time differ, when the snapshot's is newer, never. */
export type Overwrite = 'always' | 'if-changed' | 'if-newer' | 'never';

export type XattrRules = { readonly include?: readonly string[]; readonly exclude?: readonly string[] };

/** What a hostile or damaged repository may ask of us. */
export type RestoreBudget = { readonly entriesMax: number; readonly bytesMax: number; readonly depthMax: number };

export const budgetDefault: RestoreBudget = {
  entriesMax: 200_000_000,
  bytesMax: Number.MAX_SAFE_INTEGER,
  depthMax: 2000,
};

export type RestoreOptions = {
  /** The snapshot's root tree. */
  readonly tree: BlobId;
  /** Restores only what is below this path of the snapshot, or this one file, right into the target. */
  readonly subPath?: ByteString;
  /** What was asked for is there, and nothing has been written yet. */
  readonly begins?: () => void;
  /** The folder to restore into; made when it is missing. */
  readonly target: ByteString;
  readonly selection?: RestoreSelection;
  readonly overwrite?: Overwrite;
  /** Removes what the snapshot does not hold. */
  readonly delete?: boolean;
  /** Leaves runs of zeros out as holes. */
  readonly sparse?: boolean;
  /** Reads every restored file again and compares. */
  readonly verify?: boolean;
  readonly dryRun?: boolean;
  /** Without setuid and setgid bits, devices and capabilities: for data that nobody vouches for. */
  readonly safe?: boolean;
  readonly ownershipByName?: boolean;
  readonly xattrs?: XattrRules;
  /** When data is forced to the disk: once at the end, after each file, or by the system when it likes. */
  readonly sync?: 'end' | 'each' | 'never';
  readonly budget?: Partial<RestoreBudget>;
  readonly threads?: number;
  readonly counters?: RestoreCounters;
  readonly report?: (event: RestoreEvent) => void;
  /** Whether `item` events are wanted; errors always come. */
  readonly reportItems?: boolean;
  readonly signal?: AbortSignal;
  /** The calls that write; the real ones when absent. Tests make them fail. */
  readonly handles?: Handles;
};

/** @throws {CoffreError} USAGE, RESTORE_TARGET_REFUSED */
export function checkOptions(options: RestoreOptions): void {
  if (options.dryRun === true && options.verify === true) {
    throw new CoffreError('USAGE', 'a dry run writes nothing that could be verified', {
      hint: 'Leave out --dry-run or --verify.',
    });
  }
  if (options.xattrs?.include !== undefined && options.xattrs.exclude !== undefined) {
    throw new CoffreError('USAGE', 'extended attributes can be included or excluded, not both', {
      hint: 'Give --include-xattr or --exclude-xattr.',
    });
  }
  if (options.target === '' || options.target.includes('\0')) {
    throw new CoffreError('RESTORE_TARGET_REFUSED', 'the target is not a path', {
      hint: 'Name a folder with --target.',
    });
  }
}

/** Everything that is in the target and not in the snapshot goes, wherever it is. */
export function deletesEverythingElse(options: Pick<RestoreOptions, 'delete' | 'selection'>): boolean {
  return options.delete === true && options.selection === undefined;
}
