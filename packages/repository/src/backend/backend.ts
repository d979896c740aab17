import { assert } from '../errors.ts';
import { isId } from '../ids.ts';
import type { Clock } from '../host/host.ts';
import type { Id } from '../ids.ts';
import type { Retention } from './retention.ts';

/** The kinds of file in a repository. `config` is the one file without an id. */
export type FileKind = 'data' | 'index' | 'snapshots' | 'locks' | 'keys';
/** All kinds; `config` is none of them. */
export const fileKinds: readonly FileKind[] = ['data', 'index', 'snapshots', 'locks', 'keys'];

/** Where a file is. `name` is 64 lower-case hex digits; `config` has none. */
export type FileHandle =
  | {
      readonly kind: FileKind;
      readonly name: string;
      /** Of a pack: it holds folder listings, and a cache keeps what is read of it. */
      readonly holdsTrees?: boolean;
    }
  | { readonly kind: 'config' };

export type ListedFile = {
  readonly name: string;
  readonly sizeBytes: number;
  /** When the storage itself took the file in, ms since 1970 by its clock; absent where it does not tell. */
  readonly storedMs?: number;
};

export type LoadOptions = {
  /** First byte wanted; 0 when absent. */
  offset?: number;
  /** Bytes wanted; to the end of the file when absent. */
  length?: number;
  signal?: AbortSignal;
  /** Memory that a storage may put the bytes into, where they fit; the returned buffer is then a view of it. */
  into?: SharedArrayBuffer;
};

/**
 * Storage of one repository. Implementations and wrappers (retry, fault, counting, dry run) share this interface;
 * `testing/backend-conformance.ts` is its executable contract.
 *
 * - Calls may run in parallel. Errors are CoffreErrors: BACKEND_NOT_FOUND, BACKEND_EXISTS, BACKEND_DENIED, BACKEND_FULL,
 *   BACKEND_SHORT_READ, BACKEND_IO, with `retryable` set when a later try may succeed.
 * - A file appears whole or not at all, and is durable when `save` resolves.
 * - An aborted signal rejects with its reason; a save that was cut short leaves nothing under the name.
 */
export type Backend = {
  /** For messages, without secrets: `/srv/repo`, `s3:https://host/bucket`. */
  readonly location: string;
  /** How many calls at once make sense. */
  readonly connectionsMax: number;
  /** A file of the same name is replaced by `save` atomically (then a retry needs no remove before). */
  readonly replacesAtomically: boolean;
  /** It asks `StorageOptions.throttle` before every piece that it moves; `withLimits` slows the others down from outside. */
  readonly isThrottled?: boolean;

  /** Makes the folders of an empty repository. Existing ones are not an error. */
  create(): Promise<void>;
  /**
   * Parts are concatenated; the caller does not touch them until the promise settles.
   * An existing name is replaced, or is BACKEND_EXISTS where the storage does not replace.
   */
  save(file: FileHandle, parts: readonly Uint8Array[], signal?: AbortSignal): Promise<void>;
  /** The whole range, or BACKEND_SHORT_READ / BACKEND_NOT_FOUND. The returned buffer belongs to the caller. */
  load(file: FileHandle, options?: LoadOptions): Promise<Buffer>;
  stat(file: FileHandle): Promise<{ sizeBytes: number }>;
  /** Only names of 64 hex digits; in no order. A kind whose folder is absent lists nothing. */
  list(kind: FileKind): AsyncIterable<ListedFile>;
  /** BACKEND_NOT_FOUND when it is not there. */
  remove(file: FileHandle): Promise<void>;
  /** Absent where the storage cannot keep files from deletion, or is not told to. */
  readonly retention?: Retention;
  /** Takes away what killed writers left half-written, once it is old enough to belong to nobody; how many files. */
  removeLeftovers?(clock: Clock): Promise<number>;
  /** The packs that the whole index knows: what a cache kept of others may go. */
  retainPacks?(known: readonly string[]): Promise<void>;
  /**
   * From now on a listing that shows suspiciously little is BACKEND_LIST_SHRANK, no longer a warning: said before work
   * that removes what no list names.
   */
  refuseShrunkenLists?(): void;
  /** From now on everything is read from the storage itself: a check of it must not be told by a cache. */
  bypassCaches?(): void;
  close(): Promise<void>;
};

/** `config` or `kind/id`. A name that is no id stops here, before it becomes a path. */
export function fileName(file: FileHandle): string {
  if (file.kind === 'config') return 'config';
  assert(isId(file.name), `${JSON.stringify(file.name)} is no file name of a repository`);
  return `${file.kind}/${file.name}`;
}

export function fileOf(kind: FileKind, id: Id<string>): FileHandle {
  return { kind, name: id };
}
