/** Makes single users at a target as they were saved, with their rights; nobody who is there is changed. */
import { CoffreError } from '@coffre/repository';
import type { SavedSource } from '../source.ts';
import type { MysqlTruth } from './mysql-truth.ts';
import { identifier } from './names.ts';
import { text } from './server-facts.ts';
import { usableSession, type Session } from './session.ts';
import type { MysqlAddress } from './settings.ts';
import { statementsOf } from './statements.ts';
import { roleGrant } from './users.ts';

export type MadeUsers = AsyncDisposable & {
  /** They stay. */
  keep(): void;
};

/** @param accounts `user@host` each @throws {CoffreError} SOURCE_TARGET_REFUSED when one of them was not saved */
export async function makeUsers(
  session: Session,
  address: MysqlAddress,
  saved: SavedSource<MysqlTruth>,
  accounts: readonly string[],
): Promise<MadeUsers> {
  const made: string[] = [];
  let isKept = false;
  const drop = async (): Promise<void> => {
    if (isKept || made.length === 0) return;
    await using held = await usableSession(session, address);
    for (const account of made) await held.session.run(`DROP USER IF EXISTS ${quoted(account)}`);
  };
  const result: MadeUsers = { keep: () => (isKept = true), [Symbol.asyncDispose]: drop };
  try {
    const statements = await statementsFor(saved);
    const wanted = await withRoles(session, statements, accounts);
    for (const account of wanted) {
      const own = statements.get(account);
      if (own === undefined) throw notSaved(account);
      await session.run(own.create);
      made.push(account);
    }
    for (const account of wanted) {
      for (const grant of statements.get(account)?.grants ?? []) await session.run(grant);
    }
    return result;
  } catch (error) {
    await drop();
    throw error;
  }
}

type Own = { readonly create: string; readonly grants: string[]; readonly roles: string[] };

const account = `(?:\`(?:[^\`]|\`\`)*\`@\`(?:[^\`]|\`\`)*\`|'(?:[^'\\\\]|''|\\\\.)*'@'(?:[^'\\\\]|''|\\\\.)*')`;
const created = new RegExp(`^CREATE USER (${account})`);
const granted = new RegExp(`^GRANT .*? TO (${account})(?: |$)`, 's');
const chosen = new RegExp(`^ALTER USER (${account}) DEFAULT ROLE `);

/** Of every user that was saved, what makes it as it was. */
async function statementsFor(saved: SavedSource<MysqlTruth>): Promise<Map<string, Own>> {
  const found = new Map<string, Own>();
  const { usersStream } = saved.truth;
  if (usersStream === null) return found;
  for await (const bytes of statementsOf(saved.read(usersStream), 'the dump of the users')) {
    const sql = bytes.toString('utf8');
    const create = created.exec(sql)?.[1];
    if (create !== undefined) found.set(plain(create), { create: sql, grants: [], roles: [] });
    const roles = roleGrant.exec(sql)?.[1];
    const who = (granted.exec(sql) ?? chosen.exec(sql))?.[1];
    const own = who === undefined ? undefined : found.get(plain(who));
    if (own === undefined || (roles === undefined && /^GRANT (?!.* ON )/s.test(sql))) continue;
    own.grants.push(sql);
    for (const role of roles?.match(new RegExp(account, 'g')) ?? []) own.roles.push(plain(role));
  }
  return found;
}

/** Roles that they have are made too, where nobody of that name is. */
async function withRoles(
  session: Session,
  statements: ReadonlyMap<string, Own>,
  accounts: readonly string[],
): Promise<string[]> {
  const rows = await session.rows("SELECT CONCAT(User, '@', Host) AS account FROM mysql.user");
  const there = new Set(rows.map((row) => text(row, 'account')));
  const wanted = new Set(accounts);
  for (const one of wanted) {
    for (const role of statements.get(one)?.roles ?? []) if (!there.has(role)) wanted.add(role);
  }
  return [...wanted];
}

/** Of what names an account in a statement: `user@host`. */
function plain(quotedAccount: string): string {
  const parts = quotedAccount.match(/`(?:[^`]|``)*`|'(?:[^'\\]|''|\\.)*'/gs) ?? [];
  return parts
    .map((part) => {
      const inner = part.slice(1, -1);
      return part.startsWith('`')
        ? inner.replaceAll('``', '`')
        : inner.replaceAll("''", "'").replaceAll(/\\(.)/gs, '$1');
    })
    .join('@');
}

/** The last @ divides: hosts have none. */
function parted(account: string): [string, string] {
  const at = account.lastIndexOf('@');
  return [account.slice(0, at), account.slice(at + 1)];
}

function quoted(account: string): string {
  return parted(account).map(identifier).join('@');
}

function notSaved(account: string): CoffreError {
  return new CoffreError('SOURCE_TARGET_REFUSED', `${JSON.stringify(account)} was not saved and cannot be made`, {
    hint: 'Make the user by hand, or add definer=current to the address of the target.',
  });
}
