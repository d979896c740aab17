/** The SDK's client, set up for servers of all makes, and the one way to call it. */
import { readFileSync } from 'node:fs';
import { Agent as HttpsAgent } from 'node:https';
import type { S3Client, S3ClientConfig } from '@aws-sdk/client-s3';
import { CoffreError, isCoffreError, messageOf } from '../../errors.ts';
import type { Throttle } from '../limits/throttle.ts';
import type { StorageOptions, TlsOptions } from '../storage-options.ts';
import { createGate } from './connection-gate.ts';
import { findCredentials } from './s3-credentials.ts';
import { failureOf, s3Error } from './s3-errors.ts';
import { endpointOf, isAmazon } from './s3-location.ts';
import type { S3Location } from './s3-location.ts';
import type { S3Settings } from './s3-settings.ts';
import { watched } from './stuck-watch.ts';
import type { Watched } from './stuck-watch.ts';

// An `import` reads every name of the module, and one of them loads all of fetch: a tenth of a second of each start.
const { Agent: HttpAgent } = process.getBuiltinModule('node:http');

export type S3Sdk = typeof import('@aws-sdk/client-s3');

export type S3Request = Watched & { readonly client: S3Client };

export type S3Caller = {
  readonly sdk: S3Sdk;
  readonly location: S3Location;
  readonly settings: S3Settings;
  readonly throttle: Throttle | undefined;
  /** The region that is believed in now. */
  readonly region: () => string;
  /** The server has done something that was asked of it. */
  readonly worked: () => boolean;
  /** `work` may run twice. Errors are those of the tree; what the server said is their cause. */
  call<T>(what: string, signal: AbortSignal | undefined, work: (request: S3Request) => Promise<T>): Promise<T>;
  close(): void;
};

const connectTimeoutMs = 30_000;
/** Until a server has answered, a wrong host in the address is likelier than a network that is about to return. */
const addressCodes = new Set(['ENOTFOUND', 'ECONNREFUSED', 'EPROTO']);

/** @throws {CoffreError} HOST_UNSUPPORTED when the SDK is not installed */
export async function loadS3Sdk(load: () => Promise<S3Sdk> = () => import('@aws-sdk/client-s3')): Promise<S3Sdk> {
  try {
    return await load();
  } catch (cause) {
    throw new CoffreError('HOST_UNSUPPORTED', 'the package @aws-sdk/client-s3 for s3: addresses is not installed', {
      hint: 'Install it beside @coffre/repository: npm install @aws-sdk/client-s3',
      cause,
    });
  }
}

export function createS3Caller(
  sdk: S3Sdk,
  location: S3Location,
  settings: S3Settings,
  options: StorageOptions,
): S3Caller {
  let region = settings.regionFirst;
  let answered = false;
  let worked = false;
  const client = new sdk.S3Client(clientConfig(location, settings, options, () => region));
  const gate = createGate(settings.connectionsMax);

  async function attempt<T>(signal: AbortSignal | undefined, work: (request: S3Request) => Promise<T>): Promise<T> {
    return watched(settings.stuckRequestTimeoutMs, signal, (watch) => work({ ...watch, client }));
  }

  /** True when the server told another region than the one that was tried, and nobody has insisted on one. */
  function learnsRegion(error: unknown): boolean {
    const told = failureOf(error).region;
    if (settings.region !== undefined || told === undefined || told === region) return false;
    region = told;
    return true;
  }

  async function call<T>(
    what: string,
    signal: AbortSignal | undefined,
    work: (request: S3Request) => Promise<T>,
  ): Promise<T> {
    try {
      const result = await gate(() => attempt(signal, work)).catch((error: unknown) => {
        if (!learnsRegion(error)) throw error;
        return gate(() => attempt(signal, work));
      });
      answered = worked = true;
      return result;
    } catch (error) {
      signal?.throwIfAborted();
      const { code, status } = failureOf(error);
      answered ||= status !== undefined;
      const failure = s3Error(error, what, location);
      if (answered || !addressCodes.has(code)) throw failure;
      const hint = isCoffreError(failure) ? failure.hint : undefined;
      throw new CoffreError('BACKEND_IO', failure.message, { cause: error, ...(hint === undefined ? {} : { hint }) });
    }
  }

  return {
    sdk,
    location,
    settings,
    throttle: options.throttle,
    region: () => region,
    worked: () => worked,
    call,
    close: () => client.destroy(),
  };
}

function clientConfig(
  location: S3Location,
  settings: S3Settings,
  options: StorageOptions,
  region: () => string,
): S3ClientConfig {
  const agentOptions = { keepAlive: true, maxSockets: settings.connectionsMax };
  const silent = { trace() {}, debug() {}, info() {}, warn() {}, error() {} };
  return {
    region: async () => region(),
    // Amazon's own endpoints follow from the region.
    ...(isAmazon(location) ? {} : { endpoint: endpointOf(location) }),
    forcePathStyle: settings.pathStyle,
    // Most servers that speak S3 know no other checksums than the signature's.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    // With it, the SDK opens a new connection for every large upload.
    expectContinueHeader: false,
    maxAttempts: settings.attemptsMax,
    logger: silent,
    requestHandler: {
      connectionTimeout: connectTimeoutMs,
      requestTimeout: 0,
      logger: silent,
      // Ready agents: the SDK would also let go of connections for uploads.
      httpAgent: new HttpAgent(agentOptions),
      httpsAgent: new HttpsAgent({ ...agentOptions, ...tlsSettings(options.tls ?? {}) }),
    },
    ...(options.userAgent === undefined ? {} : { customUserAgent: options.userAgent }),
    ...credentialsConfig(settings, options),
  };
}

function credentialsConfig(settings: S3Settings, options: StorageOptions): Partial<S3ClientConfig> {
  // Requests without a signature need no keys.
  if (settings.anonymous) return { signer: { sign: async (request) => request }, credentials: nobody };
  const found = findCredentials(options.environment ?? {});
  if (found.kind === 'keys') return { credentials: found.keys };
  const { kind: _, ...chain } = found;
  return chain;
}

const nobody = { accessKeyId: '', secretAccessKey: '' };

function tlsSettings({ caFiles = [], clientCertFile, insecure }: TlsOptions): object {
  const client = clientCertFile === undefined ? undefined : readPem(clientCertFile);
  return {
    ...(caFiles.length === 0 ? {} : { ca: caFiles.map(readPem) }),
    ...(client === undefined ? {} : { cert: client, key: client }),
    ...(insecure === true ? { rejectUnauthorized: false } : {}),
  };
}

function readPem(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw new CoffreError('USAGE', `the certificate ${path} cannot be read: ${messageOf(cause)}`, {
      hint: 'Check the path after --cacert or --tls-client-cert.',
      cause,
    });
  }
}
