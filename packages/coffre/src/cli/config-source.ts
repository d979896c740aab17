/** The configuration that a command line means. What reads it is loaded here, so that other verbs do not wait for it. */
import { hostname } from 'node:os';
import { CoffreError } from '@coffre/repository/opening';
import type { ParsedConfig } from '../config/parse.ts';
import type { Variables } from '../config/variables.ts';
import type { Cli } from './cli.ts';

export type LoadedConfig = ParsedConfig & {
  /** As it was named or found; `environment` for the style without a file. */
  readonly file: string;
  readonly files: readonly string[];
  /** What secrets by variable are read from. */
  readonly variables: Variables;
  /** Hosts of sites that this machine is not. */
  readonly foreignHosts: readonly { readonly name: string; readonly sources: readonly string[] }[];
};

/** @throws {CoffreError} CONFIG_NOT_FOUND */
export async function loadConfig(cli: Cli, named: string | undefined, folder: string): Promise<LoadedConfig> {
  const { configPlaces, findConfigFile, readConfigFiles } = await import('../config/read/config-files.ts');
  const { parseConfig } = await import('../config/parse.ts');
  const { systemZone } = await import('../config/read/system-zone.ts');
  const file = findConfigFile(named, cli.environment, folder);
  const surroundings = { variables: cli.environment, systemZone: systemZone() };
  if (file !== undefined) {
    const texts = readConfigFiles(file, folder);
    const parsed = parseConfig(texts, surroundings);
    const files = texts.map(({ value }) => value.place.file);
    return { ...parsed, file, files, variables: cli.environment, foreignHosts: foreignHostsOf(parsed) };
  }
  const { placedVariables } = await import('../config/read/dot-env.ts');
  const { readSimpleStyle } = await import('../config/simple-style.ts');
  const placed = placedVariables(cli.environment, folder);
  const simple = readSimpleStyle(placed);
  if (simple === undefined) {
    throw new CoffreError('CONFIG_NOT_FOUND', 'there is no configuration', {
      hint: `Looked for ${configPlaces(cli.environment, folder).join(', ')}; name one with --config FILE.`,
    });
  }
  const parsed = parseConfig([simple], surroundings);
  const variables = Object.fromEntries([...placed].map(([name, { value }]) => [name, value]));
  return { ...parsed, file: 'environment', files: [], variables, foreignHosts: [] };
}

function foreignHostsOf({ config }: ParsedConfig): LoadedConfig['foreignHosts'] {
  const here = hostname();
  const sources = [...(config?.sources.values() ?? [])].filter(({ host }) => host !== undefined && host !== here);
  const names = [...new Set(sources.map(({ host }) => String(host)))];
  return names.map((name) => ({
    name,
    sources: sources.filter(({ host }) => host === name).map((source) => source.name),
  }));
}
