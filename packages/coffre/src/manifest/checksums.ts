/**
 * Lines that `sha256sum -c` reads, for the folder that a snapshot was restored into:
 *
 *   <64 hexadecimal digits>  ./srv/shop/index.html
 *   \<64 hexadecimal digits>  ./two\nlines           a name with a backslash, line feed or carriage return
 *
 * Names are bytes. Pure.
 */
import { CoffreError, type ByteString } from '@coffre/repository';

export type Checksum = { readonly path: ByteString; readonly sha256: string };

const escapes = { '\\': '\\\\', '\n': '\\n', '\r': '\\r' } as const;

export function checksumLine({ path, sha256 }: Checksum): Buffer {
  const name = `.${path}`;
  const escaped = name.replaceAll(/[\\\n\r]/g, (char) => escapes[char as keyof typeof escapes]);
  return Buffer.from(`${escaped === name ? '' : '\\'}${sha256}  ${escaped}\n`, 'latin1');
}

/** @throws {CoffreError} MANIFEST_DAMAGED */
export function parseChecksums(bytes: Buffer): Checksum[] {
  const lines = bytes.toString('latin1').split('\n');
  if (lines.pop() !== '') throw damaged(lines.length + 1);
  return lines.map((line, at) => {
    const [, mark, sha256, name] = /^(\\?)([0-9a-f]{64}) {2}\.(\/.+)$/s.exec(line) ?? [];
    if (sha256 === undefined || name === undefined) throw damaged(at + 1);
    const path = mark === '' ? name : name.replaceAll(/\\([\\nr])/g, (_, char: string) => unescaped(char));
    return { path: path as ByteString, sha256 };
  });
}

/** Without what a snapshot says of itself, which a restore of its sources does not write. */
export function linesOfData(bytes: Buffer): Buffer {
  const lines = bytes.toString('latin1').split(/(?<=\n)/);
  return Buffer.from(lines.filter((line) => !/^\\?[0-9a-f]{64} {2}\.\/\.coffre\//.test(line)).join(''), 'latin1');
}

function unescaped(char: string): string {
  if (char === 'n') return '\n';
  return char === 'r' ? '\r' : '\\';
}

function damaged(line: number): CoffreError {
  return new CoffreError('MANIFEST_DAMAGED', `line ${line} of the checksums cannot be read`);
}
