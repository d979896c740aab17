/** Key files: which one opens with the password, and making new ones. All wrap the same master key. */
import type { Backend } from './backend/backend.ts';
import { sha256Hex } from './crypto/hash.ts';
import { calibrateCosts, deriveKey } from './crypto/kdf.ts';
import { openSealed, seal, type MasterKey } from './crypto/seal.ts';
import { deriveKeyOnThreads } from './deriving/scrypt-lanes.ts';
import { asError, CoffreError, isCoffreError, isDamage } from './errors.ts';
import { encodeKeyFile, encodeMasterKey, parseKeyFile, parseMasterKey, type KeyFile } from './format/key-file.ts';
import { formatLocal, timestampOfNs } from './format/time.ts';
import type { Host } from './host/context.ts';
import { isId, shortId, type KeyId } from './ids.ts';

/** As restic: enough for everybody, and a bound on what a poisoned `keys/` can make us compute. */
const keysTriedMax = 20;

export type KeySearch = {
  readonly backend: Backend;
  readonly host: Host;
  readonly password: string;
  readonly keyHint?: string;
  /** The first derivation is about to begin; it takes its time on another thread. */
  readonly deriving?: () => void;
};

/**
 * The hinted key first, then the rest. A file that is no key is reported and skipped; it cannot stop a restore.
 * @throws {CoffreError} REPO_PASSWORD_WRONG when no key opens
 */
export async function findMasterKey(search: KeySearch): Promise<{ keyId: KeyId; masterKey: MasterKey }> {
  let tried = 0;
  let damaged: Error | undefined;
  const doubted: { readonly keyId: KeyId; readonly file: KeyFile }[] = [];
  for (const keyId of await orderedKeys(search)) {
    if (tried >= keysTriedMax) break;
    try {
      const file = await loadKeyFile(search.backend, keyId);
      tried += 1;
      if (tried === 1) search.deriving?.();
      const wrapping = await deriveKeyOnThreads(search.password, file, file.salt);
      if (wrapping !== undefined) doubted.push({ keyId, file });
      const masterKey = unwrap(file, wrapping ?? (await deriveKey(search.password, file, file.salt)));
      if (masterKey !== undefined) return { keyId, masterKey };
    } catch (error) {
      const isLost = isDamage(error) || isCoffreError(error, 'REPO_KEY_DAMAGED');
      if (!isLost && !isCoffreError(error, 'BACKEND_NOT_FOUND')) throw error;
      damaged = asError(error);
      search.host.warn({ about: `key ${shortId(keyId)} is unreadable and left out`, error });
    }
  }
  for (const { keyId, file } of doubted) {
    const masterKey = await openKeyFile(file, search.password);
    if (masterKey !== undefined) return { keyId, masterKey };
  }
  if (tried === 0) {
    if (damaged !== undefined) throw damaged;
    throw new CoffreError('REPO_NOT_FOUND', `there is no key in ${search.backend.location}`, {
      hint: 'Without a key file the data cannot be decrypted; take `keys/` from a copy of the repository.',
    });
  }
  throw new CoffreError('REPO_PASSWORD_WRONG', 'wrong password or no key found', {
    hint: `${tried} ${tried === 1 ? 'key was' : 'keys were'} tried; check the password, or name the key with --key-hint.`,
  });
}

async function orderedKeys(search: KeySearch): Promise<KeyId[]> {
  const all: KeyId[] = [];
  for await (const file of search.backend.list('keys')) if (isId(file.name)) all.push(file.name as KeyId);
  all.sort();
  const hint = search.keyHint;
  if (hint === undefined || hint === '') return all;
  return [...all.filter((id) => id.startsWith(hint)), ...all.filter((id) => !id.startsWith(hint))];
}

/** The name is compared too: a changed letter in a key file is otherwise unnoticed. @throws {CoffreError} REPO_KEY_DAMAGED; storage errors */
export async function loadKeyFile(backend: Backend, id: KeyId): Promise<KeyFile> {
  const bytes = await backend.load({ kind: 'keys', name: id });
  if (sha256Hex(bytes) !== id) {
    throw new CoffreError('REPO_KEY_DAMAGED', `key ${shortId(id)} does not match its name`, {
      hint: 'Another key or a copy of the repository may still open it.',
    });
  }
  return parseKeyFile(bytes);
}

/** Undefined when the password does not fit. */
export async function openKeyFile(file: KeyFile, password: string): Promise<MasterKey | undefined> {
  return unwrap(file, await deriveKey(password, file, file.salt));
}

function unwrap(file: KeyFile, wrapping: MasterKey): MasterKey | undefined {
  let plain: Buffer;
  try {
    plain = openSealed(wrapping, file.data);
  } catch (error) {
    if (isCoffreError(error, 'SEAL_BROKEN')) return undefined;
    throw error;
  }
  return parseMasterKey(plain);
}

/** A new key file for the same master key, opened again before it is returned. */
export async function makeKeyFile(options: {
  host: Host;
  masterKey: MasterKey;
  password: string;
}): Promise<{ keyId: KeyId; bytes: Buffer }> {
  const { host, masterKey, password } = options;
  const costs = await calibrateCosts(host.clock);
  const salt = host.random.bytes(64);
  const wrapping = await deriveKey(password, costs, salt);
  const file: KeyFile = {
    created: formatLocal(timestampOfNs(host.clock.nowNs())),
    username: host.identity.username,
    hostname: host.identity.hostname,
    kdf: 'scrypt',
    ...costs,
    salt,
    data: seal(wrapping, encodeMasterKey(masterKey), host.random),
  };
  const bytes = encodeKeyFile(file);
  const again = await openKeyFile(parseKeyFile(bytes), password);
  if (again === undefined) throw new CoffreError('INTERNAL', 'a new key does not open with its own password');
  return { keyId: sha256Hex(bytes) as KeyId, bytes };
}
