/**
 * One error tree. Callers test `code`, never the message; `docs/errors.md` lists every code and a test compares.
 * Messages are one sentence without a trailing full stop; the hint says what to do next.
 */
export const errorCodes = {
  // bad input
  USAGE: 'the command line or an option cannot be used as given',
  ID_MALFORMED: 'an id is not 64 hexadecimal digits',
  ID_AMBIGUOUS: 'an id prefix matches several files',
  SNAPSHOT_NOT_FOUND: 'no snapshot matches',
  SNAPSHOT_NOT_REMOVED: 'one or more snapshots could not be removed',
  PATH_NOT_IN_SNAPSHOT: 'the path is not in the snapshot',
  SOURCE_MISSING: 'none of the paths to back up exists',
  SOURCE_INCOMPLETE: 'some source data could not be read; the rest is saved',
  SOURCE_COMMAND_FAILED: 'the command whose output was to be saved failed; nothing was published',
  SOURCE_REFUSED: 'a guard refused the source; nothing was saved',
  SOURCE_INVALID: 'the source is not what it should be',
  SOURCE_UNREACHABLE: 'the server of a source cannot be reached, or does not let us in',
  SOURCE_DENIED: 'the user may not read or do what is needed',
  SOURCE_TOOL_MISSING: 'a program that is needed is not installed, or too old',
  SOURCE_BUSY: 'the source is kept busy by other programs for too long',
  SOURCE_SPACE_SHORT: 'there is not enough room for the copy of a source',
  SOURCE_TARGET_REFUSED: 'saved data cannot be loaded there safely',
  MANIFEST_MISSING: 'the snapshot has no manifest',
  MANIFEST_DAMAGED: 'the manifest or its signature cannot be read, or does not fit the other',
  MANIFEST_KEY: 'the key that signs manifests cannot be used',
  VERIFY_FAILED: 'what is saved is not what the manifest says',
  SOURCE_VERIFY_FAILED: 'the saved source does not open, or holds something else than when it was saved',
  SOURCE_DIFFERS: 'the source holds something else than the snapshot says',
  SCHEDULE_INVALID: 'a schedule or a time zone cannot be understood, or would never be due',
  POLICY_EMPTY: 'a retention policy without any rule was given',
  POLICY_REMOVES_ALL: 'the policy would remove every snapshot of a group',
  POLICY_FLOOR: 'removing these snapshots would go below the floor of the group',
  COPY_INCOMPLETE: 'one or more snapshots could not be copied whole; the others are',
  MIGRATION_FAILED: 'a migration could not be applied',
  PRUNE_REFUSED: 'removing data in this way would not be safe',
  REWRITE_REFUSED: 'a tree holds more than this version can write back',
  REPAIR_REFUSED: 'a repair would take out what may still be found, or something stands in its way',
  RESTORE_TARGET_REFUSED: 'the restore target cannot be used safely',
  RESTORE_INCOMPLETE: 'some files could not be restored',
  CONFIRMATION_NEEDED: 'the step must be confirmed and nobody is there to ask',
  NOT_BUILT_YET: 'the feature is planned and not in this version',
  INTERRUPTED: 'the user or a signal stopped the command',
  TRIAL_FOLDER_REFUSED: 'the folder for the trial holds something that is not ours',
  TRIAL_SPACE_SHORT: 'there is not enough free space for a trial backup and restore',
  TRIAL_DIFFERS: 'what was restored is not what was saved',
  CONFIG_INVALID: 'the configuration has mistakes',
  CONFIG_NOT_FOUND: 'there is no configuration where one was looked for',
  CONFIG_KEY_UNKNOWN: 'the configuration has no such key',
  SECRET_UNAVAILABLE: 'a secret that the configuration refers to cannot be read',
  PLAN_UNKNOWN: 'the configuration has no such plan, repository or copy',
  PLAN_RUNNING: 'the plan is being run by another process',
  SOURCE_NOT_HERE: 'the source is on another host',
  HOOK_FAILED: 'a hook failed, or did not end in time',
  LEASE_LOST: 'our lease on a repository ended while we worked there',
  PLAN_NOT_RUNNING: 'nothing of the plan runs or waits',
  DAEMON_RUNNING: 'another `coffre serve` works on the same state',
  DAEMON_ABSENT: 'no `coffre serve` answers',
  DAEMON_REFUSED: '`coffre serve` could not do what was asked',
  STATUS_NOT_FINE: 'a plan, a copy or a repository is not as it should be',
  RUN_OVERTIME: 'the run took longer than its plan allows',
  RUN_INCOMPLETE: 'the backup is saved, and something beside it failed',
  COPY_BEHIND: 'the backup is saved, and a copy of it could not be made',
  CHANGES_PENDING: 'the configuration says more than what was applied',
  EXTENSION_UNUSABLE: 'an extension that the configuration names cannot be used',
  BACKUP_NAME_TAKEN: 'another backup in the repository has the name',
  BACKUP_PINNED: 'the backup is pinned and stays',
  // repository
  REPO_NOT_FOUND: 'there is no repository at the place given',
  REPO_EXISTS: 'there is a repository already',
  REPO_VERSION_UNSUPPORTED: 'the repository has a version that this program does not know',
  REPO_CONFIG_DAMAGED: 'the config file cannot be read',
  REPO_PASSWORD_MISSING: 'no password was given',
  REPO_PASSWORD_WRONG: 'no key of the repository opens with the password',
  REPO_KEY_DAMAGED: 'a key file cannot be read',
  REPO_KEY_REFUSED: 'the key cannot be removed or added',
  REPO_LOCKED: 'another process holds a lock',
  REPO_LOCK_LOST: 'our own lock could not be kept fresh',
  REPO_CHANGED: 'another program changed the repository meanwhile',
  REPO_APPEND_ONLY: 'the config of the repository forbids to remove anything',
  REPO_FILE_MISSING: 'a file the repository needs is not there',
  REPO_FILE_DAMAGED: 'a file of the repository does not match its name or cannot be decrypted',
  REPO_PACK_DAMAGED: 'a pack file is damaged',
  REPO_BLOB_MISSING: 'the index does not know a blob that is needed',
  REPO_BLOB_DAMAGED: 'a blob cannot be decrypted, decompressed or does not match its id',
  REPO_TREE_DAMAGED: 'a tree cannot be parsed',
  REPO_CHECK_FAILED: 'the check found damage',
  SEAL_BROKEN: 'a message authentication code does not match',
  // storage
  BACKEND_NOT_FOUND: 'the file is not in the storage',
  BACKEND_EXISTS: 'the file is in the storage already',
  BACKEND_DENIED: 'the storage refuses access',
  BACKEND_FULL: 'the storage is full',
  BACKEND_IO: 'reading or writing the storage failed',
  BACKEND_SHORT_READ: 'the storage gave fewer bytes than asked',
  BACKEND_UNREADABLE: 'the disk cannot read a file, and reads others',
  BACKEND_NOT_MOUNTED: 'the disk or share that holds the repository is not mounted',
  BACKEND_LIST_SHRANK: 'the storage lists far less than before',
  BACKEND_HOST_UNKNOWN: 'the server is not known, so nobody can tell whether it is the right one',
  BACKEND_HOST_CHANGED: 'the server shows another key than the one that is known',
  BACKEND_READ_ONLY: 'the storage is opened for reading only',
  BACKEND_UNPROTECTED: 'the storage cannot protect what is written, as was asked for',
  BACKEND_URL: 'the repository address cannot be understood',
  // our own state
  STORE_ADDRESS: 'the address of the state cannot be understood',
  STORE_UNAVAILABLE: 'the database that holds the state cannot be used',
  STORE_RIGHTS: 'the role may not make the tables of the state',
  STORE_BUSY: 'another process kept the database that holds the state for too long',
  STORE_FULL: 'there is no room for the state',
  STORE_DAMAGED: 'the database that holds the state is damaged',
  STORE_NEWER: 'the state was written by a newer version of the program',
  AUDIT_BROKEN: 'the audit log is not what was written',
  AUDIT_KEY: 'a key of the audit log cannot be read',
  // surroundings
  SERVER_ADDRESS: 'the server cannot listen at the address',
  HOST_UNSUPPORTED: 'this machine lacks something that is needed',
  INTERNAL: 'a contradiction inside the program; please report it',
} as const;

export type ErrorCode = keyof typeof errorCodes;

export type ErrorDetail = {
  /** What to do next, one sentence. */
  readonly hint?: string;
  /** A later try of the same call may succeed. */
  readonly retryable?: boolean;
  /** The storage asked not to be tried again before. */
  readonly retryAfterMs?: number;
  readonly cause?: unknown;
};

/** Test `code`, not the class: see `isCoffreError`. */
export class CoffreError extends Error {
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  readonly retryable: boolean;
  readonly retryAfterMs: number | undefined;

  constructor(code: ErrorCode, message: string, detail: ErrorDetail = {}) {
    super(message, detail.cause === undefined ? undefined : { cause: detail.cause });
    this.name = 'CoffreError';
    this.code = code;
    this.hint = detail.hint;
    this.retryable = detail.retryable ?? false;
    this.retryAfterMs = detail.retryAfterMs;
  }
}

/** By shape, not by class: errors that crossed a worker are rebuilt, and two copies of the library may be loaded. */
export function isCoffreError(error: unknown, code?: ErrorCode): error is CoffreError {
  if (!(error instanceof Error) || error.name !== 'CoffreError' || !('code' in error)) return false;
  return code === undefined || error.code === code;
}

/** Damage in one file, which a reader can report and pass over; no access and no network are not that. */
export function isDamage(error: unknown): boolean {
  return damageCodes.some((code) => isCoffreError(error, code));
}

const damageCodes: readonly ErrorCode[] = ['REPO_FILE_DAMAGED', 'BACKEND_SHORT_READ', 'BACKEND_UNREADABLE'];

/** What was caught, as an error that can be thrown again. */
export function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}

/** The sentence of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** An internal contradiction stops the run; it is never logged and passed over. */
export function assert(condition: unknown, what: string): asserts condition {
  if (!condition) {
    throw new CoffreError('INTERNAL', what, { hint: 'Please report this with the command you ran.' });
  }
}
