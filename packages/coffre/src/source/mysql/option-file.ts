/** A group of an option file of the clients, such as `~/.my.cnf`. Pure. */
import type { AddressParts, Tls } from './settings.ts';

/** @returns undefined when the text has no such group */
export function readOptionGroup(text: string, group: string): AddressParts | undefined {
  const values = new Map<string, string>();
  let current: string | undefined;
  let found = false;
  for (const line of text.split(/\r?\n/)) {
    const trimmed = line.trim();
    const header = /^\[([^\]]*)\]/.exec(trimmed);
    if (header !== null) {
      current = header[1];
      found ||= current === group;
    } else if (current === group && trimmed !== '' && !/^[#;!]/.test(trimmed)) {
      const [, name = '', value] = /^([^=\s]+)\s*(?:=\s*(.*))?$/s.exec(trimmed) ?? [];
      values.set(name.replaceAll('_', '-'), valueOf(value ?? ''));
    }
  }
  if (!found) return undefined;
  const port = values.get('port');
  return {
    host: values.get('host'),
    port: port === undefined ? undefined : Number(port),
    socket: values.get('socket'),
    user: values.get('user'),
    password: values.get('password'),
    caFile: values.get('ssl-ca'),
    tls: tlsOf(values),
  };
}

function valueOf(written: string): string {
  const quote = /^(["'])(.*)\1\s*(?:#.*)?$/s.exec(written);
  const plain = quote?.[2] ?? written.replace(/\s+#.*$/, '');
  const escapes: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', b: '\b', s: ' ' };
  return plain.replaceAll(/\\([nrtbs"'\\])/g, (_, sign: string) => escapes[sign] ?? sign);
}

function tlsOf(values: ReadonlyMap<string, string>): Tls | undefined {
  const mode = values.get('ssl-mode')?.toUpperCase();
  if (mode?.startsWith('VERIFY_') === true || isOn(values.get('ssl-verify-server-cert'))) return 'verify';
  if (mode === 'REQUIRED' || isOn(values.get('ssl'))) return 'require';
  return mode === 'DISABLED' || values.has('skip-ssl') ? 'off' : undefined;
}

function isOn(value: string | undefined): boolean {
  return value !== undefined && !/^(?:0|off|false)$/i.test(value);
}
