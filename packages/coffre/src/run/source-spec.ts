/** A source as the configuration has it becomes one that can be saved. Secrets are read here, when they are used. */
import {
  cacheMarker,
  compilePatterns,
  createSelection,
  toByteString,
  type ExcludeMarker,
  type Files,
  type Selection,
} from '@coffre/repository';
import {
  guardsOf,
  type CommandSettings,
  type Config,
  type FilesSettings,
  type Guards,
  type PlanConfig,
  type SourceConfig,
} from '../config/config.ts';
import type { SecretDoors } from '../config/read/secrets.ts';
import type { GuardRules } from '../source/files/guards.ts';
import type { SourceSpec } from '../source/source-types.ts';
import { mongodbSettings } from './mongodb-spec.ts';
import { mysqlSettings } from './mysql-spec.ts';
import { postgresSettings } from './postgresql-spec.ts';
import { redisAddress } from './redis-spec.ts';

export type SpecParts = {
  readonly plan: Pick<PlanConfig, 'guards'>;
  readonly secrets: Config['secrets'];
  readonly doors: SecretDoors;
  readonly files: Files;
};

const commandTimeoutDefaultMs = 6 * 3_600_000;

/** Several where one entry names several databases. @throws {CoffreError} SECRET_UNAVAILABLE, USAGE */
export async function sourceSpecsOf(source: SourceConfig, parts: SpecParts): Promise<readonly SourceSpec[]> {
  const name = shortName(source);
  switch (source.type) {
    case 'files':
      return [filesSpec(name, source, parts)];
    case 'sqlite':
      return sqliteSpecs(name, source.paths);
    case 'command':
      return [commandSpec(name, source)];
    case 'postgresql':
      return [{ kind: 'postgresql', settings: await postgresSettings(name, source, parts) }];
    case 'mysql':
    case 'mariadb':
      return [{ kind: 'mysql', settings: await mysqlSettings(name, source, parts) }];
    case 'redis': {
      const { connect, method } = source;
      return [{ kind: 'redis', settings: { name, method, address: await redisAddress(connect, parts) } }];
    }
    case 'git':
      return [{ kind: 'git', settings: { name, path: source.path } }];
    case 'extension':
      return [{ kind: 'extension', settings: { name, use: source.use, settings: source.settings } }];
    case 'mongodb':
      return [{ kind: 'mongodb', settings: await mongodbSettings(name, source, parts) }];
    default:
      return source satisfies never;
  }
}

/** Without the site: it is the name of a folder in the snapshot. */
export function shortName({ name }: Pick<SourceConfig, 'name'>): string {
  return name.slice(name.indexOf('/') + 1);
}

function filesSpec(name: string, source: SourceConfig & FilesSettings, { plan, files }: SpecParts): SourceSpec {
  const { validate, moduleFrom, freeze } = source;
  return {
    kind: 'files',
    settings: {
      name,
      paths: source.paths.map((path) => toByteString(path)),
      selection: selectionOf(source, files),
      guards: guardRulesOf(guardsOf(plan, source)),
      ...(validate === undefined ? {} : { validation: validate }),
      ...(moduleFrom === undefined ? {} : { moduleFrom }),
      ...(freeze === undefined ? {} : { freeze }),
    },
  };
}

function selectionOf(source: FilesSettings, files: Files): Selection {
  const markers: ExcludeMarker[] = source.excludeIfPresent.map((text) => {
    const colon = text.indexOf(':');
    return colon < 0 ? { fileName: text } : { fileName: text.slice(0, colon), header: text.slice(colon + 1) };
  });
  const { excludeLargerThanBytes: largerThanBytes } = source;
  return createSelection(files, {
    exclude: compilePatterns(source.exclude),
    markers: source.excludeCaches ? [...markers, cacheMarker] : markers,
    ...(largerThanBytes === undefined ? {} : { largerThanBytes }),
    ...(source.oneFileSystem ? { oneFileSystemOf: source.paths.map((path) => toByteString(path)) } : {}),
  });
}

function guardRulesOf(guards: Guards): GuardRules {
  return {
    emptySource: guards.emptySource,
    wrongMount: guards.wrongMount,
    filesMin: guards.minFiles,
    shrinkOverPercent: guards.shrinkOverPercent,
    growthOverPercent: guards.growthOverPercent,
    overGrowth: 'warn',
  };
}

/** One database is called as the source; of several each has the name of its file too. */
function sqliteSpecs(name: string, paths: readonly string[]): SourceSpec[] {
  return paths.map((path, index) => {
    if (paths.length === 1) return { kind: 'sqlite', settings: { name, path } };
    const file = path.slice(path.lastIndexOf('/') + 1);
    const isAlone = paths.every((other, place) => place === index || !other.endsWith(`/${file}`));
    const own = isAlone ? file : path.replace(/^\//, '').replaceAll('/', '-');
    return { kind: 'sqlite', settings: { name: `${name}-${own}`, path } };
  });
}

function commandSpec(name: string, { run, load, filename, timeoutMs }: CommandSettings): SourceSpec {
  return {
    kind: 'command',
    settings: {
      name,
      argv: run,
      timeoutMs: timeoutMs ?? commandTimeoutDefaultMs,
      ...(load === undefined ? {} : { load }),
      ...(filename === undefined ? {} : { filename }),
    },
  };
}
