/** Passwords of a repository. Every key wraps the same master key, so a removed password revokes nothing that it saw. */
import { resolvePrefix } from '../browse/select.ts';
import { CoffreError, isCoffreError } from '../errors.ts';
import { isId, parseId, shortId, type KeyId } from '../ids.ts';
import { loadKeyFile, makeKeyFile, openKeyFile } from '../key.ts';
import { openRepository, Repository } from '../repository.ts';

export type KeyInfo = {
  readonly id: KeyId;
  /** It opened this repository. */
  readonly isCurrent: boolean;
  readonly username: string;
  readonly hostname: string;
  /** RFC 3339; empty when the file does not say. */
  readonly created: string;
};

/** Readable keys in order of id; the others are reported and left out. */
export async function listKeys(repository: Repository): Promise<KeyInfo[]> {
  const { backend, host, keyId } = repository;
  const keys: KeyInfo[] = [];
  for (const id of (await keyIds(repository)).sort()) {
    try {
      const { username = '', hostname = '', created = '' } = await loadKeyFile(backend, id);
      keys.push({ id, isCurrent: id === keyId, username, hostname, created });
    } catch (error) {
      if (!isCoffreError(error, 'REPO_KEY_DAMAGED') && !isCoffreError(error, 'BACKEND_NOT_FOUND')) throw error;
      host.warn({ about: `key ${shortId(id)} is unreadable and left out`, error });
    }
  }
  return keys;
}

async function keyIds({ backend }: Repository): Promise<KeyId[]> {
  const ids: KeyId[] = [];
  for await (const { name } of backend.list('keys')) if (isId(name)) ids.push(parseId<KeyId>(name));
  return ids;
}

export type NewKey = {
  readonly password: string;
  /** Of this machine when absent. */
  readonly username?: string;
  readonly hostname?: string;
};

/** The caller holds a lock. The key counts only when it opens as it came back from the storage. */
export async function addKey(repository: Repository, { password, username, hostname }: NewKey): Promise<KeyId> {
  const { backend, host, masterKey } = repository;
  const identity = {
    ...host.identity,
    ...(username !== undefined && { username }),
    ...(hostname !== undefined && { hostname }),
  };
  const { keyId, bytes } = await makeKeyFile({ host: { ...host, identity }, masterKey, password });
  await backend.save({ kind: 'keys', name: keyId }, [bytes]);
  try {
    await proveKey(repository, keyId, password);
  } catch (error) {
    await backend.remove({ kind: 'keys', name: keyId }).catch(() => undefined);
    throw new CoffreError('REPO_KEY_REFUSED', 'failed to access repository with new key', {
      hint: 'The old keys still work; check the storage and try again.',
      cause: error,
    });
  }
  return keyId;
}

async function proveKey({ backend, masterKey }: Repository, keyId: KeyId, password: string): Promise<void> {
  const opened = await openKeyFile(await loadKeyFile(backend, keyId), password);
  const isSame =
    opened !== undefined &&
    opened.encrypt.equals(masterKey.encrypt) &&
    opened.macK.equals(masterKey.macK) &&
    opened.macR.equals(masterKey.macR);
  if (!isSame) throw new CoffreError('REPO_KEY_DAMAGED', `key ${shortId(keyId)} does not open to the master key`);
}

/**
 * The caller holds an exclusive lock. `name` is an id or its beginning.
 * @throws {CoffreError} REPO_KEY_REFUSED for the key in use, ID_AMBIGUOUS, REPO_FILE_MISSING
 */
export async function removeKey(repository: Repository, name: string): Promise<KeyId> {
  const id = resolvePrefix(await keyIds(repository), name, 'key');
  if (id === repository.keyId) {
    throw new CoffreError('REPO_KEY_REFUSED', 'refusing to remove key currently used to access repository', {
      hint: 'Open the repository with another password first, or use `coffre key passwd`.',
    });
  }
  await repository.remove('keys', id);
  return id;
}

/** The caller holds an exclusive lock. The old key goes last, when the new one is proved. Resolves to the repository under its new key. */
export async function changePassword(repository: Repository, key: NewKey): Promise<Repository> {
  const keyId = await addKey(repository, key);
  const { backend, host, config, masterKey } = repository;
  const switched = new Repository({ backend, host, config, keyId, masterKey });
  await switched.remove('keys', repository.keyId);
  return switched;
}

export type RotateOptions = NewKey & {
  /** The key in use stays too. */
  readonly keepOld?: boolean;
  /** Every key but the new one goes. */
  readonly removeAllOthers?: boolean;
};

export type Rotation = {
  /** Under the new key. */
  readonly repository: Repository;
  readonly removed: readonly KeyId[];
  /** Of other passwords, or of the old one when it was to stay. */
  readonly remaining: readonly KeyInfo[];
};

/**
 * The caller holds an exclusive lock. Before anything is removed, the repository is opened from the storage with the new
 * password alone, as anybody will from now on.
 * @throws {CoffreError} REPO_KEY_REFUSED when that fails (nothing was removed), or when an old key could not be removed
 */
export async function rotateKey(repository: Repository, options: RotateOptions): Promise<Rotation> {
  const { password, keepOld = false, removeAllOthers = false } = options;
  await refuseSamePassword(repository, password);
  const keyId = await addKey(repository, options);
  await proveOpening(repository, keyId, password);
  const { backend, host, config, masterKey } = repository;
  const switched = new Repository({ backend, host, config, keyId, masterKey });
  const others = (await keyIds(switched)).filter((id) => id !== keyId);
  const removed = others.filter((id) => removeAllOthers || (!keepOld && id === repository.keyId));
  for (const id of removed) await removeOld(switched, id);
  const remaining = (await listKeys(switched)).filter(({ id }) => id !== keyId);
  return { repository: switched, removed, remaining };
}

/** Somebody who believes that the password was changed would go on with the one that leaked. */
async function refuseSamePassword({ backend, keyId }: Repository, password: string): Promise<void> {
  if ((await openKeyFile(await loadKeyFile(backend, keyId), password)) === undefined) return;
  throw new CoffreError('REPO_KEY_REFUSED', 'the new password is the one that is in use already', {
    hint: 'Choose another one.',
  });
}

async function proveOpening({ backend, host, config }: Repository, keyId: KeyId, password: string): Promise<void> {
  try {
    const opened = await openRepository({ backend, host, password });
    if (opened.config.id !== config.id) throw new CoffreError('INTERNAL', 'another repository was opened');
  } catch (error) {
    await backend.remove({ kind: 'keys', name: keyId }).catch(() => undefined);
    throw new CoffreError('REPO_KEY_REFUSED', 'the repository does not open with the new password', {
      hint: 'The old password still works; check the storage, remove keys nobody needs, and try again.',
      cause: error,
    });
  }
}

async function removeOld(repository: Repository, id: KeyId): Promise<void> {
  try {
    await repository.remove('keys', id);
  } catch (error) {
    if (isCoffreError(error, 'BACKEND_NOT_FOUND')) return;
    throw new CoffreError('REPO_KEY_REFUSED', `the new password works, but the old key ${shortId(id)} is still there`, {
      hint: `Remove it: open with the new password and run \`coffre key remove ${shortId(id)}\`.`,
      cause: error,
    });
  }
}
