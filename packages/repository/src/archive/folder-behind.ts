import type { ByteString } from '../format/bytestring.ts';
import type { Files } from '../host/files.ts';
import { joinPath } from './targets.ts';

/** As many as Linux follows. */
const linksMax = 40;

/**
 * A name on the way to a target may be a link. What is saved there is the folder behind it, as restic does: a link holds
 * nothing, and nobody would find what lies below.
 */
export function folderBehind(files: Pick<Files, 'lstat' | 'readLink'>, path: ByteString): ByteString {
  let at = path;
  for (let followed = 0; files.lstat(at).type === 'symlink'; followed += 1) {
    if (followed === linksMax) throw Object.assign(new Error(`too many links at ${path}`), { code: 'ELOOP' });
    const target = files.readLink(at);
    const slash = at.lastIndexOf('/');
    const folder = (slash < 0 ? '.' : at.slice(0, slash) || '/') as ByteString;
    at = target.startsWith('/') ? target : joinPath(folder, target);
  }
  return at;
}
