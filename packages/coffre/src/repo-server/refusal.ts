import { systemCode } from '@coffre/repository';
import type { Refusal } from './action.ts';

/** Ends a request with an answer that says why. */
export class RefusedRequest extends Error {
  readonly refusal: Refusal;

  constructor(refusal: Refusal) {
    super(refusal.reason);
    this.name = 'RefusedRequest';
    this.refusal = refusal;
  }
}

export function refused(status: number, reason: string, headers?: Refusal['headers']): RefusedRequest {
  return new RefusedRequest({ status, reason, ...(headers === undefined ? {} : { headers }) });
}

/** What the client is told of anything that went wrong; paths and causes are for the log alone. */
export function refusalOf(error: unknown): Refusal {
  if (error instanceof RefusedRequest) return error.refusal;
  switch (systemCode(error) ?? '') {
    case 'ENOENT':
    case 'ENOTDIR':
      return { status: 404, reason: 'there is no such file' };
    case 'ENOSPC':
    case 'EDQUOT':
      return { status: 507, reason: 'the disk of the server is full' };
    default:
      return { status: 500, reason: 'the server could not do it; its log says why' };
  }
}
