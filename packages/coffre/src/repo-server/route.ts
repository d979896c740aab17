/** What the path of a request names: restic's REST protocol below repositories that lie at most two folders deep. */
import { fileKinds, isId } from '@coffre/repository';
import type { FileHandle, FileKind } from '@coffre/repository';

export type Target =
  /** The repository itself, to be made. */
  | { readonly kind: 'repository' }
  | { readonly kind: 'list'; readonly of: FileKind }
  | { readonly kind: 'file'; readonly file: FileHandle }
  /** Nothing that a repository has. */
  | { readonly kind: 'unknown' };

export type Route = {
  /** Names of folders below that of the server, none to two. */
  readonly folder: readonly string[];
  readonly target: Target;
  /** `?create=true` */
  readonly create: boolean;
};

const foldersMax = 2;
/** File systems take no longer names. */
const nameBytesMax = 255;
const reserved: ReadonlySet<string> = new Set([...fileKinds, 'config']);

/** Undefined when the address is no text at all: a broken escape, no `/` at its start. */
export function parseRoute(url: string): Route | undefined {
  const mark = url.indexOf('?');
  const [rawPath, query] = mark < 0 ? [url, ''] : [url.slice(0, mark), url.slice(mark + 1)];
  const path = decoded(rawPath);
  if (path === undefined || !path.startsWith('/')) return undefined;
  // Several slashes are one: `rest:http://host//repo/` is written easily and means one thing only.
  const parts = path.replace(/\/+/g, '/').slice(1).split('/');
  const folder: string[] = [];
  while (folder.length < foldersMax && parts.length > 1 && !reserved.has(parts[0] ?? '')) {
    folder.push(parts.shift() ?? '');
  }
  const target = folder.every(isFolderName) ? targetOf(parts) : ({ kind: 'unknown' } as const);
  return { folder, target, create: new URLSearchParams(query).get('create') === 'true' };
}

function targetOf(parts: readonly string[]): Target {
  const [first = '', name = '', ...more] = parts;
  if (more.length > 0) return { kind: 'unknown' };
  if (parts.length === 1) {
    if (first === '') return { kind: 'repository' };
    return first === 'config' ? { kind: 'file', file: { kind: 'config' } } : { kind: 'unknown' };
  }
  const kind = fileKinds.find((candidate) => candidate === first);
  if (kind === undefined) return { kind: 'unknown' };
  if (name === '') return { kind: 'list', of: kind };
  return isId(name) ? { kind: 'file', file: { kind, name } } : { kind: 'unknown' };
}

/** A name that stays one folder on every system, and cannot climb. */
function isFolderName(name: string): boolean {
  if (name === '' || name === '.' || name === '..' || Buffer.byteLength(name) > nameBytesMax) return false;
  // eslint-disable-next-line no-control-regex
  return !/[\u0000-\u001f\u007f\\]/.test(name);
}

function decoded(path: string): string | undefined {
  try {
    return decodeURIComponent(path);
  } catch {
    return undefined;
  }
}
