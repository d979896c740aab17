/** What kind of thing an error is: MONITORING's words, and a few more where it has none. Pure. */
import type { ErrorCode } from '@coffre/repository';
import type { RunOutcome } from './runs.ts';

export const failureCauses = [
  /** The source could not be read, or is not what it should be. */
  'source',
  /** A guard of the plan refused it. */
  'guard',
  /** The tool that dumps it failed, or is not there. */
  'dump',
  'hook',
  /** The storage, or the repository in it, cannot be used. */
  'repository',
  /** Somebody else has it, or our own lock or lease was lost. */
  'lock',
  /** A password, a key, a secret, rights. */
  'auth',
  'space',
  /** What is saved has other bytes than those that were hashed. */
  'hash_mismatch',
  /** What is saved cannot be read or opened as what it is. */
  'integrity',
  'timeout',
  'configuration',
  'internal',
] as const;
export type FailureCause = (typeof failureCauses)[number];

const causeOfCode: { readonly [Code in ErrorCode]?: FailureCause } = {
  SOURCE_REFUSED: 'guard',
  SOURCE_COMMAND_FAILED: 'dump',
  SOURCE_TOOL_MISSING: 'dump',
  SOURCE_DENIED: 'auth',
  SOURCE_SPACE_SHORT: 'space',
  SOURCE_VERIFY_FAILED: 'integrity',
  HOOK_FAILED: 'hook',
  PLAN_RUNNING: 'lock',
  LEASE_LOST: 'lock',
  REPO_LOCKED: 'lock',
  REPO_LOCK_LOST: 'lock',
  REPO_PASSWORD_MISSING: 'auth',
  REPO_PASSWORD_WRONG: 'auth',
  REPO_KEY_REFUSED: 'auth',
  SECRET_UNAVAILABLE: 'auth',
  MANIFEST_KEY: 'auth',
  BACKEND_DENIED: 'auth',
  BACKEND_HOST_UNKNOWN: 'auth',
  BACKEND_HOST_CHANGED: 'auth',
  BACKEND_NOT_FOUND: 'integrity',
  BACKEND_FULL: 'space',
  STORE_FULL: 'space',
  VERIFY_FAILED: 'hash_mismatch',
  MANIFEST_MISSING: 'integrity',
  MANIFEST_DAMAGED: 'integrity',
  REPO_CONFIG_DAMAGED: 'integrity',
  REPO_KEY_DAMAGED: 'integrity',
  REPO_FILE_MISSING: 'integrity',
  REPO_FILE_DAMAGED: 'integrity',
  REPO_PACK_DAMAGED: 'integrity',
  REPO_BLOB_MISSING: 'integrity',
  REPO_BLOB_DAMAGED: 'integrity',
  REPO_TREE_DAMAGED: 'integrity',
  REPO_CHECK_FAILED: 'integrity',
  SEAL_BROKEN: 'integrity',
  BACKEND_SHORT_READ: 'integrity',
  BACKEND_UNREADABLE: 'integrity',
  RUN_OVERTIME: 'timeout',
  // Copies and what is removed: the backup itself is saved.
  RUN_INCOMPLETE: 'repository',
  COPY_BEHIND: 'repository',
  COPY_INCOMPLETE: 'repository',
  PRUNE_REFUSED: 'repository',
  SNAPSHOT_NOT_REMOVED: 'repository',
  POLICY_FLOOR: 'configuration',
  POLICY_REMOVES_ALL: 'configuration',
  PLAN_UNKNOWN: 'configuration',
  EXTENSION_UNUSABLE: 'configuration',
  SCHEDULE_INVALID: 'configuration',
  USAGE: 'configuration',
};

const causeOfFamily: readonly (readonly [string, FailureCause])[] = [
  ['SOURCE_', 'source'],
  ['REPO_', 'repository'],
  ['BACKEND_', 'repository'],
  ['CONFIG_', 'configuration'],
];

/** Undefined where nothing went wrong, or nobody knows what did: rows of older versions have no code. */
export function failureCause(outcome: RunOutcome, code: string | undefined): FailureCause | undefined {
  if (code === undefined || (outcome !== 'failed' && outcome !== 'warning')) return undefined;
  const known = Object.hasOwn(causeOfCode, code) ? causeOfCode[code as ErrorCode] : undefined;
  return known ?? causeOfFamily.find(([lead]) => code.startsWith(lead))?.[1] ?? 'internal';
}

/** Of the failed runs alone, in the words of the metrics, whose list is closed. */
export const failureReasons = [
  'source',
  'dump',
  'hook',
  'repository',
  'lock',
  'auth',
  'space',
  'integrity',
  'timeout',
  'internal',
] as const;
export type FailureReason = (typeof failureReasons)[number];

export function failureReason(cause: FailureCause): FailureReason {
  if (cause === 'guard') return 'source';
  if (cause === 'hash_mismatch') return 'integrity';
  return cause === 'configuration' ? 'internal' : cause;
}
