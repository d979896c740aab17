import { isCoffreError, messageOf } from '@coffre/repository/opening';
import { exitCodeOf } from '../exit-code.ts';
import { withoutControls } from './display.ts';
import { jsonText } from './json.ts';

/** Sentences that restic begins with another word than `Fatal:`; programs look for these. */
const lead: Readonly<Record<string, string>> = {
  SOURCE_INCOMPLETE: 'Warning: ',
  RUN_INCOMPLETE: 'Warning: ',
  COPY_BEHIND: 'Warning: ',
  SNAPSHOT_NOT_REMOVED: '',
  REPO_LOCKED: 'unable to create lock in backend: ',
  INTERRUPTED: '',
};

const tail: Readonly<Record<string, string>> = {
  REPO_LOCKED: '\nthe `unlock` command can be used to remove stale locks',
};

/** The sentence, then code and hint on a line of their own, so that the first line is the one restic prints. */
export function failureText(error: unknown): string {
  const { message, code, hint } = describe(error);
  if (code === 'INTERRUPTED') return message;
  return `${message}\n  ${hint === undefined ? code : `${code}: ${hint}`}`;
}

export function failureJson(error: unknown): string {
  const { message, code, hint } = describe(error);
  return jsonText({ message_type: 'exit_error', code: exitCodeOf(error), message, error_code: code, hint });
}

function describe(error: unknown): { message: string; code: string; hint: string | undefined } {
  if (!isCoffreError(error)) {
    const hint = 'This is a defect of the program; run again with COFFRE_DEBUG=1 for where it happened, and report it.';
    return { message: `Fatal: unexpected error: ${withoutControls(messageOf(error))}`, code: 'INTERNAL', hint };
  }
  const sentence = `${lead[error.code] ?? 'Fatal: '}${withoutControls(error.message)}${tail[error.code] ?? ''}`;
  return { message: sentence, code: error.code, hint: error.hint };
}
