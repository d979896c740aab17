/**
 * Users and roles of a backup, brought into a server with the credentials that were saved. No command takes those; what
 * the tools do is asked of the server here too: both lists go into collections beside, and the server merges them. It
 * would overwrite whom it knows, so those are left out: nobody who is there is changed.
 */
import { CoffreError } from '@coffre/repository';
import type { Document, MongoClient } from 'mongodb';
import type { SavedSource } from '../source.ts';
import { ArchiveReader, type ArchivedCollection } from './archive.ts';
import { dropIfThere } from './load-journal.ts';
import { inWords } from './mongodb-server.ts';
import type { MongodbTruth } from './mongodb-truth.ts';

type Account = Document & { readonly _id: string; readonly db: string };
export type Accounts = { readonly users: readonly Account[]; readonly roles: readonly Account[] };

/** The role `restore` may read only collections of these names. */
const aside = { users: 'tempusers', roles: 'temproles' } as const;

/** @param databases of the backup whose accounts are wanted; those of the whole server when undefined */
export async function savedAccounts(
  saved: SavedSource<MongodbTruth>,
  databases: ReadonlySet<string> | undefined,
): Promise<Accounts> {
  const { BSON } = await import('mongodb');
  const found: { users: Account[]; roles: Account[] } = { users: [], roles: [] };
  for (const { path, database } of saved.truth.archives) {
    if (database !== null && databases?.has(database) === false) continue;
    const reader = new ArchiveReader({
      wantsDocuments: (one) => kindOf(one) !== undefined,
      document(bytes, collection) {
        const kind = kindOf(collection);
        if (kind === undefined) return;
        const account = BSON.deserialize(bytes, { promoteBuffers: false }) as Account;
        if (databases === undefined || databases.has(account.db)) found[kind].push(account);
      },
    });
    for await (const piece of saved.read(path)) reader.push(piece);
    reader.end();
  }
  return found;
}

/** As the whole server has them, and as the tools put them into the archive of one database. */
function kindOf({ database, collection }: ArchivedCollection): 'users' | 'roles' | undefined {
  const name = database === 'admin' ? collection : collection.replace(/^\$admin\./, '');
  if (database !== 'admin' && !collection.startsWith('$admin.')) return undefined;
  return name === 'system.users' ? 'users' : name === 'system.roles' ? 'roles' : undefined;
}

/** @returns what was made, in words; undefined when there was nothing to do. @throws {CoffreError} SOURCE_DENIED */
export async function makeAccounts(
  client: MongoClient,
  { users, roles }: Accounts,
  shown: string,
): Promise<string | undefined> {
  try {
    const known = await knownIn(client);
    const missing = {
      users: users.filter(({ _id }) => !known.has(`user ${_id}`)),
      roles: roles.filter(({ _id }) => !known.has(`role ${_id}`)),
    };
    if (missing.users.length + missing.roles.length === 0) return undefined;
    await merge(client, missing);
    return `${missing.users.length} users and ${missing.roles.length} roles`;
  } catch (error) {
    throw inWords(shown, error);
  }
}

async function knownIn(client: MongoClient): Promise<ReadonlySet<string>> {
  const admin = client.db('admin');
  const known = new Set<string>();
  const found = await admin.command({ usersInfo: { forAllDBs: true } });
  for (const { _id } of found['users'] as Account[]) known.add(`user ${_id}`);
  const { databases } = await admin.admin().listDatabases({ nameOnly: true });
  for (const name of new Set(['admin', ...databases.map((one) => one.name)])) {
    const answer = await client.db(name).command({ rolesInfo: 1 });
    for (const { role, db } of answer['roles'] as { role: string; db: string }[]) known.add(`role ${db}.${role}`);
  }
  return known;
}

async function merge(client: MongoClient, accounts: Accounts): Promise<void> {
  const admin = client.db('admin');
  const [there] = await admin.listCollections({ name: { $in: Object.values(aside) } }, { nameOnly: true }).toArray();
  if (there !== undefined) {
    throw new CoffreError('SOURCE_TARGET_REFUSED', `admin.${there.name} is there already`, {
      hint: 'Another restore is at work, or was killed. When none runs, drop it and load again.',
    });
  }
  try {
    const filled = Object.entries(aside).flatMap(([kind, name]) => {
      const list = accounts[kind as keyof Accounts];
      return list.length === 0 ? [] : [{ kind, name, list }];
    });
    for (const { name, list } of filled) await admin.collection<Account>(name).insertMany([...list]);
    await admin.command({
      _mergeAuthzCollections: 1,
      ...Object.fromEntries(filled.map(({ kind, name }) => [parameters[kind as keyof Accounts], `admin.${name}`])),
      db: '',
      drop: false,
      writeConcern: { w: 'majority' },
    });
  } finally {
    for (const name of Object.values(aside)) await dropIfThere(admin, name);
  }
}

const parameters = { users: 'tempUsersCollection', roles: 'tempRolesCollection' } as const;
