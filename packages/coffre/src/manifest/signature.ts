/**
 * Ed25519 signatures of manifests. The key is made when it is first needed and stays on its machine; who holds the
 * repository's password but not this key cannot make a manifest that passes for one of this machine.
 */
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  sign,
  verify,
  type KeyObject,
} from 'node:crypto';
import { closeSync, fsyncSync, linkSync, openSync, readFileSync, rmSync, statSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { CoffreError, makeFolders, messageOf } from '@coffre/repository';
import { z } from 'zod';

const signatureFile = z.object({
  schema: z.literal('coffre.signature/1'),
  algorithm: z.literal('ed25519'),
  /** DER of the SubjectPublicKeyInfo, in base64. */
  publicKey: z.string(),
  signature: z.string(),
});

export function keyFilePath(stateFolder: string): string {
  return join(stateFolder, 'manifest-key.pem');
}

/** @throws {CoffreError} MANIFEST_KEY */
export function openSigningKey(path: string): KeyObject {
  return readKey(path) ?? makeKey(path);
}

/** Undefined when there is none. @throws {CoffreError} MANIFEST_KEY */
export function readKey(path: string): KeyObject | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
    // Of use to whoever reads it: a key that others may read signs for others.
    if ((statSync(path).mode & 0o077) !== 0) throw new Error('other users may read it; `chmod 600` it');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw unusable(path, error);
  }
  try {
    const key = createPrivateKey(text);
    if (key.asymmetricKeyType !== 'ed25519')
      throw new Error(`it is a key for ${key.asymmetricKeyType ?? 'something else'}`);
    return key;
  } catch (error) {
    throw unusable(path, error);
  }
}

/** Whole or not there; of two processes at once, the first one's key stays. */
function makeKey(path: string): KeyObject {
  const part = `${path}.${process.pid}`;
  try {
    makeFolders(dirname(path), 0o700);
    const { privateKey } = generateKeyPairSync('ed25519');
    rmSync(part, { force: true });
    const file = openSync(part, 'wx', 0o600);
    writeSync(file, privateKey.export({ type: 'pkcs8', format: 'pem' }));
    fsyncSync(file);
    closeSync(file);
    try {
      linkSync(part, path);
      return privateKey;
    } catch (error) {
      const other = readKey(path);
      if (other === undefined) throw error;
      return other;
    }
  } catch (error) {
    throw error instanceof CoffreError ? error : unusable(path, error);
  } finally {
    rmSync(part, { force: true });
  }
}

function unusable(path: string, cause: unknown): CoffreError {
  return new CoffreError('MANIFEST_KEY', `the key ${path} cannot be used: ${messageOf(cause)}`, {
    hint: 'Mend it, or move it away: the next backup makes a new one.',
    cause,
  });
}

function publicBytes(key: KeyObject): Buffer {
  return createPublicKey(key).export({ type: 'spki', format: 'der' });
}

/** `SHA256:` and the hash of the public key, as people compare keys. */
export function fingerprintOf(publicKey: Uint8Array): string {
  return `SHA256:${createHash('sha256').update(publicKey).digest('base64').replace(/=+$/, '')}`;
}

export function keyFingerprint(key: KeyObject): string {
  return fingerprintOf(publicBytes(key));
}

export function signManifest(manifest: Uint8Array, key: KeyObject): Buffer {
  const file: z.infer<typeof signatureFile> = {
    schema: 'coffre.signature/1',
    algorithm: 'ed25519',
    publicKey: publicBytes(key).toString('base64'),
    signature: sign(null, manifest, key).toString('base64'),
  };
  return Buffer.from(`${JSON.stringify(file, null, 2)}\n`);
}

/** @returns the fingerprint of the key that signed. @throws {CoffreError} MANIFEST_DAMAGED when the signature does not fit */
export function checkSignature(manifest: Uint8Array, signature: Uint8Array): string {
  try {
    const file = signatureFile.parse(JSON.parse(Buffer.from(signature).toString('utf8')));
    const der = Buffer.from(file.publicKey, 'base64');
    const key = createPublicKey({ key: der, type: 'spki', format: 'der' });
    if (key.asymmetricKeyType === 'ed25519' && verify(null, manifest, key, Buffer.from(file.signature, 'base64'))) {
      return fingerprintOf(der);
    }
  } catch (cause) {
    throw new CoffreError('MANIFEST_DAMAGED', 'the signature of the manifest cannot be read', { cause });
  }
  throw new CoffreError('MANIFEST_DAMAGED', 'the signature does not fit the manifest', {
    hint: 'Somebody may have changed the snapshot. Verify an earlier one, and a copy of the repository.',
  });
}
