/**
 * A key file: plain JSON that holds the master key, sealed under a key made from a password.
 *
 *   {"created":…,"username":…,"hostname":…,"kdf":"scrypt","N":32768,"r":8,"p":5,"salt":"<base64 of 64 bytes>","data":"<base64>"}
 *   data, opened = {"mac":{"k":"<base64 of 16>","r":"<base64 of 16>"},"encrypt":"<base64 of 32>"}
 *
 * It is the only file read before the password is proved, so its costs are capped: scrypt would take what it is told.
 */
import type { KdfCosts } from '../crypto/kdf.ts';
import type { MasterKey } from '../crypto/seal.ts';
import { CoffreError } from '../errors.ts';
import { jsonText } from './gojson.ts';
import { parseJson } from './parse-json.ts';
import { base64, object, oneOf, optional, ShapeError, text, whole, type Shape } from './shape.ts';

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

const members = object({
  created: optional(text({ charsMax: 64 })),
  username: optional(text({ charsMax: 4096 })),
  hostname: optional(text({ charsMax: 4096 })),
  kdf: oneOf('scrypt'),
  N: whole(2),
  r: whole(1),
  p: whole(1),
  salt: base64({ exactly: 64 }),
  data: base64({ atMost: 6144 }),
});

const schema: Shape<ReturnType<typeof members>> = (value, place) => {
  const key = members(value, place);
  const { N, r, p } = key;
  if ((Math.log2(N) | 0) !== Math.log2(N)) throw new ShapeError('N', 'must be a power of two');
  if (128 * r * (N + p) > memoryBytesMax || N * r * p > workMax) {
    throw new ShapeError('N', 'asks for more memory or time than any honest key');
  }
  return key;
};

const masterSchema = object({
  mac: object({ k: base64({ exactly: 16 }), r: base64({ exactly: 16 }) }),
  encrypt: base64({ exactly: 32 }),
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
