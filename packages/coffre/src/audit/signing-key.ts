/** The key that signs checkpoints: one for each machine, beside its state, readable by its owner only. */
import { createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto';
import { closeSync, existsSync, fsyncSync, linkSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { CoffreError, makeFolders, messageOf } from '@coffre/repository/opening';
import { verifierKey } from './checkpoint.ts';
import type { SigningKey } from './checkpoint.ts';

export const keyName = 'coffre.audit';

export function keyFile(stateFolder: string): string {
  return join(stateFolder, 'audit.key');
}

/** Makes it when it is not there. */
export function openSigningKey(stateFolder: string): SigningKey {
  makeFolders(stateFolder, 0o700);
  return readSigningKey(stateFolder) ?? makeSigningKey(stateFolder);
}

/** Undefined when there is none. */
export function readSigningKey(stateFolder: string): SigningKey | undefined {
  const path = keyFile(stateFolder);
  if (!existsSync(path)) return undefined;
  try {
    const privateKey = createPrivateKey(readFileSync(path));
    const publicKey = createPublicKey(privateKey);
    if (publicKey.asymmetricKeyType !== 'ed25519') throw new Error('it is no Ed25519 key');
    return { ...verifierKey(keyName, publicKey), privateKey };
  } catch (error) {
    throw new CoffreError('AUDIT_KEY', `the key of the audit log in ${path} cannot be read: ${messageOf(error)}`, {
      hint: 'Bring the file back from a backup, or move it away: then a new key is made, and `coffre audit verify --key` takes the old one for older entries.',
      cause: error,
    });
  }
}

/** Whole or not there; of two who make one at once the first counts. */
function makeSigningKey(stateFolder: string): SigningKey {
  const path = keyFile(stateFolder);
  const { privateKey } = generateKeyPairSync('ed25519');
  const unfinished = `${path}.${process.pid}.part`;
  rmSync(unfinished, { force: true });
  const handle = openSync(unfinished, 'wx', 0o600);
  try {
    writeSync(handle, privateKey.export({ type: 'pkcs8', format: 'pem' }));
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
  try {
    linkSync(unfinished, path);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
  } finally {
    rmSync(unfinished, { force: true });
  }
  return readSigningKey(stateFolder)!;
}
