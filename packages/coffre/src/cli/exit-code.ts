import { CoffreError, isCoffreError } from '@coffre/repository/opening';
import type { ErrorCode } from '@coffre/repository';

/** Verbs that restic has use its codes and no others, so that scripts transfer; 2 is for a wrong configuration. */
export type ExitCode = 0 | 1 | 2 | 3 | 10 | 11 | 12 | 20 | 21 | 22 | 23 | 24 | 25 | 26 | 27 | 130;

const special: Partial<Readonly<Record<ErrorCode, ExitCode>>> = {
  SOURCE_INCOMPLETE: 3,
  SNAPSHOT_NOT_REMOVED: 3,
  REPO_NOT_FOUND: 10,
  REPO_LOCKED: 11,
  REPO_LOCK_LOST: 11,
  REPO_PASSWORD_WRONG: 12,
  PLAN_RUNNING: 11,
  LEASE_LOST: 11,
  RUN_INCOMPLETE: 3,
  CONFIG_INVALID: 2,
  CONFIG_NOT_FOUND: 2,
  CONFIG_KEY_UNKNOWN: 2,
  EXTENSION_UNUSABLE: 2,
  MANIFEST_DAMAGED: 20,
  VERIFY_FAILED: 20,
  MANIFEST_MISSING: 21,
  SOURCE_VERIFY_FAILED: 21,
  STATUS_NOT_FINE: 22,
  SOURCE_REFUSED: 23,
  CONFIRMATION_NEEDED: 24,
  COPY_BEHIND: 25,
  HOOK_FAILED: 26,
  CHANGES_PENDING: 27,
  INTERRUPTED: 130,
};

/** The verb did what it should and said all there is to say; only the code tells more. */
export class ExitVerdict extends CoffreError {
  readonly exitCode: ExitCode;

  constructor(exitCode: ExitCode) {
    super('STATUS_NOT_FINE', '');
    this.exitCode = exitCode;
  }
}

export function exitCodeOf(error: unknown): ExitCode {
  if (error instanceof ExitVerdict) return error.exitCode;
  return isCoffreError(error) ? exitCodeOfCode(error.code) : 1;
}

export function exitCodeOfCode(code: ErrorCode): ExitCode {
  return special[code] ?? 1;
}
