/** `--from-repo` and its companions: another repository beside the one of the verb. */
import type { CoffreError } from '@coffre/repository';
import type { Command } from '@commander-js/extra-typings';
import type { Environment } from './global-options.ts';
import { repositoryLocation } from './global-options.ts';
import type { Access } from './repository-access.ts';
import { usage } from './values.ts';

export function addSecondaryRepository<Args extends unknown[], Options, Globals>(
  command: Command<Args, Options & {}, Globals & {}>,
) {
  return command
    .option('--from-repo <repository>', 'the source repository (default: $RESTIC_FROM_REPOSITORY)')
    .option('--from-repository-file <file>', 'file that says where it is (default: $RESTIC_FROM_REPOSITORY_FILE)')
    .option('--from-password-file <file>', 'file with its password (default: $RESTIC_FROM_PASSWORD_FILE)')
    .option(
      '--from-password-command <command>',
      'command that prints its password (default: $RESTIC_FROM_PASSWORD_COMMAND)',
    )
    .option('--from-key-hint <id>', 'its key to try first (default: $RESTIC_FROM_KEY_HINT)')
    .option('--from-insecure-no-password', 'it has an empty password');
}

export type SecondaryOptions = {
  readonly fromRepo?: string | undefined;
  readonly fromRepositoryFile?: string | undefined;
  readonly fromPasswordFile?: string | undefined;
  readonly fromPasswordCommand?: string | undefined;
  readonly fromKeyHint?: string | undefined;
  readonly fromInsecureNoPassword?: true | undefined;
};

/** Undefined when no other repository was named. */
export function readSecondaryRepository(options: SecondaryOptions, environment: Environment): Access | undefined {
  const variable = (name: string): string | undefined => environment[`RESTIC_FROM_${name}`] || undefined;
  const repo = options.fromRepo ?? variable('REPOSITORY');
  const repositoryFile = options.fromRepositoryFile ?? variable('REPOSITORY_FILE');
  if (repo === undefined && repositoryFile === undefined) return undefined;
  return {
    location: repositoryLocation({ repo, repositoryFile }),
    question: 'enter password for source repository: ',
    password: {
      file: options.fromPasswordFile ?? variable('PASSWORD_FILE'),
      command: options.fromPasswordCommand ?? variable('PASSWORD_COMMAND'),
      environment: variable('PASSWORD'),
      insecureNone: options.fromInsecureNoPassword === true,
    },
    keyHint: options.fromKeyHint ?? variable('KEY_HINT'),
  };
}

/** Of a verb that needs one. */
export function noSecondaryRepository(
  hint = 'Add --from-repo /srv/backup, or set RESTIC_FROM_REPOSITORY.',
): CoffreError {
  return usage('Please specify a source repository location (--from-repo or --from-repository-file)', hint);
}
