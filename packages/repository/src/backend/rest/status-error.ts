import { CoffreError } from '../../errors.ts';
import type { ErrorCode } from '../../errors.ts';
import type { HttpReply } from './sender.ts';

// An `import` reads every name of the module, and one of them loads all of fetch: a tenth of a second of each start.
const { STATUS_CODES } = process.getBuiltinModule('node:http');

/** What was asked, for the sentence: `GET index/00…`. */
export type Asked = { readonly location: string; readonly what: string };

/** A refusal in the words of the storage contract. A name that exists already is the caller's to find out. */
export function statusError(reply: Pick<HttpReply, 'status' | 'header'>, asked: Asked): CoffreError {
  const { status } = reply;
  const refused = (code: ErrorCode, hint?: string): CoffreError =>
    new CoffreError(code, sentence(status, asked), hint === undefined ? {} : { hint });
  switch (status) {
    case 401:
    case 407:
      return refused(
        'BACKEND_DENIED',
        'Check user and password (RESTIC_REST_USERNAME, RESTIC_REST_PASSWORD, or in the address); private repositories begin with /USER/.',
      );
    case 403:
      return refused(
        'BACKEND_DENIED',
        'Check user and path: a server with private repositories wants /USER/ first, and an append-only one refuses changes.',
      );
    case 404:
      return refused('BACKEND_NOT_FOUND');
    case 413:
      return refused(
        'BACKEND_IO',
        'A proxy limits uploads; raise its limit (nginx: client_max_body_size), or use a smaller --pack-size.',
      );
    case 416:
      return refused('BACKEND_SHORT_READ', 'Run `coffre check`: the file may be truncated.');
    case 507:
      return refused('BACKEND_FULL', 'Make room on the server or raise its quota; what was saved before stays valid.');
    default:
      return otherError(reply, asked);
  }
}

function otherError(reply: Pick<HttpReply, 'status' | 'header'>, asked: Asked): CoffreError {
  const { status } = reply;
  if (status >= 300 && status < 400) {
    return new CoffreError('BACKEND_IO', `${sentence(status, asked)} and points elsewhere`, {
      hint: 'Give the address it points to; a redirect is not followed with a password.',
    });
  }
  // A damaged upload is 400: the server compares it with its name.
  const retryable = status === 400 || status === 408 || status === 425 || status === 429 || isServerFault(status);
  const hint = retryable
    ? 'Look into the log of the server, then run it again.'
    : 'Check the address: a server of restic repositories does not answer so.';
  const retryAfterMs = retryAfter(reply.header('retry-after'));
  return new CoffreError('BACKEND_IO', sentence(status, asked), {
    hint,
    retryable,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  });
}

function sentence(status: number, { location, what }: Asked): string {
  return `${location} answered ${status} ${STATUS_CODES[status] ?? ''}`.trimEnd() + ` to ${what}`;
}

/** 501 and 505 say that the server will never do it. */
function isServerFault(status: number): boolean {
  return status >= 500 && status !== 501 && status !== 505;
}

/** Only seconds; a date depends on two clocks. */
function retryAfter(header: string | undefined): number | undefined {
  return header !== undefined && /^\d{1,5}$/.test(header.trim()) ? Number(header) * 1000 : undefined;
}
