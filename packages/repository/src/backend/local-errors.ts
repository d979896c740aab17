import { CoffreError, isCoffreError, messageOf } from '../errors.ts';

/** The `code` of a system error, as ENOENT. */
export function systemCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

/** Some file systems (FUSE, network) cannot flush; restic goes on there too. */
export function isSyncUnsupported(error: unknown): boolean {
  const code = systemCode(error);
  return code === 'ENOTSUP' || code === 'EOPNOTSUPP' || code === 'ENOSYS' || code === 'EINVAL';
}

/** Asking again gives the same answer. */
const permanentCodes = new Set(['EFBIG', 'EINVAL', 'EISDIR', 'ELOOP', 'ENAMETOOLONG', 'ENOTSUP', 'EXDEV']);

/** A system error in the words of the storage contract. `what` says what was tried: `reading data/00…`. */
export function localError(error: unknown, what: string, location: string): unknown {
  if (isCoffreError(error)) return error;
  const code = systemCode(error);
  if (code === undefined) return error;
  const sentence = `${what} in ${location} failed: ${messageOf(error)}`;
  switch (code) {
    case 'ENOENT':
    case 'ENOTDIR':
      return new CoffreError('BACKEND_NOT_FOUND', sentence, { cause: error });
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return new CoffreError('BACKEND_DENIED', sentence, {
        cause: error,
        hint: 'Check the owner and the mode of the folder, and that it is not mounted read-only.',
      });
    case 'ENOSPC':
    case 'EDQUOT':
      return new CoffreError('BACKEND_FULL', sentence, {
        cause: error,
        hint: 'Free some space, or point to a larger place; what was saved before stays valid.',
      });
    case 'ESTALE':
      return new CoffreError('BACKEND_IO', sentence, {
        cause: error,
        retryable: true,
        hint: 'The server of the share has restarted or lost the folder; mount it again if this stays.',
      });
    default:
      return new CoffreError('BACKEND_IO', sentence, { cause: error, retryable: !permanentCodes.has(code) });
  }
}
