/**
 * A signed statement of how long the log is and what is in it, in the form of C2SP tlog-checkpoint (a signed note):
 *
 *   ORIGIN
 *   SIZE
 *   ROOT (base64)
 *
 *   — KEYNAME base64(4 bytes of key id, 64 bytes of Ed25519 signature over the three lines)
 *
 * The key id is the beginning of SHA-256(KEYNAME, newline, byte 1, public key).
 */
import { createHash, createPublicKey, sign, verify } from 'node:crypto';
import type { KeyObject } from 'node:crypto';

export type Checkpoint = { readonly origin: string; readonly size: number; readonly root: string };
export type VerifierKey = { readonly name: string; readonly id: string; readonly publicKey: KeyObject };
export type SigningKey = VerifierKey & { readonly privateKey: KeyObject };
export type NoteSignature = { readonly name: string; readonly id: string; readonly signature: Buffer };
export type SignedCheckpoint = Checkpoint & { readonly text: string; readonly signatures: readonly NoteSignature[] };

const ed25519 = 1;
const idBytes = 4;
const publicKeyBytes = 32;

export function signCheckpoint({ origin, size, root }: Checkpoint, key: SigningKey): string {
  const text = `${origin}\n${size}\n${Buffer.from(root, 'hex').toString('base64')}\n`;
  const signature = sign(null, Buffer.from(text), key.privateKey);
  const sealed = Buffer.concat([Buffer.from(key.id, 'hex'), signature]).toString('base64');
  return `${text}\n\u2014 ${key.name} ${sealed}\n`;
}

/** Undefined when it is no checkpoint. */
export function parseCheckpoint(note: string): SignedCheckpoint | undefined {
  const form =
    /^(?<text>(?<origin>[^\n]+)\n(?<size>\d{1,15})\n(?<root>[A-Za-z0-9+/]{43}=)\n(?:[^\n]+\n)*)\n(?<lines>(?:\u2014 [^\n]+\n)+)$/;
  const found = form.exec(note)?.groups;
  if (found === undefined) return undefined;
  const { text = '', origin = '', size = '', root = '', lines = '' } = found;
  const signatures = [...lines.matchAll(/^\u2014 (\S+) ([A-Za-z0-9+/=]+)$/gm)].map(([, name = '', sealed = '']) => {
    const bytes = Buffer.from(sealed, 'base64');
    return { name, id: bytes.subarray(0, idBytes).toString('hex'), signature: bytes.subarray(idBytes) };
  });
  return { text, origin, size: Number(size), root: Buffer.from(root, 'base64').toString('hex'), signatures };
}

export type SignatureVerdict = 'good' | 'forged' | 'unknown-key';

/** `good` when one of the keys signed it, `forged` when a signature claims one of them and is not its. */
export function judgeSignature(checkpoint: SignedCheckpoint, keys: readonly VerifierKey[]): SignatureVerdict {
  const judged = checkpoint.signatures.flatMap(({ name, id, signature }) => {
    const key = keys.find((candidate) => candidate.name === name && candidate.id === id);
    return key === undefined ? [] : [verify(null, Buffer.from(checkpoint.text), key.publicKey, signature)];
  });
  if (judged.includes(false)) return 'forged';
  return judged.length > 0 ? 'good' : 'unknown-key';
}

export function verifierKey(name: string, publicKey: KeyObject): VerifierKey {
  return { name, id: keyId(name, rawPublicKey(publicKey)), publicKey };
}

/** `NAME+ID+base64(1, key)`: what a witness needs to check our checkpoints. */
export function verifierKeyText({ name, id, publicKey }: VerifierKey): string {
  return `${name}+${id}+${Buffer.concat([Buffer.of(ed25519), rawPublicKey(publicKey)]).toString('base64')}`;
}

/** Undefined when it is no such text, or its id is not that of its key. */
export function parseVerifierKey(text: string): VerifierKey | undefined {
  const [, name = '', id = '', encoded = ''] = /^([^\s+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]+=*)$/.exec(text.trim()) ?? [];
  const bytes = Buffer.from(encoded, 'base64');
  if (bytes.length !== 1 + publicKeyBytes || bytes[0] !== ed25519) return undefined;
  const raw = bytes.subarray(1);
  if (keyId(name, raw) !== id) return undefined;
  const publicKey = createPublicKey({
    key: { kty: 'OKP', crv: 'Ed25519', x: raw.toString('base64url') },
    format: 'jwk',
  });
  return { name, id, publicKey };
}

function keyId(name: string, raw: Uint8Array): string {
  const digest = createHash('sha256').update(`${name}\n`).update(Buffer.of(ed25519)).update(raw).digest();
  return digest.subarray(0, idBytes).toString('hex');
}

function rawPublicKey(publicKey: KeyObject): Buffer {
  return Buffer.from(publicKey.export({ format: 'jwk' }).x ?? '', 'base64url');
}
