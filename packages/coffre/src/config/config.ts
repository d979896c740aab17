/**
 * The configuration as the rest of the program knows it: checked, names looked up, defaults filled in, every number in
 * the unit that its name ends with. Things that have names are kept by name, in the order of the file.
 */
import type { CompressionLevel, RetentionPolicy } from '@coffre/repository';
import type { ClockTrigger, ScheduleSpec, Window, ZoneName } from '../schedule/schedule-spec.ts';
import type { ConfigDocument } from './schema/document.ts';
import type { Confidential } from './schema/leaf.ts';
import type { UnusedLimit } from './schema/repositories.ts';
import type { Share } from './values/quantity.ts';

declare const kind: unique symbol;
type Name<Kind extends string> = string & { readonly [kind]: Kind };

export type SecretName = Name<'SecretName'>;
export type RepositoryName = Name<'RepositoryName'>;
export type SiteName = Name<'SiteName'>;
/** `site/source`: what people call an item. */
export type SourceName = Name<'SourceName'>;
export type PlanName = Name<'PlanName'>;
export type HostName = Name<'HostName'>;

export type Config = {
  /** Modules, as they are named; looked for from the folder of the file, and loaded when something of them is used. */
  readonly extensions: readonly string[];
  readonly company: string | undefined;
  readonly timezone: ZoneName;
  readonly secrets: ReadonlyMap<SecretName, SecretSource>;
  readonly repositories: ReadonlyMap<RepositoryName, RepositoryConfig>;
  readonly sites: ReadonlyMap<SiteName, SiteConfig>;
  /** Those of all sites. */
  readonly sources: ReadonlyMap<SourceName, SourceConfig>;
  readonly plans: ReadonlyMap<PlanName, PlanConfig>;
  readonly server: ServerConfig;
  /** Undefined: a file of SQLite in the state folder. */
  readonly store: StoreConfig | undefined;
  /** As checked; whoever runs them gives them a form of their own. Times are milliseconds, sizes bytes. */
  readonly drills: ConfigDocument['drills'];
  readonly runbooks: ConfigDocument['runbooks'];
  readonly fleet: ConfigDocument['fleet'];
  readonly alerts: ConfigDocument['alerts'];
  readonly contacts: ConfigDocument['contacts'];
};

/** Where a secret is. Its value is read when it is used and kept nowhere. */
export type SecretSource =
  | { readonly kind: 'env'; readonly variable: string }
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'command'; readonly argv: readonly string[] }
  | { readonly kind: 'systemd'; readonly credential: string };

export type RepositoryConfig = {
  readonly name: RepositoryName;
  readonly url: Confidential;
  readonly password: Confidential;
  readonly access: RepositoryAccess;
  /** As with `-o`. */
  readonly options: Readonly<Record<string, string>>;
  readonly place: RepositoryPlace;
  readonly compression: CompressionLevel;
  readonly capacityBytes: number | undefined;
  readonly capacityAlertPercent: number | undefined;
  readonly check: {
    readonly structure: ClockTrigger | undefined;
    readonly readData: Share | undefined;
    readonly fullWithinMs: number | undefined;
  };
  readonly prune: PruneConfig | undefined;
  readonly appendOnly: boolean;
  /** The host that prunes and checks; undefined for whoever runs the plans. */
  readonly maintainedBy: HostName | undefined;
  readonly objectLockMs: number | undefined;
  readonly limits: {
    readonly uploadBytesPerSecond: number | undefined;
    readonly downloadBytesPerSecond: number | undefined;
    /** None means at any time. */
    readonly windows: readonly Window[];
    readonly connectionsMax: number | undefined;
  };
};

export type RepositoryAccess = {
  readonly id: Confidential | undefined;
  readonly key: Confidential | undefined;
  readonly sessionToken: Confidential | undefined;
  readonly region: string | undefined;
};

/** What 3-2-1 is computed from. Repositories that say nothing count as unknown, never as another place. */
export type RepositoryPlace = {
  readonly medium: 'disk' | 'removable' | 'nas' | 'server' | 'object' | 'tape' | 'optical' | undefined;
  readonly place: string | undefined;
};

export type PruneConfig = {
  readonly schedule: ClockTrigger;
  readonly maxUnused: UnusedLimit | undefined;
  readonly maxRepackBytes: number | undefined;
};

export type SiteConfig = {
  readonly name: SiteName;
  /** Undefined: the host that reads this file. */
  readonly host: HostName | undefined;
  readonly place: string | undefined;
  readonly application: ApplicationConfig | undefined;
};

export type ApplicationConfig = {
  readonly name: string | undefined;
  readonly version:
    | { readonly kind: 'text'; readonly text: string }
    | { readonly kind: 'command'; readonly argv: readonly string[] }
    | { readonly kind: 'file'; readonly path: string }
    | undefined;
};

export type Criticality = 'low' | 'medium' | 'high' | 'critical';

/** What every source has. */
export type SourceCommon = {
  readonly name: SourceName;
  readonly site: SiteName;
  readonly host: HostName | undefined;
  readonly criticality: Criticality;
  readonly objectives: { readonly rpoMs: number | undefined; readonly rtoMs: number | undefined };
  readonly sensitive: boolean;
  /** Only what this source itself says; a plan joins it with its own. */
  readonly guards: Partial<Guards>;
  readonly hooks: readonly HookConfig[];
  readonly waivers: readonly Waiver[];
  readonly application: ApplicationConfig | undefined;
};

export type SourceConfig = SourceCommon & SourceSettings;

export type SourceSettings =
  | FilesSettings
  | ({ readonly type: 'postgresql' | 'mysql' | 'mariadb' | 'mongodb' } & DumpSettings)
  | { readonly type: 'sqlite'; readonly paths: readonly string[]; readonly continuousMs: number | undefined }
  | { readonly type: 'redis'; readonly connect: ServerAddress; readonly method: 'rdb' | 'aof' | 'both' }
  | { readonly type: 'git'; readonly path: string }
  /** The kind is brought by an extension, and so is the meaning of the settings. */
  | { readonly type: 'extension'; readonly use: string; readonly settings: unknown }
  | CommandSettings;

export type FilesSettings = {
  readonly type: 'files';
  readonly paths: readonly string[];
  readonly exclude: readonly string[];
  readonly excludeCaches: boolean;
  readonly excludeIfPresent: readonly string[];
  readonly excludeLargerThanBytes: number | undefined;
  readonly oneFileSystem: boolean;
  /** Holds `{module}` once. */
  readonly moduleFrom: string | undefined;
  readonly validate: ContentCheck | undefined;
  readonly freeze: 'btrfs' | 'zfs' | 'lvm' | undefined;
};

export type ContentCheck =
  | { readonly kind: 'toml' | 'json' | 'yaml' | 'sqlite' }
  | { readonly kind: 'command'; readonly argv: readonly string[] }
  | { readonly kind: 'extension'; readonly name: string };

export type DumpSettings = {
  readonly connect: ServerAddress;
  readonly parallelOverBytes: number | undefined;
  readonly jobs: number | undefined;
  readonly dumpArguments: readonly string[];
  /** What is in the rows is recorded too, not only how many there are. */
  readonly sumsContent: boolean;
  /** Where proofs load it. */
  readonly scratch: TrialPlace;
};

/** A server of one's own that is thrown away, the server itself, or another one: there in databases of other names. */
export type TrialPlace =
  | 'private'
  | 'same_server'
  | Pick<ServerAddress, 'url' | 'user' | 'password' | 'tls' | 'caFile'>;

export type ServerAddress = {
  readonly url: Confidential | undefined;
  readonly service: string | undefined;
  readonly socket: string | undefined;
  readonly host: string | undefined;
  readonly port: number | undefined;
  /** None means all. */
  readonly databases: readonly string[];
  readonly excludeDatabases: readonly string[];
  readonly user: string | undefined;
  readonly password: Confidential | undefined;
  readonly tls: 'off' | 'prefer' | 'require' | 'verify' | undefined;
  readonly caFile: string | undefined;
};

export type CommandSettings = {
  readonly type: 'command';
  readonly run: readonly string[];
  readonly load: readonly string[] | undefined;
  readonly filename: string | undefined;
  readonly timeoutMs: number | undefined;
};

export type Waiver = {
  readonly rule: 'offsite' | 'copies' | 'media';
  readonly reason: string;
  readonly until: string | undefined;
};

export type GuardAction = 'refuse' | 'warn' | 'allow';

export type Guards = {
  readonly emptySource: GuardAction;
  readonly wrongMount: GuardAction;
  readonly minFiles: number;
  readonly shrinkOverPercent: number | undefined;
  readonly growthOverPercent: number | undefined;
  readonly futureSnapshots: 'ignore' | 'warn' | 'refuse';
};

export type HookConfig = {
  readonly at: 'before' | 'after' | 'error' | 'finally';
  readonly command: { readonly argv: readonly string[] } | { readonly shell: string };
  readonly timeoutMs: number;
  readonly onError: 'abort' | 'warn';
  readonly environment: Readonly<Record<string, Confidential>>;
};

export type PlanConfig = {
  readonly name: PlanName;
  readonly sources: readonly SourceConfig[];
  readonly to: RepositoryName;
  /** Jitter, catching up and the enable switch included. Without triggers it runs by hand only. */
  readonly schedule: ScheduleSpec;
  readonly skipIfUnchanged: boolean;
  readonly copies: readonly CopyConfig[];
  /** Repositories without an entry keep everything. */
  readonly retention: ReadonlyMap<RepositoryName, RetentionConfig>;
  readonly verify: Readonly<Record<'each' | 'daily' | 'weekly', readonly ProofStep[]>>;
  readonly hooks: readonly HookConfig[];
  /** Those of the plan over those of `defaults`; what a source says itself comes last: `guardsOf`. */
  readonly guards: Guards;
  readonly maxRuntimeMs: number;
  readonly priority: 'low' | 'normal' | 'high';
  readonly retries: { readonly times: number; readonly waitMs: number };
  readonly tags: readonly string[];
};

export type ProofStep = 'hash' | 'archive' | 'open' | 'parse' | 'schema' | 'row_counts';

export type CopyConfig = {
  readonly to: RepositoryName;
  readonly when:
    | { readonly kind: 'each' }
    | { readonly kind: 'manual' }
    | { readonly kind: 'schedule'; readonly trigger: ClockTrigger };
  /** How far it may lag behind. */
  readonly objectiveMs: number | undefined;
  readonly hooks: readonly HookConfig[];
};

/** The floor counts complete, unpinned, automatic snapshots, whatever the rules say. */
export type RetentionConfig = RetentionRule & {
  /** Brought by an extension; it proposes instead of the policy. */
  readonly strategy?: string;
  /** For backups that people named; absent keeps them until they are deleted. */
  readonly manual?: RetentionRule;
};
export type RetentionRule = { readonly policy: RetentionPolicy; readonly floor: number };

export type ServerConfig = {
  readonly listen: string;
  readonly metrics: boolean;
  readonly runsMax: number;
  readonly runsPerHostMax: number;
  readonly audit: { readonly syslog: string; readonly format: 'rfc5424' | 'cef' | 'ecs' | 'ocsf' } | undefined;
};

export type StoreConfig = { readonly url: Confidential; readonly password: Confidential | undefined };

/** What holds for a source within a plan: the nearest word wins. */
export function guardsOf(plan: Pick<PlanConfig, 'guards'>, source: SourceConfig): Guards {
  return { ...plan.guards, ...source.guards };
}

/** For whoever has looked at the sources and wants them saved as they are. */
export const noGuards: Guards = {
  emptySource: 'allow',
  wrongMount: 'allow',
  minFiles: 0,
  shrinkOverPercent: undefined,
  growthOverPercent: undefined,
  futureSnapshots: 'ignore',
};
