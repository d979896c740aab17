/** A loaded database gets what belonged to the saved one itself: settings, rights, limit, owner. */
import { isCoffreError } from '@coffre/repository';
import { identifier } from './names.ts';
import { rolesOf, type Right } from './own-properties.ts';
import type { Session } from './session.ts';
import { missingRoles } from './target-server.ts';
import type { DatabaseTruth } from './truth.ts';

/** Settings that the server does not know, and what roles had that are not here, is told. */
export async function applyOwnProperties(
  session: Session,
  name: string,
  truth: DatabaseTruth,
  { withRoles, warn }: { readonly withRoles: boolean; readonly warn: (line: string) => void },
): Promise<void> {
  const place = `DATABASE ${identifier(name)}`;
  const { connectionLimit } = truth;
  for (const one of truth.settings) await applySetting(session, `ALTER ${place}`, one, warn);
  if (connectionLimit >= 0) await session.rows(`ALTER ${place} CONNECTION LIMIT ${connectionLimit}`);
  if (!withRoles) return;
  const isMissing = await giveToOwner(session, name, truth.owner);
  if (isMissing) warn(`the database belongs to who loaded it: there is no role ${truth.owner}`);
  const absent = new Set(await missingRoles(session, rolesOf(truth)));
  for (const { role, ...one } of truth.roleSettings) {
    if (!absent.has(role)) await applySetting(session, `ALTER ROLE ${identifier(role)} IN ${place}`, one, warn);
  }
  if (truth.rights !== null) await applyRights(session, place, truth.rights, absent);
  if (absent.size > 0) warn(`rights and settings of ${[...absent].join(', ')} are left out: there are no such roles`);
}

async function giveToOwner(session: Session, name: string, owner: string): Promise<boolean> {
  if ((await missingRoles(session, [owner])).length > 0) return true;
  await session.rows(`ALTER DATABASE ${identifier(name)} OWNER TO ${identifier(owner)}`);
  return false;
}

async function applySetting(
  session: Session,
  whose: string,
  { name, value }: { readonly name: string; readonly value: string },
  warn: (line: string) => void,
): Promise<void> {
  const shown = name.split('.').map(identifier).join('.');
  // For this moment only, and in a transaction that writes: the setting may be that nothing is to be written.
  await session.rows('BEGIN READ WRITE');
  try {
    // The server itself turns the text into a list where the setting is one.
    await session.rows('SELECT set_config($1, $2, true)', [name, value]);
    await session.rows(`${whose} SET ${shown} FROM CURRENT`);
    await session.rows('COMMIT');
  } catch (error) {
    await session.rows('ROLLBACK').catch(() => undefined);
    if (!isCoffreError(error)) throw error;
    warn(`the setting ${name} of the database could not be made: ${error.message}`);
  }
}

/** Exactly these: a new database lets everybody in. */
async function applyRights(
  session: Session,
  place: string,
  rights: readonly Right[],
  absent: ReadonlySet<string>,
): Promise<void> {
  await session.rows(`REVOKE ALL ON ${place} FROM PUBLIC`);
  for (const { role, privilege, isGrantable } of rights) {
    if (role !== null && absent.has(role)) continue;
    const whom = role === null ? 'PUBLIC' : identifier(role);
    await session.rows(`GRANT ${privilege} ON ${place} TO ${whom}${isGrantable ? ' WITH GRANT OPTION' : ''}`);
  }
}
