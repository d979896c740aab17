import { CoffreError } from '@coffre/repository';
import type { Cli } from './cli.ts';
import type { MeantOptions } from './meant-repositories.ts';

export type CreateOptions = Omit<MeantOptions, 'from'> & {
  readonly name: string;
  readonly pin?: true | undefined;
  readonly description?: string | undefined;
};

export async function createNamed(_cli: Cli, _options: CreateOptions): Promise<void> {
  throw new CoffreError('NOT_BUILT_YET', 'named backups cannot be made yet');
}
