/** Where our own state is. Losing it loses history and the audit log, never a backup. */
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { CoffreError } from '@coffre/repository/opening';

export type StoreLocation =
  | { readonly kind: 'sqlite'; readonly file: string }
  | { readonly kind: 'postgres'; readonly url: string };

type Environment = Readonly<Record<string, string | undefined>>;

/** Absolute or below the current folder, as it was given. */
export function stateFolder(environment: Environment, uid: number | undefined): string {
  const named = environment['COFFRE_STATE_DIR'];
  if (named !== undefined && named !== '') return named;
  return uid === 0 ? '/var/lib/coffre' : join(environment['HOME'] || homedir(), '.local', 'state', 'coffre');
}

/** `store:` of the configuration, or COFFRE_STORE; without one a file under the state folder. */
export function storeLocation(folder: string, store: string | undefined): StoreLocation {
  if (store === undefined || store === '' || store === 'sqlite')
    return { kind: 'sqlite', file: join(folder, 'state.db') };
  if (/^postgres(ql)?:\/\//.test(store) && URL.canParse(store)) return { kind: 'postgres', url: store };
  throw new CoffreError('STORE_ADDRESS', `${JSON.stringify(withoutPassword(store))} is no place for the state`, {
    hint: 'Give postgres://USER@HOST/DATABASE, or leave it out: then it is a file in the state folder.',
  });
}

export function storeExists(location: StoreLocation): boolean {
  return location.kind === 'postgres' || existsSync(location.file);
}

export function storeName(location: StoreLocation): string {
  return location.kind === 'sqlite' ? location.file : withoutPassword(location.url);
}

/** Passwords are in the user part, or among the words after the question mark. */
function withoutPassword(url: string): string {
  return url
    .replace(/^([a-z]+:\/\/[^:/?#]*):[^/?#]*@/, '$1@')
    .replaceAll(/([?&](?:password|sslpassword)=)[^&]*/g, '$1***');
}
