import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { matchesPatterns } from './ssh-config.ts';

/** One line of a known_hosts file (sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT"). */
export type KnownHost = {
  readonly marker: 'revoked' | 'cert-authority' | undefined;
  /** Patterns with commas between, or `|1|salt|hash`. */
  readonly names: string;
  readonly keyType: string;
  readonly key: Buffer;
};

export type HostVerdict =
  | { readonly kind: 'known' }
  | { readonly kind: 'unknown'; readonly certAuthorityOnly: boolean }
  /** Other keys are known for this host. */
  | { readonly kind: 'changed' }
  | { readonly kind: 'revoked' };

/** Lines that cannot be understood are passed over, as ssh does: they make no host known. */
export function parseKnownHosts(text: string): KnownHost[] {
  return text.split('\n').flatMap((line) => {
    const words = line.trim().split(/\s+/);
    const marked = words[0]?.startsWith('@') === true;
    const [names, keyType, key] = marked ? words.slice(1) : words;
    if (names === undefined || names.startsWith('#') || keyType === undefined || key === undefined) return [];
    const marker = marked ? words[0]?.slice(1) : undefined;
    if (marker !== undefined && marker !== 'revoked' && marker !== 'cert-authority') return [];
    const bytes = Buffer.from(key, 'base64');
    return keyTypeOf(bytes) === keyType ? [{ marker, names, keyType, key: bytes }] : [];
  });
}

/** The name a host has in known_hosts. */
export function knownHostName(host: string, port: number): string {
  const name = host.toLowerCase();
  return port === 22 ? name : `[${name}]:${port}`;
}

/** Like ssh: a host on a port of its own may also be known by its bare name, which then can only confirm it. */
export function judgeHostKey(known: readonly KnownHost[], host: string, port: number, key: Buffer): HostVerdict {
  const exact = known.filter((line) => isAbout(line, knownHostName(host, port)));
  const bare = port === 22 ? [] : known.filter((line) => isAbout(line, host.toLowerCase()));
  const same = [...exact, ...bare].filter((line) => line.key.equals(key));
  if (same.some((line) => line.marker === 'revoked')) return { kind: 'revoked' };
  if (same.some((line) => line.marker === undefined)) return { kind: 'known' };
  if (exact.some((line) => line.marker === undefined)) return { kind: 'changed' };
  return { kind: 'unknown', certAuthorityOnly: exact.some((line) => line.marker === 'cert-authority') };
}

/** Types of the keys that would be accepted, so that the server can be asked for one of them. */
export function knownKeyTypes(known: readonly KnownHost[], host: string, port: number): string[] {
  const names = [knownHostName(host, port), host.toLowerCase()];
  const lines = known.filter((line) => line.marker === undefined && names.some((name) => isAbout(line, name)));
  return [...new Set(lines.map((line) => line.keyType))];
}

function isAbout(line: KnownHost, name: string): boolean {
  if (!line.names.startsWith('|')) return matchesPatterns(name, line.names.split(','));
  const [, version, salt = '', hash = ''] = line.names.split('|');
  if (version !== '1') return false;
  const expected = Buffer.from(hash, 'base64');
  const actual = createHmac('sha1', Buffer.from(salt, 'base64')).update(name).digest();
  return expected.byteLength === actual.byteLength && timingSafeEqual(expected, actual);
}

/** The type that a public key names in its first field; undefined when it is none. */
export function keyTypeOf(key: Buffer): string | undefined {
  if (key.byteLength < 4) return undefined;
  const size = key.readUInt32BE(0);
  return size > 64 || size > key.byteLength - 4 ? undefined : key.toString('latin1', 4, 4 + size);
}

/** As ssh shows it. */
export function fingerprintOf(key: Buffer): string {
  return `SHA256:${createHash('sha256').update(key).digest('base64').replaceAll('=', '')}`;
}
