import type {
  ApplicationConfig,
  ContentCheck,
  Guards,
  HookConfig,
  HostName,
  ServerAddress,
  SiteConfig,
  SiteName,
  SourceCommon,
  SourceConfig,
  SourceName,
  SourceSettings,
  TrialPlace,
} from '../config.ts';
import type { ConfigDocument } from '../schema/document.ts';

type WrittenSite = ConfigDocument['sites'][string];
type WrittenSource = WrittenSite['sources'][string];
type Sites = {
  readonly sites: ReadonlyMap<SiteName, SiteConfig>;
  readonly sources: ReadonlyMap<SourceName, SourceConfig>;
};

export function sitesOf(written: ConfigDocument['sites']): Sites {
  const sites = new Map<SiteName, SiteConfig>();
  const sources = new Map<SourceName, SourceConfig>();
  for (const [siteKey, site] of Object.entries(written)) {
    const name = siteKey as SiteName;
    const host = site.host as HostName | undefined;
    sites.set(name, { name, host, place: site.place, application: applicationOf(site.application) });
    for (const [sourceKey, source] of Object.entries(site.sources)) {
      const full = `${siteKey}/${sourceKey}` as SourceName;
      sources.set(full, { ...commonOf(full, name, site, source), ...settingsOf(source) });
    }
  }
  return { sites, sources };
}

function commonOf(name: SourceName, site: SiteName, writtenSite: WrittenSite, source: WrittenSource): SourceCommon {
  return {
    name,
    site,
    host: writtenSite.host as HostName | undefined,
    criticality: source.criticality,
    objectives: { rpoMs: source.objectives.rpo, rtoMs: source.objectives.rto },
    sensitive: source.sensitive,
    guards: guardsWritten(source.guards),
    hooks: source.hooks.map(hookOf),
    waivers: source.waivers.map(({ rule, reason, until }) => ({ rule, reason, until })),
    application: applicationOf(source.application ?? writtenSite.application),
  };
}

function settingsOf(source: WrittenSource): SourceSettings {
  switch (source.type) {
    case 'files':
      return {
        type: 'files',
        paths: source.paths,
        exclude: source.exclude,
        excludeCaches: source.exclude_caches,
        excludeIfPresent: source.exclude_if_present,
        excludeLargerThanBytes: source.exclude_larger_than,
        oneFileSystem: source.one_file_system,
        moduleFrom: source.module_from,
        validate: source.validate === undefined ? undefined : contentCheckOf(source.validate),
        freeze: source.freeze,
      };
    case 'postgresql':
    case 'mysql':
    case 'mariadb':
    case 'mongodb':
      return {
        type: source.type,
        connect: addressOf(source.connect),
        parallelOverBytes: source.type === 'postgresql' ? source.parallel_over : undefined,
        jobs: source.type === 'postgresql' ? source.jobs : undefined,
        dumpArguments: source.options ?? [],
        sumsContent: source.type === 'postgresql' && source.content_sums,
        scratch: source.type === 'mongodb' ? trialOf(source.scratch) : 'private',
      };
    case 'sqlite': {
      const { path, paths = [] } = source;
      return { type: 'sqlite', paths: path === undefined ? paths : [path, ...paths], continuousMs: source.continuous };
    }
    case 'redis':
      return { type: 'redis', connect: addressOf(source.connect), method: source.method };
    case 'git':
      return { type: 'git', path: source.path };
    case 'command': {
      const { run, load, filename, timeout } = source;
      return { type: 'command', run, load, filename, timeoutMs: timeout };
    }
    case 'extension':
      return { type: 'extension', use: source.use, settings: source.settings };
    default:
      return source satisfies never;
  }
}

type WrittenCheck = NonNullable<Extract<WrittenSource, { type: 'files' }>['validate']>;

function contentCheckOf(written: WrittenCheck): ContentCheck {
  if (typeof written === 'string') return { kind: written };
  return 'command' in written
    ? { kind: 'command', argv: written.command }
    : { kind: 'extension', name: written.extension };
}

function trialOf(written: Extract<WrittenSource, { type: 'mongodb' }>['scratch']): TrialPlace {
  if (typeof written === 'string') return written;
  const { url, user, password, tls, ca_file: caFile } = written;
  return { url, user, password, tls, caFile };
}

type WrittenAddress = Extract<WrittenSource, { type: 'redis' }>['connect'];

function addressOf(written: WrittenAddress): ServerAddress {
  const { url, service, socket, host, port, database, user, password, tls } = written;
  return {
    url,
    service,
    socket,
    host,
    port,
    databases: [...(database === undefined ? [] : [database]), ...(written.databases ?? [])],
    excludeDatabases: written.exclude_databases ?? [],
    user,
    password,
    tls,
    caFile: written.ca_file,
  };
}

function applicationOf(written: WrittenSite['application']): ApplicationConfig | undefined {
  if (written === undefined) return undefined;
  const { version, version_command: argv, version_file: path } = written;
  if (version !== undefined) return { name: written.name, version: { kind: 'text', text: version } };
  if (argv !== undefined) return { name: written.name, version: { kind: 'command', argv } };
  return { name: written.name, version: path === undefined ? undefined : { kind: 'file', path } };
}

export function hookOf(written: WrittenSource['hooks'][number]): HookConfig {
  const { at, run, shell, timeout, on_error: onError, environment = {} } = written;
  const command = run === undefined ? { shell: shell! } : { argv: run };
  return { at, command, timeoutMs: timeout, onError, environment };
}

/** Only what was said: everything absent is left to whoever stands above. */
export function guardsWritten(written: WrittenSource['guards']): Partial<Guards> {
  const guards = {
    emptySource: written.empty_source,
    wrongMount: written.wrong_mount,
    minFiles: written.min_files,
    shrinkOverPercent: written.shrink_over,
    growthOverPercent: written.growth_over,
    futureSnapshots: written.future_snapshots,
  };
  return Object.fromEntries(Object.entries(guards).filter(([, value]) => value !== undefined));
}
