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
    return { kind: 'text', sql: await usersAsSql(session) };
  } catch (error) {
    if (isCoffreError(error, 'SOURCE_DENIED')) return undefined;
    throw error;
  }
}

export async function usersAsSql(session: Session): Promise<string> {
  const accounts = await session.rows('SELECT User AS user, Host AS host FROM mysql.user ORDER BY BINARY User, Host');
  const lines = ['-- MySQL dump of users and rights', ''];
  for (const row of accounts) {
    const account = `${literal(text(row, 'user'))}@${literal(text(row, 'host'))}`;
    const [made] = await session.rows(`SHOW CREATE USER ${account}`);
    lines.push(`${text({ made: Object.values(made ?? {})[0] }, 'made')};`);
  }
  for (const row of accounts) {
    const account = `${literal(text(row, 'user'))}@${literal(text(row, 'host'))}`;
    for (const grant of await session.rows(`SHOW GRANTS FOR ${account}`)) {
      lines.push(`${text({ grant: Object.values(grant)[0] }, 'grant')};`);
    }
  }
  return `${lines.join('\n')}\n\n-- Dump completed\n`;
}
