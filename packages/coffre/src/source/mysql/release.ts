/** The two families of servers and their versions. Pure. */

export type Family = 'mariadb' | 'mysql';

export function familyName(family: Family): 'MariaDB' | 'MySQL' {
  return family === 'mariadb' ? 'MariaDB' : 'MySQL';
}

/** 10.11.19 as 101119. */
export function versionNumber(version: string): number {
  const [major = 0, minor = 0, patch = 0] = version.split(/[.-]/).map((part) => Number.parseInt(part, 10) || 0);
  return major * 10_000 + minor * 100 + patch;
}
