/** What S3 servers and the way to them answer, in the words of the error tree. */
import { CoffreError, isCoffreError, messageOf } from '../../errors.ts';
import type { ErrorCode, ErrorDetail } from '../../errors.ts';
import type { S3Location } from './s3-location.ts';

/** What an error of the SDK tells, read by shape: its classes differ between versions. */
export type S3Failure = {
  /** `NoSuchKey`, `ECONNRESET`; empty where the answer had none. */
  readonly code: string;
  readonly status: number | undefined;
  readonly message: string;
  /** Where the bucket really is, when the server says so. */
  readonly region: string | undefined;
  readonly retryAfterMs: number | undefined;
};

export function failureOf(error: unknown): S3Failure {
  const thrown = isCoffreError(error) ? error.cause : error;
  const fields = record(thrown);
  const answer = record(fields['$response']);
  const headers = record(answer['headers']);
  const seconds = Number(headers['retry-after'] ?? Number.NaN);
  const status = record(fields['$metadata'])['httpStatusCode'] ?? answer['statusCode'];
  return {
    code: [fields['Code'], fields['code'], fields['name']].find(isName) ?? '',
    status: typeof status === 'number' ? status : undefined,
    message: messageOf(thrown),
    region: [fields['Region'], headers['x-amz-bucket-region']].find(isName),
    retryAfterMs: seconds >= 0 && seconds <= 3600 ? seconds * 1000 : undefined,
  };
}

function record(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

/** `Error` and `Unknown` are what is left when there was no code. */
function isName(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && !['Error', 'Unknown', 'UnknownError'].includes(value);
}

type Answer = {
  readonly code: ErrorCode;
  readonly sentence: (location: S3Location, failure: S3Failure) => string;
  readonly hint: string;
  readonly retryable?: boolean;
};

const keysHint = 'Check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or the profile they come from.';
const regionHint = 'Give the region of the bucket with -o s3.region=REGION, and check the address.';
const caHint = 'Give the root certificate of the server with --cacert, and check the host in the address.';

const wrongRegion: Answer = {
  code: 'BACKEND_DENIED',
  sentence: ({ bucket }, { region }) =>
    `bucket ${bucket} is ${region === undefined ? 'in another region' : `in the region ${region}`}`,
  hint: regionHint,
};
const wrongKeys: Answer = {
  code: 'BACKEND_DENIED',
  sentence: () => 'the S3 server does not accept the access key or its secret',
  hint: keysHint,
};
const expired: Answer = {
  code: 'BACKEND_DENIED',
  sentence: () => 'the temporary credentials for S3 have expired',
  hint: 'Get new ones (a new login, or a new AWS_SESSION_TOKEN) and run the command again.',
};
const denied: Answer = {
  code: 'BACKEND_DENIED',
  sentence: ({ bucket }) => `the S3 server refuses this to the access key in bucket ${bucket}`,
  hint: 'Let the key list the bucket and get, put and delete its objects; an object lock refuses too.',
};
const full: Answer = {
  code: 'BACKEND_FULL',
  sentence: ({ bucket }) => `the quota or the storage behind bucket ${bucket} is full`,
  hint: 'Make room or raise the quota, then run the command again.',
};
const busy: Answer = {
  code: 'BACKEND_IO',
  sentence: (_, { code, status }) => `the S3 server is busy or broken (${[status, code].filter(Boolean).join(' ')})`,
  hint: 'Try again later; with fewer -o s3.connections if it asks to slow down.',
  retryable: true,
};
const gone: Answer = {
  code: 'BACKEND_IO',
  sentence: (_, { code, message }) => `the connection to the S3 server broke (${code || message})`,
  hint: 'Check the network, then run the command again.',
  retryable: true,
};
const unreachable: Answer = {
  code: 'BACKEND_IO',
  sentence: ({ host }, { code }) => `the S3 server ${host} cannot be reached (${code})`,
  hint: 'Check the host and port in the address, and the network.',
  retryable: true,
};
const untrusted: Answer = {
  code: 'BACKEND_DENIED',
  sentence: ({ host }, { code }) => `the certificate of ${host} is not trusted (${code})`,
  hint: caHint,
};
const noCredentials: Answer = {
  code: 'BACKEND_DENIED',
  sentence: () => 'no credentials for S3 were found',
  hint: 'Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a profile in ~/.aws, or -o s3.unsafe-anonymous-auth=true.',
};

const answers: Readonly<Record<string, Answer>> = {
  NoSuchBucket: {
    code: 'BACKEND_NOT_FOUND',
    sentence: ({ bucket, host }) => `there is no bucket ${bucket} at ${host}`,
    hint: 'Check the bucket in the address; `coffre init` makes one where it may.',
  },
  InvalidBucketName: {
    code: 'BACKEND_URL',
    sentence: ({ bucket }) => `${bucket} cannot be the name of a bucket`,
    hint: 'A bucket name has 3 to 63 lower-case letters, digits and hyphens.',
  },
  PermanentRedirect: wrongRegion,
  AuthorizationHeaderMalformed: wrongRegion,
  IllegalLocationConstraintException: wrongRegion,
  InvalidAccessKeyId: wrongKeys,
  SignatureDoesNotMatch: wrongKeys,
  // versitygw's name for it, with a 404.
  XAdminUserNotFound: wrongKeys,
  InvalidToken: expired,
  ExpiredToken: expired,
  ExpiredTokenException: expired,
  TokenRefreshRequired: expired,
  RequestTimeTooSkewed: {
    code: 'BACKEND_DENIED',
    sentence: () => 'the clocks of this machine and of the S3 server are too far apart',
    hint: 'Set the clock of this machine right (a time service), then run the command again.',
  },
  InvalidObjectState: {
    code: 'BACKEND_DENIED',
    sentence: () => 'a file lies in a cold storage class and cannot be read at once',
    hint: 'Restore it to a warm class in the console of the provider first.',
  },
  QuotaExceeded: full,
  BucketQuotaExceeded: full,
  XMinioStorageFull: full,
  XMinioAdminBucketQuotaExceeded: full,
  CapacityExceeded: full,
  InsufficientStorage: full,
  StorageFull: full,
  SlowDown: busy,
  Throttling: busy,
  ThrottlingException: busy,
  TooManyRequests: busy,
  RequestTimeout: busy,
  ServiceUnavailable: busy,
  InternalError: busy,
  OperationAborted: busy,
  ConditionalRequestConflict: busy,
  CredentialsProviderError: noCredentials,
  EPROTO: {
    code: 'BACKEND_IO',
    sentence: ({ host }) => `${host} does not speak TLS as expected`,
    hint: 'For a server without TLS, write s3:http://HOST/BUCKET/PREFIX.',
    retryable: true,
  },
  ENOTFOUND: unreachable,
  ECONNREFUSED: unreachable,
  EHOSTUNREACH: unreachable,
  ENETUNREACH: unreachable,
};

/** Any other 404 tells nothing of the file: an unknown user, a page of a proxy. Empty: an answer without a reason. */
const missingCodes = new Set(['', 'NoSuchKey', 'NotFound', 'NoSuchVersion']);

const brokenCode = /^(E[A-Z]{3,}|ERR_STREAM.*|TimeoutError)$/;
const untrustedCode = /CERT|SELF_SIGNED|UNABLE_TO_(GET|VERIFY)|ERR_TLS|ERR_SSL/;

/** @param what `saving data/00…` */
export function s3Error(error: unknown, what: string, location: S3Location): Error {
  if (isCoffreError(error)) return error;
  const failure = failureOf(error);
  const answer = answers[failure.code] ?? byStatus(failure);
  const detail: ErrorDetail = { cause: error, ...(answer === undefined ? {} : { hint: answer.hint }) };
  if (answer !== undefined) {
    const sentence = `${what}: ${answer.sentence(location, failure)}`;
    const { retryAfterMs } = failure;
    const wait = retryAfterMs === undefined ? {} : { retryAfterMs };
    return new CoffreError(answer.code, sentence, { ...detail, ...wait, retryable: answer.retryable ?? false });
  }
  if (failure.status === 404 && missingCodes.has(failure.code))
    return new CoffreError('BACKEND_NOT_FOUND', `${what}: it is not in the bucket`, detail);
  const said = [failure.status, failure.code, failure.message].filter((part) => part !== undefined && part !== '');
  return new CoffreError('BACKEND_IO', `${what}: the S3 server answered ${said.join(' ')}`, {
    ...detail,
    hint: 'Check the address and the options; the log of the server may say more.',
  });
}

/** For answers without a code of their own, such as those to HEAD, and for what happened on the way. */
function byStatus({ code, status, region }: S3Failure): Answer | undefined {
  if (untrustedCode.test(code)) return untrusted;
  // An answer that broke off has a status, and its reason did not come.
  if (status === undefined || brokenCode.test(code)) return gone;
  if (status === 301 || (status === 400 && region !== undefined)) return wrongRegion;
  if (status === 401 || status === 403) return denied;
  if (status === 507) return full;
  if (status === 429 || status === 408 || (status >= 500 && status !== 501)) return busy;
  // An answer that cannot be read, although it was none of refusal: something between broke it.
  if (status < 300) return gone;
  return undefined;
}
