/** Where the password comes from, by restic's rules: command or file, then the environment, then a person, then stdin. */
import { spawnSync } from 'node:child_process';
import { CoffreError, commandWords, isCoffreError } from '@coffre/repository/opening';
import { decodeText, readTextFile, trimSpace } from './text-file.ts';
import { usage } from './values.ts';

export type PasswordSource = {
  readonly file: string | undefined;
  readonly command: string | undefined;
  /** The value of RESTIC_PASSWORD, taken raw. */
  readonly environment: string | undefined;
  readonly insecureNone: boolean;
};

/** Runs the words without a shell and gives its standard output; its errors go to ours. */
export type RunCommand = (words: readonly string[]) => Uint8Array;

/**
 * The password that was given without asking, or undefined. Output of a command and contents of a file are trimmed.
 * @throws {CoffreError} USAGE when two sources exclude each other or one fails
 */
export function givenPassword(source: PasswordSource, run: RunCommand = runCommand): string | undefined {
  if (isSet(source.file) && isSet(source.command)) {
    throw usage(
      'the options --password-file and --password-command exclude each other',
      'Give one of them; look at the environment too.',
    );
  }
  const password = resolved(source, run);
  const given = isSet(password) ? password : undefined;
  if (source.insecureNone && given !== undefined) {
    throw usage(
      '--insecure-no-password and a password exclude each other',
      'Take away the option, or the password from options and environment.',
    );
  }
  return source.insecureNone ? '' : given;
}

/** A failure begins as restic's does. */
function resolved({ command, file, environment }: PasswordSource, run: RunCommand): string | undefined {
  try {
    if (isSet(command)) return trimSpace(outputOf(command, run));
    return isSet(file) ? trimSpace(readTextFile(file)) : environment;
  } catch (error) {
    if (!isCoffreError(error)) throw error;
    throw usage(`Resolving password failed: ${error.message}`, error.hint);
  }
}

export function emptyPasswordRefused(option = '--insecure-no-password'): CoffreError {
  return new CoffreError('REPO_PASSWORD_MISSING', 'an empty password is not allowed by default', {
    hint: `Set RESTIC_PASSWORD or --password-file, or pass ${option} when the repository shall have none.`,
  });
}

function isSet(text: string | undefined): text is string {
  return text !== undefined && text !== '';
}

function outputOf(command: string, run: RunCommand): string {
  const words = commandWords(command, 'the password command');
  if (words.length === 0) throw usage('the password command is empty');
  const text = decodeText(run(words));
  if (text === undefined) throw usage('the password command did not print text in UTF-8');
  return text;
}

function runCommand(words: readonly string[]): Uint8Array {
  const [program = '', ...args] = words;
  const run = spawnSync(program, args, { stdio: ['inherit', 'pipe', 'inherit'] });
  if (run.error !== undefined)
    throw usage(`the password command ${JSON.stringify(program)} cannot be started: ${run.error.message}`);
  if (run.status === 0) return run.stdout;
  const end = run.status === null ? `was ended by ${run.signal ?? 'a signal'}` : `failed with exit code ${run.status}`;
  throw usage(`the password command ${JSON.stringify(program)} ${end}`);
}
