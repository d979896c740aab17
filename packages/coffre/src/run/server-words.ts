/** What a configuration says of where a server is, with its secrets read. */
import type { Config, ServerAddress } from '../config/config.ts';
import { resolveText, type SecretDoors } from '../config/read/secrets.ts';

export type SecretParts = { readonly secrets: Config['secrets']; readonly doors: SecretDoors };

export type ServerWords = {
  readonly url: string | undefined;
  /** What stands beside a URL, a service or a group, and counts more than what is in it; nothing that was not said. */
  readonly said: Partial<Pick<ServerAddress, 'socket' | 'host' | 'port' | 'user' | 'tls' | 'caFile'>> & {
    readonly password?: string | undefined;
  };
};

/** @throws {CoffreError} SECRET_UNAVAILABLE */
export async function serverWords(connect: ServerAddress, { secrets, doors }: SecretParts): Promise<ServerWords> {
  const resolve = async (text: ServerAddress['url']): Promise<string | undefined> =>
    text === undefined ? undefined : await resolveText(text, secrets, doors);
  const [url, password] = [await resolve(connect.url), await resolve(connect.password)];
  const { socket, host, port, user, tls, caFile } = connect;
  return { url, said: defined({ socket, host, port, user, password, tls, caFile }) };
}

/** Without what was not said. */
export function defined<T extends object>(parts: T): Partial<T> {
  return Object.fromEntries(Object.entries(parts).filter(([, value]) => value !== undefined)) as Partial<T>;
}
