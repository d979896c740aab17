/** What a server or a tool says, as our own errors. Pure. */
import { CoffreError, isCoffreError, messageOf } from '@coffre/repository';
import type { ErrorCode } from '@coffre/repository';
import { showAddress, type PostgresAddress } from './settings.ts';

type Words = { readonly code: ErrorCode; readonly hint: string; readonly retryable?: boolean };

const loggedOut: Words = {
  code: 'SOURCE_UNREACHABLE',
  hint: 'Check user and password, and pg_hba.conf of the server for this host.',
};
const gone: Words = {
  code: 'SOURCE_UNREACHABLE',
  hint: 'Is the server up? Check host, port or the folder of the socket.',
  retryable: true,
};
const denied: Words = {
  code: 'SOURCE_DENIED',
  hint: 'Grant the role pg_read_all_data to the user (PostgreSQL 14 and newer), or use the owner of the data.',
};
const conflict: Words = {
  code: 'SOURCE_BUSY',
  hint: 'The replica had to go on. Raise max_standby_streaming_delay or set hot_standby_feedback there; then again.',
  retryable: true,
};

function wordsFor(sqlState: string, text: string): Words | undefined {
  if (/conflict with recovery/.test(text)) return conflict;
  if (sqlState.startsWith('28') || /password authentication failed|SASL|no pg_hba\.conf entry/.test(text))
    return loggedOut;
  if (sqlState === '3D000' || /database ".*" does not exist/s.test(text)) {
    return {
      code: 'SOURCE_MISSING',
      hint: 'Check its name; a database that was dropped meanwhile is left out next time.',
    };
  }
  if (/permission denied to create database/.test(text)) {
    return {
      code: 'SOURCE_DENIED',
      hint: 'Name a user who may, as in --target postgres://USER@HOST/NAME, or load into an empty database made for you.',
    };
  }
  if (sqlState === '42501' || /permission denied|must be superuser|must be owner/.test(text)) return denied;
  if (/certificate|Hostname\/IP/i.test(text)) {
    return {
      code: 'SOURCE_UNREACHABLE',
      hint: 'The certificate of the server is not the one expected: name its root as ca_file, and the host as it is in it.',
    };
  }
  if (/does not support SSL/.test(text)) {
    return {
      code: 'SOURCE_UNREACHABLE',
      hint: 'Turn SSL on at the server, or say `tls: off` where the way there is private.',
    };
  }
  if (/other objects depend on it/.test(text)) {
    return {
      code: 'SOURCE_TARGET_REFUSED',
      hint: 'Views or keys of other tables hang on it; nothing was changed. Load it into another database and copy its rows.',
    };
  }
  if (sqlState === '53300' || /too many (clients|connections)|remaining connection slots/.test(text)) {
    return { code: 'SOURCE_BUSY', hint: 'All connections of the server are taken; run it again.', retryable: true };
  }
  if (sqlState === '55P03' || /lock timeout/.test(text)) {
    return {
      code: 'SOURCE_BUSY',
      hint: 'Somebody holds a lock on a table, as ALTER TABLE does; run it again.',
      retryable: true,
    };
  }
  if (/^(08|57P)/.test(sqlState) || /ECONN|ENOENT|ENOTFOUND|EHOSTUNREACH|EAI_AGAIN|ETIMEDOUT|terminated/.test(text))
    return gone;
  if (/could not connect|connection to server|Connection|server closed|timeout/.test(text)) return gone;
  if (/No space left|could not extend file|disk full/i.test(text) || sqlState === '53100') {
    return { code: 'SOURCE_SPACE_SHORT', hint: 'Make room on the disk of the server that was loaded into.' };
  }
  return undefined;
}

/** Of the driver. */
export function inWords(address: PostgresAddress, error: unknown): Error {
  if (isCoffreError(error)) return error;
  const text = textOfError(error);
  const sqlState = error instanceof Error && 'code' in error ? String(error.code) : '';
  const words = wordsFor(sqlState, `${sqlState} ${text}`) ?? {
    code: 'SOURCE_INVALID',
    hint: 'The server does not do what it was asked; its log says more.',
  };
  return new CoffreError(words.code, `PostgreSQL at ${showAddress(address)}: ${text}`, {
    hint: words.hint,
    ...(words.retryable === true ? { retryable: true } : {}),
    cause: error,
  });
}

/** Of a tool: what it printed decides, where it says more than that it failed. */
export function toolInWords(error: unknown): Error {
  if (!isCoffreError(error, 'SOURCE_COMMAND_FAILED'))
    return error instanceof Error ? error : new Error(messageOf(error));
  const words = wordsFor('', error.message);
  if (words === undefined) return error;
  return new CoffreError(words.code, error.message, {
    hint: words.hint,
    ...(words.retryable === true ? { retryable: true } : {}),
    cause: error,
  });
}

/** Several addresses of one name fail together, and then only the parts have words. */
function textOfError(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(messageOf).join('; ');
  return messageOf(error);
}
