/** The text of a `.htpasswd`: lines `user:{SHA}…` and `user:$2y$…`, as `htpasswd -B` and `htpasswd -s` write them. */

export type StoredPassword =
  /** `digest` is the SHA-1 of the password. */
  { readonly kind: 'sha'; readonly digest: Buffer } | { readonly kind: 'bcrypt'; readonly hash: string };

export type PasswordFile = {
  readonly users: ReadonlyMap<string, StoredPassword>;
  /** Lines that let nobody in, as sentences without their secrets. */
  readonly ignored: readonly string[];
};

/** rest-server's: such a name can be a folder of private repositories. */
const userName = /^[\p{L}\d@._-]+$/u;
const bcryptHash = /^\$2[aby]\$\d\d\$[./A-Za-z0-9]{53}$/;

export function parsePasswordFile(text: string): PasswordFile {
  const users = new Map<string, StoredPassword>();
  const ignored: string[] = [];
  for (const [index, raw] of text.split(/\r?\n/).entries()) {
    const line = raw.trim();
    if (line === '' || line.startsWith('#')) continue;
    const [name = '', stored = ''] = line.split(':');
    const password = parseStored(stored);
    if (!userName.test(name) || name === '.' || name === '..') {
      ignored.push(`line ${index + 1}: a user name has letters, digits, and . _ - @ only`);
    } else if (password === undefined) {
      ignored.push(`line ${index + 1}: the password of ${name} is neither bcrypt (htpasswd -B) nor SHA (htpasswd -s)`);
    } else {
      users.set(name, password);
    }
  }
  return { users, ignored };
}

function parseStored(stored: string): StoredPassword | undefined {
  if (bcryptHash.test(stored)) return { kind: 'bcrypt', hash: stored };
  if (!stored.startsWith('{SHA}')) return undefined;
  const digest = Buffer.from(stored.slice(5), 'base64');
  return digest.byteLength === 20 ? { kind: 'sha', digest } : undefined;
}

export type Credentials = { readonly user: string; readonly password: string };

/** Of an `Authorization: Basic` header; undefined when it is none. */
export function parseBasicLogin(header: string | undefined): Credentials | undefined {
  const encoded = /^basic +([A-Za-z0-9+/]+={0,2})$/i.exec(header ?? '')?.[1];
  if (encoded === undefined) return undefined;
  const text = Buffer.from(encoded, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  return colon < 0 ? undefined : { user: text.slice(0, colon), password: text.slice(colon + 1) };
}
