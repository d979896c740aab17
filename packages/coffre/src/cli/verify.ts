/** `coffre verify`: a snapshot against its own manifest. */
import type { Command } from '@commander-js/extra-typings';
import type { Cli } from './cli.ts';
import { addSnapshotFilter } from './snapshot-options.ts';

export type VerifyVerbOptions = ReturnType<ReturnType<typeof addOptions>['opts']>;

function addOptions(command: Command) {
  return addSnapshotFilter(command.argument('[snapshot]', 'an id, its beginning or latest', 'latest'))
    .option('--checksums', 'print the signed hashes as `sha256sum -c` reads them, and read nothing back')
    .option('--hashes-only', 'do not open databases')
    .option('--key <fingerprint>', 'the key that must have signed (default: the key of this machine, if there is one)');
}

export function defineVerify(command: Command, cli: Cli): void {
  addOptions(command).action(async (name, options) => {
    const { runVerify } = await import('./verify-run.ts');
    await runVerify(cli, name, options);
  });
}
