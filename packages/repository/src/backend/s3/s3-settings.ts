/** `-o s3.NAME=VALUE` and the environment, read once and checked. */
import { CoffreError } from '../../errors.ts';
import type { StorageOptions } from '../storage-options.ts';
import { isAmazon, regionInHost } from './s3-location.ts';
import type { S3Location } from './s3-location.ts';

export type RetentionMode = 'GOVERNANCE' | 'COMPLIANCE';

export type S3Settings = {
  /** Told by the user; the server's word on it is then an error, not a correction. */
  readonly region: string | undefined;
  readonly regionFirst: string;
  readonly pathStyle: boolean;
  readonly storageClass: string | undefined;
  readonly connectionsMax: number;
  readonly listsV1: boolean;
  readonly anonymous: boolean;
  readonly attemptsMax: number;
  readonly objectLock: { readonly mode: RetentionMode; readonly days: number } | undefined;
  /** Show the bucket as it was then; ms since 1970. */
  readonly asOfMs: number | undefined;
  readonly stuckRequestTimeoutMs: number;
};

const connectionsDefault = 5;
const stuckDefaultMs = 5 * 60_000;
const coldClasses = new Set(['GLACIER', 'DEEP_ARCHIVE']);
const restoreOptions = new Set(['enable-restore', 'restore-days', 'restore-tier', 'restore-timeout']);
const known = [
  'bucket-lookup',
  'region',
  'storage-class',
  'connections',
  'list-objects-v1',
  'unsafe-anonymous-auth',
  'retries',
  'layout',
  'object-lock-mode',
  'object-lock-days',
  'as-of',
];

/** @throws {CoffreError} USAGE, NOT_BUILT_YET */
export function readS3Settings(location: S3Location, options: StorageOptions): S3Settings {
  const given = ownOptions(options.extended);
  const environment = options.environment ?? {};
  const text = (name: string): string | undefined => given.get(name) || undefined;
  const region = text('region') ?? (environment['AWS_DEFAULT_REGION'] || environment['AWS_REGION'] || undefined);
  const objectLock = readObjectLock(text('object-lock-mode'), text('object-lock-days'));
  const asOf = text('as-of');
  if (asOf !== undefined && objectLock !== undefined) {
    throw usage('-o s3.as-of reads the past, and -o s3.object-lock-mode writes', 'Give one of them.');
  }
  const layout = text('layout');
  if (layout !== undefined && layout !== 'default') {
    throw usage(`-o s3.layout=${layout} is not known`, 'Leave it out: there is one layout.');
  }
  return {
    region,
    regionFirst: region ?? regionInHost(location) ?? 'us-east-1',
    pathStyle: readPathStyle(location, text('bucket-lookup') ?? 'auto'),
    storageClass: readStorageClass(text('storage-class')),
    connectionsMax: readCount('connections', text('connections')) ?? options.connectionsMax ?? connectionsDefault,
    listsV1: readFlag('list-objects-v1', given.get('list-objects-v1')),
    anonymous: readFlag('unsafe-anonymous-auth', given.get('unsafe-anonymous-auth')),
    // Slow and lasting trouble is for `withRetry` above; this covers a connection that the server closed meanwhile.
    attemptsMax: Math.min(readCount('retries', text('retries')) ?? 2, 10),
    objectLock,
    asOfMs: asOf === undefined ? undefined : readTime(asOf),
    stuckRequestTimeoutMs: options.stuckRequestTimeoutMs ?? stuckDefaultMs,
  };
}

function ownOptions(extended: ReadonlyMap<string, string> | undefined): ReadonlyMap<string, string> {
  const own = new Map<string, string>();
  for (const [name, value] of extended ?? []) {
    if (!name.startsWith('s3.')) continue;
    const short = name.slice(3);
    if (restoreOptions.has(short)) throw cold(`-o ${name} is not built yet`);
    if (!known.includes(short)) {
      throw usage(`option ${name} is not known`, `Known are: ${known.map((one) => `s3.${one}`).join(', ')}.`);
    }
    own.set(short, value);
  }
  return own;
}

function readPathStyle(location: S3Location, lookup: string): boolean {
  switch (lookup) {
    case 'auto':
      return !isAmazon(location);
    case 'dns':
      return false;
    case 'path':
      return true;
    default:
      throw usage(`-o s3.bucket-lookup=${lookup} is not known`, 'Give auto, path or dns.');
  }
}

function readStorageClass(name: string | undefined): string | undefined {
  const storageClass = name?.toUpperCase();
  if (storageClass === undefined || !coldClasses.has(storageClass)) return storageClass;
  throw cold(`storage class ${storageClass} is not built yet: what lies there cannot be read at once`);
}

function cold(message: string): CoffreError {
  return new CoffreError('NOT_BUILT_YET', message, { hint: 'Take STANDARD_IA or GLACIER_IR, which answer at once.' });
}

function readObjectLock(mode: string | undefined, days: string | undefined): S3Settings['objectLock'] {
  if (mode === undefined && days === undefined) return undefined;
  if (mode === undefined || days === undefined) {
    throw usage('-o s3.object-lock-mode and -o s3.object-lock-days belong together', 'Give both or none.');
  }
  const upper = mode.toUpperCase();
  if (upper !== 'GOVERNANCE' && upper !== 'COMPLIANCE') {
    throw usage(`-o s3.object-lock-mode=${mode} is not known`, 'Give governance or compliance.');
  }
  const count = readCount('object-lock-days', days) ?? 0;
  if (count > 36_500) throw usage(`-o s3.object-lock-days=${days} is more than a hundred years`, 'Give fewer days.');
  return { mode: upper, days: count };
}

function readCount(name: string, value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  const count = /^\d{1,6}$/.test(value) ? Number(value) : 0;
  if (count < 1) throw usage(`-o s3.${name}=${value} is no number from 1`, 'Give a whole number.');
  return count;
}

/** As restic's: a name without a value is yes. */
function readFlag(name: string, value: string | undefined): boolean {
  if (value === undefined) return false;
  if (['', '1', 't', 'true'].includes(value.toLowerCase())) return true;
  if (['0', 'f', 'false'].includes(value.toLowerCase())) return false;
  throw usage(`-o s3.${name}=${value} is neither true nor false`, 'Give true or false.');
}

/** With its zone, so that it means the same everywhere. */
function readTime(text: string): number {
  const whole = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2})$/.test(text);
  const ms = whole ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(ms)) {
    throw usage(`-o s3.as-of=${text} is no time`, 'Write it with its zone, such as 2026-08-20T14:00:00Z.');
  }
  return ms;
}

function usage(message: string, hint: string): CoffreError {
  return new CoffreError('USAGE', message, { hint });
}
