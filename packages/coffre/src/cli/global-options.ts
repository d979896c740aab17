/** Options that every verb takes, before or after its name, and the environment variables behind them. */
import type { CompressionLevel, StorageOptions, TlsOptions } from '@coffre/repository';
import type { CommandUnknownOpts } from '@commander-js/extra-typings';
import type { PasswordSource } from './password.ts';
import type { Verbosity } from './output/printer.ts';
import { readTextFile, trimSpace } from './text-file.ts';
import { collect, parseChoice, parseDurationMs, parseWholeNumber, usage } from './values.ts';

export type Environment = { readonly [name: string]: string | undefined };

export const compressionLevels: readonly CompressionLevel[] = ['auto', 'off', 'fastest', 'better', 'max'];

export type GlobalOptions = {
  readonly repo: string | undefined;
  readonly repositoryFile: string | undefined;
  readonly password: PasswordSource;
  readonly keyHint: string | undefined;
  readonly quiet: boolean;
  readonly verbosity: Verbosity;
  /** How often `-v` was given; some lines hang on it even when JSON is asked for. */
  readonly verboseCount: number;
  readonly json: boolean;
  readonly noLock: boolean;
  readonly retryLockMs: number;
  readonly noCache: boolean;
  readonly cacheDir: string | undefined;
  readonly cleanupCache: boolean;
  readonly compression: CompressionLevel;
  /** MiB; undefined for the usual size. */
  readonly packSizeMib: number | undefined;
  readonly noExtraVerify: boolean;
  /** How to reach storages: -o, TLS, time limits. */
  readonly storage: StorageOptions;
  /** KiB per second; undefined for no limit. */
  readonly limitUploadKib: number | undefined;
  readonly limitDownloadKib: number | undefined;
  /** Other limits at certain times, as `08:00-18:00=512/4M`. */
  readonly limitSchedule: string | undefined;
  /** A storage that lists far less than before is believed. */
  readonly forceList: boolean;
};

/** Adds the options to the program. `[no-]lock` and its like read as absence, as commander does it. */
export function addGlobalOptions(program: CommandUnknownOpts): void {
  program
    .option('-r, --repo <repository>', 'where the repository is (default: $RESTIC_REPOSITORY)')
    .option('--repository-file <file>', 'file that says where the repository is (default: $RESTIC_REPOSITORY_FILE)')
    .option('-p, --password-file <file>', 'file with the password (default: $RESTIC_PASSWORD_FILE)')
    .option('--password-command <command>', 'command that prints the password (default: $RESTIC_PASSWORD_COMMAND)')
    .option('--key-hint <id>', 'key to try first (default: $RESTIC_KEY_HINT)')
    .option('--insecure-no-password', 'the repository has an empty password')
    .option('--json', 'print JSON where the command supports it')
    .option('-q, --quiet', 'no progress and no messages but errors')
    .option('-v, --verbose', 'say more; twice for every file (or --verbose=n)', count, 0)
    .option('--no-lock', 'do not lock the repository; for reading storage that cannot be written')
    .option('--retry-lock <duration>', 'keep trying for so long when the repository is locked, such as 5m')
    .option('--no-cache', 'do not use a local cache')
    .option('--cache-dir <directory>', 'where the local cache is (default: $RESTIC_CACHE_DIR)')
    .option('--cleanup-cache', 'remove old cache folders')
    .option('--compression <level>', 'auto, off, fastest, better or max (default: $RESTIC_COMPRESSION, else auto)')
    .option('--pack-size <MiB>', 'size of new pack files (default: $RESTIC_PACK_SIZE, else 16)')
    .option('--no-extra-verify', 'accepted for restic scripts; everything is verified before it is stored all the same')
    .option('--limit-upload <KiB/s>', 'at most so much, in KiB per second')
    .option('--limit-download <KiB/s>', 'at most so much, in KiB per second')
    .option('--limit-schedule <times>', "other limits at some times of the day: '08:00-18:00=512/4M,22:00-06:00=off'")
    .option('--force-list', 'go on where the storage lists far less than before, and remove all the same')
    .option('-o, --option <key=value>', 'extended option (repeatable)', collect)
    .option('--cacert <file>', 'root certificates (default: $RESTIC_CACERT); for repositories over HTTP', collect)
    .option(
      '--tls-client-cert <file>',
      'client certificate (default: $RESTIC_TLS_CLIENT_CERT); for repositories over HTTP',
    )
    .option('--insecure-tls', 'do not verify the server; for repositories over HTTP')
    .option('--http-user-agent <text>', 'user agent; for repositories over HTTP')
    .option(
      '--stuck-request-timeout <duration>',
      'give up a stuck request after this time; for repositories over HTTP',
    );
}

function count(_: unknown, previous: number): number {
  return previous + 1;
}

/** @param options as commander parsed them @throws {CoffreError} USAGE */
export function readGlobalOptions(options: Readonly<Record<string, unknown>>, environment: Environment): GlobalOptions {
  const text = (name: string): string | undefined => (typeof options[name] === 'string' ? options[name] : undefined);
  const flag = (name: string): boolean => options[name] === true;
  const variable = (name: string): string | undefined =>
    environment[`RESTIC_${name}`] || environment[`COFFRE_${name}`] || undefined;
  const quiet = flag('quiet');
  const verboseCount = Number(options['verbose'] ?? 0);
  if (quiet && verboseCount > 0) throw usage('--quiet and --verbose cannot be specified at the same time');
  const retryLock = text('retryLock');
  const packSize = text('packSize') ?? variable('PACK_SIZE');
  const compression = text('compression') ?? variable('COMPRESSION') ?? 'auto';
  return {
    repo: text('repo') ?? variable('REPOSITORY'),
    repositoryFile: text('repositoryFile') ?? variable('REPOSITORY_FILE'),
    password: {
      file: text('passwordFile') ?? variable('PASSWORD_FILE'),
      command: text('passwordCommand') ?? variable('PASSWORD_COMMAND'),
      environment: variable('PASSWORD'),
      insecureNone: flag('insecureNoPassword'),
    },
    keyHint: text('keyHint') ?? variable('KEY_HINT'),
    quiet,
    verbosity: quiet ? 0 : verboseCount >= 2 ? 3 : verboseCount === 1 ? 2 : 1,
    verboseCount,
    json: flag('json'),
    noLock: options['lock'] === false,
    retryLockMs: retryLock === undefined ? 0 : parseDurationMs(retryLock, '--retry-lock'),
    noCache: options['cache'] === false,
    cacheDir: text('cacheDir') ?? variable('CACHE_DIR'),
    cleanupCache: flag('cleanupCache'),
    compression: parseChoice(
      compression,
      origin('--compression', text('compression'), 'COMPRESSION'),
      compressionLevels,
    ),
    packSizeMib:
      packSize === undefined ? undefined : packSizeOf(packSize, origin('--pack-size', text('packSize'), 'PACK_SIZE')),
    noExtraVerify: options['extraVerify'] === false,
    storage: storageOptions(options, text, variable),
    limitUploadKib: limitOf(text('limitUpload'), '--limit-upload'),
    limitDownloadKib: limitOf(text('limitDownload'), '--limit-download'),
    limitSchedule: text('limitSchedule') ?? variable('LIMIT_SCHEDULE'),
    forceList: flag('forceList'),
  };
}

type TextOf = (name: string) => string | undefined;

function storageOptions(options: Readonly<Record<string, unknown>>, text: TextOf, variable: TextOf): StorageOptions {
  const extended = new Map(listOf(options['option']).map(parseExtended));
  const connections = extended.get('connections');
  const stuck = text('stuckRequestTimeout') ?? variable('STUCK_REQUEST_TIMEOUT');
  const userAgent = text('httpUserAgent') ?? variable('HTTP_USER_AGENT');
  return {
    tls: tlsOptions(options, text, variable),
    ...(extended.size === 0 ? {} : { extended }),
    ...(connections === undefined ? {} : { connectionsMax: parseWholeNumber(connections, '-o connections') }),
    ...(stuck === undefined ? {} : { stuckRequestTimeoutMs: parseDurationMs(stuck, '--stuck-request-timeout') }),
    ...(userAgent === undefined ? {} : { userAgent }),
  };
}

function tlsOptions(options: Readonly<Record<string, unknown>>, text: TextOf, variable: TextOf): TlsOptions {
  const named = listOf(options['cacert']);
  const caFiles = named.length > 0 ? named : (variable('CACERT')?.split(',') ?? []);
  const clientCertFile = text('tlsClientCert') ?? variable('TLS_CLIENT_CERT');
  return {
    ...(caFiles.length === 0 ? {} : { caFiles }),
    ...(clientCertFile === undefined ? {} : { clientCertFile }),
    ...(options['insecureTls'] === true ? { insecure: true } : {}),
  };
}

function listOf(value: unknown): string[] {
  return Array.isArray(value) ? value.map(String) : [];
}

function parseExtended(option: string): [string, string] {
  const equals = option.indexOf('=');
  // As restic reads it: a name alone is a setting with an empty value.
  return equals < 0 ? [option.toLowerCase(), ''] : [option.slice(0, equals).toLowerCase(), option.slice(equals + 1)];
}

/** As restic has it: 0 is no limit. */
function limitOf(value: string | undefined, option: string): number | undefined {
  if (value === undefined) return undefined;
  return parseWholeNumber(value, option) || undefined;
}

function origin(option: string, given: string | undefined, variable: string): string {
  return given === undefined ? `RESTIC_${variable}` : option;
}

function packSizeOf(text: string, option: string): number | undefined {
  const mib = parseWholeNumber(text, option);
  if (mib === 0) return undefined;
  if (mib < 4 || mib > 128) throw usage(`${option} must be between 4 and 128 MiB, not ${mib}`);
  return mib;
}

/** The place of the repository, from option, file or environment. @throws {CoffreError} USAGE */
export function repositoryLocation(options: Pick<GlobalOptions, 'repo' | 'repositoryFile'>): string {
  const { repo, repositoryFile } = options;
  if (repo !== undefined && repositoryFile !== undefined) {
    throw usage(
      'the options -r and --repository-file exclude each other',
      'Give one of them; look at the environment too.',
    );
  }
  const location = repositoryFile === undefined ? repo : trimSpace(readTextFile(repositoryFile));
  if (location === undefined || location === '') {
    throw usage('Please specify repository location (-r or --repository-file)', 'Or set RESTIC_REPOSITORY.');
  }
  return location;
}
