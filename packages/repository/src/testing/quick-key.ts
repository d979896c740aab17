/** Keys that open at once, for scenes whose subject is neither `init` nor keys: half a second less in every call. */
import type { Backend } from '../backend/backend.ts';
import { sha256Hex } from '../crypto/hash.ts';
import { deriveKey } from '../crypto/kdf.ts';
import { createSealer, type MasterKey } from '../crypto/seal.ts';
import { encodeKeyFile, encodeMasterKey, type KeyFile } from '../format/key-file.ts';
import type { Host } from '../host/context.ts';
import { parseId, type KeyId } from '../ids.ts';
import { findMasterKey } from '../key.ts';

/** A key whose scrypt takes no time; restic opens it as well. */
export async function addQuickKey(
  backend: Backend,
  host: Host,
  { masterKey, password }: { masterKey: MasterKey; password: string },
): Promise<KeyId> {
  const costs = { N: 2, r: 1, p: 1 };
  const salt = host.random.bytes(64);
  const wrapping = createSealer(await deriveKey(password, costs, salt));
  const file: KeyFile = {
    created: '2026-01-02T03:04:05Z',
    username: host.identity.username,
    hostname: host.identity.hostname,
    kdf: 'scrypt',
    ...costs,
    salt,
    data: wrapping.seal(encodeMasterKey(masterKey), host.random),
  };
  const bytes = encodeKeyFile(file);
  const keyId = parseId<KeyId>(sha256Hex(bytes));
  await backend.save({ kind: 'keys', name: keyId }, [bytes]);
  return keyId;
}

/** After `init` by any program: the key that opens with this password gives way to one that opens at once. */
export async function quickenKey(backend: Backend, host: Host, password: string): Promise<void> {
  const { keyId, masterKey } = await findMasterKey({ backend, host, password });
  await addQuickKey(backend, host, { masterKey, password });
  await backend.remove({ kind: 'keys', name: keyId });
}
