/**
 * A key file: plain JSON that holds the master key, sealed under a key made from a password.
 *
 *   {"created":…,"username":…,"hostname":…,"kdf":"scrypt","N":32768,"r":8,"p":5,"salt":"<base64 of 64 bytes>","data":"<base64>"}
 *   data, opened = {"mac":{"k":"<base64 of 16>","r":"<base64 of 16>"},"encrypt":"<base64 of 32>"}
 *
 * It is the only file read before the password is proved, so its costs are capped: scrypt would take what it is told.
 */
import { z } from 'zod';
import type { KdfCosts } from '../crypto/kdf.ts';
import type { MasterKey } from '../crypto/seal.ts';
import { CoffreError } from '../errors.ts';
import { jsonText } from './gojson.ts';
import { parseJson } from './parse-json.ts';

export type KeyFile = KdfCosts & {
  /** RFC 3339 */
  readonly created?: string;
  readonly username?: string;
  readonly hostname?: string;
  readonly kdf: 'scrypt';
  /** 64 bytes */
  readonly salt: Buffer;
  /** the sealed master key */
  readonly data: Buffer;
};

const memoryBytesMax = 2 ** 30;
/** N·r·p; 256 times what one calibrated pass needs. */
const workMax = 2 ** 26;

function bytes(sizeBytes: number): z.ZodType<Buffer, string> {
  return z
    .base64()
    .max(Math.ceil(sizeBytes / 3) * 4)
    .transform((text) => Buffer.from(text, 'base64'))
    .refine((decoded) => decoded.length === sizeBytes, { error: `must be ${sizeBytes} bytes` });
}

const schema = z
  .object({
    created: z.string().max(64).nullish(),
    username: z.string().max(4096).nullish(),
    hostname: z.string().max(4096).nullish(),
    kdf: z.literal('scrypt'),
    N: z.int().min(2),
    r: z.int().min(1),
    p: z.int().min(1),
    salt: bytes(64),
    data: z
      .base64()
      .max(8192)
      .transform((text) => Buffer.from(text, 'base64')),
  })
  .refine(({ N }) => (Math.log2(N) | 0) === Math.log2(N), { path: ['N'], error: 'must be a power of two' })
  .refine(({ N, r, p }) => 128 * r * (N + p) <= memoryBytesMax && N * r * p <= workMax, {
    path: ['N'],
    error: 'asks for more memory or time than any honest key',
  });

const masterSchema = z.object({
  mac: z.object({ k: bytes(16), r: bytes(16) }),
  encrypt: bytes(32),
});

/** @throws {CoffreError} REPO_KEY_DAMAGED */
export function parseKeyFile(file: Uint8Array): KeyFile {
  if (file.length > 64 * 1024) throw new CoffreError('REPO_KEY_DAMAGED', `the key file has ${file.length} bytes`);
  const { created, username, hostname, ...rest } = parseJson(file, schema, 'key file', 'REPO_KEY_DAMAGED');
  return {
    ...(created != null && { created }),
    ...(username != null && { username }),
    ...(hostname != null && { hostname }),
    ...rest,
  };
}

export function encodeKeyFile(key: KeyFile): Buffer {
  const { created, username, hostname, kdf, N, r, p, salt, data } = key;
  const text = jsonText({
    created,
    username,
    hostname,
    kdf,
    N,
    r,
    p,
    salt: salt.toString('base64'),
    data: data.toString('base64'),
  });
  return Buffer.from(text, 'utf8');
}

/** @throws {CoffreError} REPO_KEY_DAMAGED */
export function parseMasterKey(plain: Uint8Array): MasterKey {
  const { mac, encrypt } = parseJson(plain, masterSchema, 'master key', 'REPO_KEY_DAMAGED');
  return { encrypt, macK: mac.k, macR: mac.r };
}

export function encodeMasterKey(key: MasterKey): Buffer {
  const mac = { k: key.macK.toString('base64'), r: key.macR.toString('base64') };
  return Buffer.from(jsonText({ mac, encrypt: key.encrypt.toString('base64') }), 'utf8');
}
