/** Makes single users at a target as they were saved, with their rights; nobody who is there is changed. */
import { CoffreError } from '@coffre/repository';
import type { SavedSource } from '../source.ts';
import type { MysqlTruth } from './mysql-truth.ts';
import { identifier, literal } from './names.ts';
import { usableSession, type Session } from './session.ts';
import type { MysqlAddress } from './settings.ts';
import { statementsOf } from './statements.ts';

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
    const statements = await statementsFor(saved, accounts);
    for (const account of accounts) {
      const own = statements.get(account);
      if (own === undefined) throw notSaved(account);
      await session.run(own.create);
      made.push(account);
      for (const grant of own.grants) await session.run(grant);
    }
    return result;
  } catch (error) {
    await drop();
    throw error;
  }
}

type Own = { readonly create: string; readonly grants: string[] };

async function statementsFor(saved: SavedSource<MysqlTruth>, accounts: readonly string[]): Promise<Map<string, Own>> {
  const found = new Map<string, Own>();
  const { usersStream } = saved.truth;
  if (usersStream === null) return found;
  for await (const bytes of statementsOf(saved.read(usersStream), 'the dump of the users')) {
    const sql = bytes.toString('utf8');
    for (const account of accounts) {
      const who = [quoted(account), literals(account)];
      if (who.some((name) => sql === `CREATE USER ${name}` || sql.startsWith(`CREATE USER ${name} `))) {
        found.set(account, { create: sql, grants: [] });
      } else if (
        /^GRANT .* ON /s.test(sql) &&
        who.some((name) => new RegExp(` TO ${escaped(name)}(?: |$)`).test(sql))
      ) {
        found.get(account)?.grants.push(sql);
      }
    }
  }
  return found;
}

/** The last @ divides: hosts have none. */
function parted(account: string): [string, string] {
  const at = account.lastIndexOf('@');
  return [account.slice(0, at), account.slice(at + 1)];
}

function quoted(account: string): string {
  return parted(account).map(identifier).join('@');
}

function literals(account: string): string {
  return parted(account).map(literal).join('@');
}

function escaped(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&');
}

function notSaved(account: string): CoffreError {
  return new CoffreError('SOURCE_TARGET_REFUSED', `${JSON.stringify(account)} was not saved and cannot be made`, {
    hint: 'Make the user by hand, or add definer=current to the address of the target.',
  });
}
