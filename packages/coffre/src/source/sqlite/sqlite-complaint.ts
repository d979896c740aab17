import type { ErrorCode } from '@coffre/repository';

/**
 * A CoffreError on its way out of the thread, which becomes one there. The thread itself loads nothing but SQLite: the
 * whole of the library takes longer to load than a small database to look through.
 */
export class SqliteComplaint extends Error {
  readonly code: ErrorCode;
  readonly hint: string | undefined;

  constructor(code: ErrorCode, message: string, hint?: string) {
    super(message);
    this.code = code;
    this.hint = hint;
  }
}

export function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
