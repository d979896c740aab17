/** The closed union of kinds. A new engine is a file beside these and a line here. */
import { command, type CommandSettings, type CommandTruth } from './command/command.ts';
import { extension, type ExtensionSettings, type ExtensionTruth } from './extension/extension.ts';
import { files, type FilesSettings, type FilesTruth } from './files/files.ts';
import { git, type GitSettings, type GitTruth } from './git/git.ts';
import { mongodb, type MongodbSettings, type MongodbTruth } from './mongodb/mongodb.ts';
import { mysql, type MysqlSettings, type MysqlTruth } from './mysql/mysql.ts';
import { postgresql, type PostgresSettings, type PostgresTruth } from './postgresql/postgresql.ts';
import { redis, type RedisSettings, type RedisTruth } from './redis/redis.ts';
import type { SourceType } from './source.ts';
import { sqlite, type SqliteSettings, type SqliteTruth } from './sqlite/sqlite.ts';

/** Settings and truth of each kind. */
export type SourceKinds = {
  files: { settings: FilesSettings; truth: FilesTruth };
  sqlite: { settings: SqliteSettings; truth: SqliteTruth };
  command: { settings: CommandSettings; truth: CommandTruth };
  mongodb: { settings: MongodbSettings; truth: MongodbTruth };
  mysql: { settings: MysqlSettings; truth: MysqlTruth };
  postgresql: { settings: PostgresSettings; truth: PostgresTruth };
  git: { settings: GitSettings; truth: GitTruth };
  redis: { settings: RedisSettings; truth: RedisTruth };
  extension: { settings: ExtensionSettings; truth: ExtensionTruth };
};
export type SourceKind = keyof SourceKinds;

export const sourceTypes: {
  readonly [Kind in SourceKind]: SourceType<SourceKinds[Kind]['settings'], SourceKinds[Kind]['truth']>;
} = { files, sqlite, command, mongodb, mysql, redis, postgresql, git, extension };

export type SourceSpec = {
  readonly [Kind in SourceKind]: { readonly kind: Kind; readonly settings: SourceKinds[Kind]['settings'] };
}[SourceKind];

/** Without its kind, for whoever does the same with all of them. */
export function typeOf(kind: SourceKind): SourceType<unknown, unknown> {
  return sourceTypes[kind];
}

export function isSourceKind(text: string): text is SourceKind {
  return Object.hasOwn(sourceTypes, text);
}
