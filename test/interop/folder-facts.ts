/** All that a backup has to bring back of a folder, as plain data for `deepEqual`. */
import { createHash } from 'node:crypto';
import { lstatSync, readdirSync, readFileSync, readlinkSync, type BigIntStats } from 'node:fs';
import type { ByteString } from '../../packages/repository/src/format/bytestring.ts';
import { createFiles } from '../../packages/repository/src/host/files.ts';

export type EntryFacts = { readonly [fact: string]: string | readonly string[] };
/** By path below the top, bytes as Latin-1; the top itself is the empty path. Sockets are left out, as by backups. */
export type FolderFacts = { readonly [path: string]: EntryFacts };

export function readFacts(top: string): FolderFacts {
  const facts: Record<string, EntryFacts> = {};
  const firstNames = new Map<string, string>();
  const files = createFiles();
  const visit = (path: string): void => {
    const place = Buffer.from(`${Buffer.from(top).toString('latin1')}${path === '' ? '' : `/${path}`}`, 'latin1');
    const stats = lstatSync(place, { bigint: true });
    if (stats.isSocket()) return;
    const inode = `${stats.dev}:${stats.ino}`;
    if (!firstNames.has(inode)) firstNames.set(inode, path);
    facts[path] = {
      ...statFacts(stats),
      attributes: files
        .listXattrs(place.toString('latin1') as ByteString)
        .map(({ name, value }) => `${name}=${Buffer.from(value ?? []).toString('hex')}`)
        .toSorted(),
      ...(stats.isFile() && {
        bytes: createHash('sha256').update(readFileSync(place)).digest('hex'),
        sameAs: firstNames.get(inode) ?? '',
      }),
      ...(stats.isSymbolicLink() && { target: readlinkSync(place, { encoding: 'latin1' }) }),
    };
    if (!stats.isDirectory()) return;
    for (const name of readdirSync(place, { encoding: 'latin1' }).toSorted())
      visit(path === '' ? name : `${path}/${name}`);
  };
  visit('');
  return facts;
}

function statFacts(stats: BigIntStats): EntryFacts {
  const isDevice = stats.isCharacterDevice() || stats.isBlockDevice();
  return {
    mode: stats.mode.toString(8),
    owner: `${stats.uid}:${stats.gid}`,
    modified: String(stats.mtimeNs),
    ...(stats.isFile() && { size: String(stats.size) }),
    ...(isDevice && { device: String(stats.rdev) }),
  };
}
