import { CoffreError } from '../errors.ts';
import { parseRcloneLocation, type RcloneLocation } from './rclone/rclone-location.ts';
import { parseRestLocation, type RestLocation } from './rest/rest-location.ts';
import { parseS3Location, type S3Location } from './s3/s3-location.ts';
import { parseSftpLocation, type SftpLocation } from './sftp/sftp-location.ts';

export type LocalLocation = { readonly kind: 'local'; readonly path: string };

/** Where a repository is. The switches over it are closed. */
export type Location = LocalLocation | S3Location | SftpLocation | RestLocation | RcloneLocation;

const laterSchemes = ['azure', 'gs', 'b2', 'swift'] as const;

/** Like restic: a plain path, or `scheme:rest`. A path with a colon in its first part needs `local:` before it. @throws {CoffreError} BACKEND_URL, NOT_BUILT_YET */
export function parseLocation(text: string): Location {
  if (text === '') throw badLocation('the repository address is empty');
  const scheme = /^([a-z0-9][a-z0-9+.-]+):/i.exec(text)?.[1];
  if (scheme === undefined) return local(text);
  const rest = text.slice(scheme.length + 1);
  switch (scheme) {
    case 'local':
      return local(rest);
    case 's3':
      return parseS3Location(rest);
    case 'sftp':
      return parseSftpLocation(rest);
    case 'rest':
      return parseRestLocation(rest);
    case 'rclone':
      return parseRcloneLocation(rest);
    default:
      throw unknownScheme(scheme);
  }
}

/** The rest of the text stays out of the message: it may hold a password. */
function unknownScheme(scheme: string): CoffreError {
  if (!laterSchemes.some((later) => later === scheme))
    return badLocation(`${scheme}: is no kind of repository that is known`);
  return new CoffreError('NOT_BUILT_YET', `repositories at ${scheme}: addresses are not built yet`, {
    hint: `Reach it through rclone (rclone:REMOTE:PATH), or through S3 where ${scheme} speaks it.`,
  });
}

function local(path: string): LocalLocation {
  if (path === '') throw badLocation('the path of the repository is empty');
  if (path.includes('\0')) throw badLocation('the path of the repository contains a NUL character');
  return { kind: 'local', path };
}

function badLocation(message: string): CoffreError {
  return new CoffreError('BACKEND_URL', message, {
    hint: 'Give a path such as `/srv/backup` (with `local:` before one that has a colon), or an address that begins with s3:, sftp:, rest: or rclone:.',
  });
}

/**
 * The address for people to read: a password and a query string are masked.
 * Rather too much than too little: a password may itself contain `/` or `@`.
 */
export function describeLocation(text: string): string {
  const start = text.indexOf('://');
  if (start < 0) return text;
  const rest = text.slice(start + 3);
  const at = rest.lastIndexOf('@');
  const colon = rest.indexOf(':');
  const masked = colon >= 0 && colon < at ? `${rest.slice(0, colon)}:***${rest.slice(at)}` : rest;
  return text.slice(0, start + 3) + masked.replace(/\?.*$/s, '?***');
}
