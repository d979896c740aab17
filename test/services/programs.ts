/** Real servers for tests. Looked for as the peers are: `.cache/peers`, then the folder in COFFRE_PEERS, then PATH. */
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { peersFolder } from '../peers/peers.ts';

export type ServiceProgram = {
  readonly name: string;
  /** Debian 12's package of it. */
  readonly debianPackage?: string;
  /** `test/peers/build.sh` knows it: Go builds it. */
  readonly buildsWithGo?: boolean;
  /** Nobody else can make what it is asked to make: without root its tests are skipped, under CI too. */
  readonly needsRoot?: boolean;
  /** May be out of reach: without it its tests are skipped, under CI too, and say what would bring it. */
  readonly isOptional?: boolean;
};

/** Every program beside restic that a test starts; the test runner brings them where it may. */
export const servicePrograms = [
  { name: 'sshd', debianPackage: 'openssh-server' },
  { name: 'sftp', debianPackage: 'openssh-client' },
  { name: 'rclone', debianPackage: 'rclone' },
  { name: 'rest-server', buildsWithGo: true },
  { name: 'versitygw', buildsWithGo: true },
  { name: 'ferretdb', buildsWithGo: true },
  { name: 'mongodump', buildsWithGo: true },
  { name: 'mongorestore', buildsWithGo: true },
  { name: 'radosgw', debianPackage: 'radosgw' },
  { name: 'ceph-mon', debianPackage: 'ceph-mon' },
  { name: 'ceph-osd', debianPackage: 'ceph-osd' },
  { name: 'setfacl', debianPackage: 'acl', needsRoot: true },
  { name: 'setcap', debianPackage: 'libcap2-bin', needsRoot: true },
  { name: 'postgres', debianPackage: 'postgresql-15' },
  { name: 'redis-server', debianPackage: 'redis-server' },
  { name: 'mkfs.btrfs', debianPackage: 'btrfs-progs', needsRoot: true },
  { name: 'faketime', debianPackage: 'faketime', isOptional: true },
  { name: 'mariadbd', debianPackage: 'mariadb-server' },
] as const satisfies readonly ServiceProgram[];

export type ServiceName = (typeof servicePrograms)[number]['name'];

/** Path of the program; undefined when it is not installed. */
export function findService(name: ServiceName): string | undefined {
  const named = process.env['COFFRE_PEERS'];
  const onPath = (process.env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  const folders = [
    peersFolder,
    ...(named === undefined ? [] : [named]),
    ...onPath,
    '/usr/sbin',
    '/usr/bin',
    '/opt/peers',
    // Debian keeps the server's programs off the path, a folder for each version.
    '/usr/lib/postgresql/15/bin',
  ];
  return folders.map((folder) => join(folder, name)).find(isProgram);
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

export function howToGet({ debianPackage }: ServiceProgram): string {
  return debianPackage === undefined ? 'install Go 1.26 or newer' : `run \`apt-get install ${debianPackage}\``;
}

/** For `test(name, { skip: skipWithoutService('sshd') }, …)`: where CI is set, a missing one fails instead. */
export function skipWithoutService(name: ServiceName): string | false {
  const program: ServiceProgram | undefined = servicePrograms.find((one) => one.name === name);
  if (program?.needsRoot === true && process.getuid?.() !== 0) return `${name} needs root`;
  if (findService(name) !== undefined) return false;
  if (program?.isOptional === true) return `${name} is not installed: ${howToGet(program)}`;
  if (process.env['CI'] === 'true') throw new Error(`${name} is not installed, and in CI this test must run`);
  return `${name} is not installed`;
}
