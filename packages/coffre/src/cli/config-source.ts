/** The configuration that a command line means. What reads it is loaded here, so that other verbs do not wait for it. */
import { CoffreError } from '@coffre/repository/opening';
import type { ParsedConfig } from '../config/parse.ts';
import type { Cli } from './cli.ts';

export type LoadedConfig = ParsedConfig & {
  /** As it was named or found. */
  readonly file: string;
  readonly files: readonly string[];
};

/** @throws {CoffreError} CONFIG_NOT_FOUND */
export async function loadConfig(cli: Cli, named: string | undefined, folder: string): Promise<LoadedConfig> {
  const { configPlaces, findConfigFile, readConfigFiles } = await import('../config/read/config-files.ts');
  const { systemZone } = await import('../config/read/system-zone.ts');
  const { parseConfig } = await import('../config/parse.ts');
  const file = findConfigFile(named, cli.environment, folder);
  if (file === undefined) {
    throw new CoffreError('CONFIG_NOT_FOUND', 'there is no configuration', {
      hint: `Looked for ${configPlaces(cli.environment, folder).join(', ')}; name one with --config FILE.`,
    });
  }
  const texts = readConfigFiles(file, folder);
  return {
    ...parseConfig(texts, { variables: cli.environment, systemZone: systemZone() }),
    file,
    files: texts.map(({ value }) => value.place.file),
  };
}
