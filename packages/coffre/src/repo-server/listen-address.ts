import { CoffreError } from '@coffre/repository';

export type ListenAddress =
  | { readonly kind: 'tcp'; readonly host: string | undefined; readonly port: number }
  | { readonly kind: 'unix'; readonly path: string };

/** `HOST:PORT`, `[::1]:8000`, `:8000` for every address of the machine, `unix:/path`. @throws {CoffreError} USAGE */
export function parseListenAddress(text: string): ListenAddress {
  if (text.startsWith('unix:') && text.length > 5) return { kind: 'unix', path: text.slice(5) };
  const found = /^(?:\[([0-9a-fA-F:.%\w]+)\]|([^:[\]]*)):(\d{1,5})$/.exec(text);
  const port = Number(found?.[3] ?? Number.NaN);
  if (found === null || !(port <= 65_535)) {
    throw new CoffreError('USAGE', `--listen needs an address and a port, not ${JSON.stringify(text)}`, {
      hint: 'Write it as 127.0.0.1:8000, [::1]:8000, :8000 for every address, or unix:/run/coffre.sock.',
    });
  }
  return { kind: 'tcp', host: found[1] ?? (found[2] || undefined), port };
}

export function isLoopback(address: ListenAddress): boolean {
  if (address.kind === 'unix') return true;
  return /^(localhost|127\.\d+\.\d+\.\d+|::1)$/.test(address.host ?? '');
}

/** As a client writes it. */
export function originOf(address: ListenAddress, port: number, secure: boolean): string {
  const scheme = secure ? 'https' : 'http';
  if (address.kind === 'unix') return `${scheme}+unix://${address.path}:`;
  const host = address.host ?? 'localhost';
  return `${scheme}://${host.includes(':') ? `[${host}]` : host}:${port}`;
}
