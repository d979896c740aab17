import { CoffreError, isCoffreError } from '../../errors.ts';
import { statusCode } from './sftp-packets.ts';

/** A request that the server answered with a status other than OK. */
export class SftpStatusError extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message === '' ? `status ${status}` : message);
    this.name = 'SftpStatusError';
    this.status = status;
  }
}

export function isStatus(error: unknown, status: keyof typeof statusCode): boolean {
  return error instanceof SftpStatusError && error.status === statusCode[status];
}

/** An answer of the server in the words of the storage contract. `what` says what was tried: `reading data/00…`. */
export function sftpError(error: unknown, what: string, location: string): unknown {
  if (isCoffreError(error)) return withContext(error, what, location);
  if (!(error instanceof SftpStatusError)) return error;
  const sentence = `${what} in ${location} failed: ${error.message}`;
  switch (error.status) {
    case statusCode.noSuchFile:
      return new CoffreError('BACKEND_NOT_FOUND', sentence, { cause: error });
    case statusCode.denied:
      return new CoffreError('BACKEND_DENIED', sentence, {
        cause: error,
        hint: 'Check the owner and the mode of the folder on the server, and as whom you log in.',
      });
    default:
      return new CoffreError('BACKEND_IO', sentence, {
        cause: error,
        retryable: error.status !== statusCode.unsupported,
        hint: 'Look at the disk and the logs of the server.',
      });
  }
}

/** A lost connection is told with what it interrupted; others say enough by themselves. */
function withContext(error: CoffreError, what: string, location: string): CoffreError {
  if (error.code !== 'BACKEND_IO' || error.message.includes(location)) return error;
  const { hint, retryable } = error;
  return new CoffreError('BACKEND_IO', `${what} in ${location} failed: ${error.message}`, {
    cause: error,
    retryable,
    ...(hint === undefined ? {} : { hint }),
  });
}

export function storageFull(what: string, location: string, cause: unknown): CoffreError {
  return new CoffreError('BACKEND_FULL', `${what} in ${location} failed: the disk of the server is full`, {
    cause,
    hint: 'Free some space there, or point to a larger place; what was saved before stays valid.',
  });
}
