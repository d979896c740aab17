/** What goes wrong below HTTP, in the words of the storage contract. */
import { CoffreError, isCoffreError, messageOf } from '../../errors.ts';
import { systemCode } from '../local-errors.ts';

export type ConnectionContext = {
  /** For people: `rest:https://host/`. */
  readonly location: string;
  /** Nothing there has ever answered, however often it was asked: a wrong address rather than an accident. */
  readonly seemsWrong: boolean;
  readonly signal: AbortSignal | undefined;
};

const untrustedCodes = new Set([
  'CERT_HAS_EXPIRED',
  'CERT_NOT_YET_VALID',
  'CERT_REJECTED',
  'CERT_REVOKED',
  'CERT_SIGNATURE_FAILURE',
  'CERT_UNTRUSTED',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'ERR_TLS_CERT_ALTNAME_INVALID',
  'HOSTNAME_MISMATCH',
  'INVALID_CA',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
]);

/** An aborted request rejects with the reason of its signal; a CoffreError stays what it is. */
export function connectionError(error: unknown, context: ConnectionContext): unknown {
  const { location, seemsWrong, signal } = context;
  if (signal?.aborted === true) return signal.reason;
  if (isCoffreError(error)) return error;
  const code = systemCode(error) ?? '';
  const failed = (sentence: string, hint: string, retryable: boolean): CoffreError =>
    new CoffreError('BACKEND_IO', `${location}: ${sentence}`, { hint, retryable, cause: error });
  if (untrustedCodes.has(code)) return untrusted(location, error);
  if (code.startsWith('ERR_SSL_') || code === 'EPROTO') return tlsRefused(code, failed, error);
  switch (code) {
    case 'ECONNREFUSED':
      return failed(
        'nobody listens there (connection refused)',
        'Check host and port, and that the server runs.',
        !seemsWrong,
      );
    case 'ENOTFOUND':
      return failed('the name of the host is not known', 'Check the spelling, and the connection.', !seemsWrong);
    case 'ENOENT':
      return failed('there is no socket at this path', 'Check the path, and that the server runs.', !seemsWrong);
    case 'EACCES':
      return new CoffreError('BACKEND_DENIED', `${location}: the socket may not be used: ${messageOf(error)}`, {
        hint: 'Check who may write to the socket, and as whom coffre runs.',
        cause: error,
      });
    default:
      if (code.startsWith('HPE_')) {
        return failed(
          'what answers does not speak HTTP',
          'Check the port, and whether it is http or https.',
          !seemsWrong,
        );
      }
      return failed(`the connection broke off: ${messageOf(error)}`, 'Check the connection, then run it again.', true);
  }
}

function untrusted(location: string, error: unknown): CoffreError {
  return new CoffreError(
    'BACKEND_HOST_UNKNOWN',
    `${location}: the server's certificate is not trusted: ${reasonOf(error)}`,
    {
      hint: 'Name the file with its root certificate with --cacert; ask who runs the server before you trust another.',
      cause: error,
    },
  );
}

/** Node adds advice for people who start Node themselves. */
function reasonOf(error: unknown): string {
  return messageOf(error).replace(/;.*$/s, '');
}

function tlsRefused(
  code: string,
  failed: (sentence: string, hint: string, retryable: boolean) => CoffreError,
  error: unknown,
): CoffreError {
  if (/CERTIFICATE|ALERT|BAD_CERT|UNKNOWN_CA/.test(code)) {
    return failed(
      `the server refused the TLS connection: ${messageOf(error)}`,
      'It may want a client certificate: --tls-client-cert FILE.',
      false,
    );
  }
  return failed(`no TLS connection: ${messageOf(error)}`, 'Check the port, and whether it is http or https.', false);
}

export function stuckError(location: string, stuckMs: number): CoffreError {
  return new CoffreError('BACKEND_IO', `${location}: no progress for ${stuckMs / 1000} seconds`, {
    hint: 'Check the connection; --stuck-request-timeout says how long to wait.',
    retryable: true,
  });
}
