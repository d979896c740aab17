/** Users and their rights as SQL. MariaDB's dump program writes them itself; elsewhere the server is asked one by one. */
import { isCoffreError } from '@coffre/repository';
import { literal } from './names.ts';
import { text, type ServerFacts } from './server-facts.ts';
import type { Session } from './session.ts';

export type UsersDump = { readonly kind: 'program' } | { readonly kind: 'text'; readonly sql: string };

/** Since then `mariadb-dump --system` knows them all. */
const systemDumpSince = 100_302;

/** @returns undefined when the account may not read them */
export async function planUsers(session: Session, facts: ServerFacts): Promise<UsersDump | undefined> {
  try {
    await session.rows('SELECT 1 FROM mysql.user LIMIT 1');
    if (facts.family === 'mariadb' && facts.number >= systemDumpSince) return { kind: 'program' };
    return { kind: 'text', sql: await usersAsSql(session, facts) };
  } catch (error) {
    if (isCoffreError(error, 'SOURCE_DENIED')) return undefined;
    throw error;
  }
}

/** Hashes of newer servers hold any byte: since then they can be shown as hexadecimals. */
const hexadecimalSince = 80_017;
/** Every server makes its own. */
const ownUsers = new Set(['mysql.infoschema', 'mysql.session', 'mysql.sys', 'mariadb.sys']);
const defaultRole = / DEFAULT ROLE ((?:`(?:[^`]|``)*`@`(?:[^`]|``)*`(?:, ?)?)+)(?= REQUIRE )/;

/** Users first, then their rights and roles, then which roles they start with: each line needs those before it only. */
async function usersAsSql(session: Session, { family, number }: ServerFacts): Promise<string> {
  if (family === 'mysql' && number >= hexadecimalSince)
    await session.run('SET SESSION print_identified_with_as_hex = ON');
  const rows = await session.rows('SELECT User AS user, Host AS host FROM mysql.user ORDER BY BINARY User, Host');
  const accounts = rows.filter((row) => !ownUsers.has(text(row, 'user')));
  const [made, granted, chosen]: [string[], string[], string[]] = [[], [], []];
  for (const row of accounts) {
    const account = `${literal(text(row, 'user'))}@${literal(text(row, 'host'))}`;
    const [shown] = await session.rows(`SHOW CREATE USER ${account}`);
    const create = text({ shown: Object.values(shown ?? {})[0] }, 'shown');
    const roles = defaultRole.exec(create)?.[1];
    made.push(`${create.replace(defaultRole, '')};`);
    if (roles !== undefined) chosen.push(`ALTER USER ${account} DEFAULT ROLE ${roles};`);
    for (const grant of await session.rows(`SHOW GRANTS FOR ${account}`)) {
      granted.push(`${text({ grant: Object.values(grant)[0] }, 'grant')};`);
    }
  }
  const isRole = (grant: string): boolean => roleGrant.test(grant);
  const grants = [...granted.filter((one) => !isRole(one)), ...granted.filter(isRole)];
  return ['-- MySQL dump of users and rights', '', ...made, ...grants, ...chosen, '', '-- Dump completed', ''].join(
    '\n',
  );
}

const someone = '`(?:[^`]|``)*`@`(?:[^`]|``)*`';
/** `GRANT ROLE, ROLE TO USER`: there is no ON in it. */
export const roleGrant = new RegExp(`^GRANT (${someone}(?:, ?${someone})*) TO ${someone}`);
