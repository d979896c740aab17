/** Whether the bytes of a state file are whole: a program that died in the middle of writing left them torn. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { isCoffreError, messageOf, toText, type ByteString, type ContentJudge } from '@coffre/repository';
import { extensionFor } from '../../extension/load.ts';
import { createPrivateFolder } from '../../platform/private-folder.ts';
import { integrityOf } from '../sqlite/sqlite-content.ts';
import type { SourceContext } from '../source.ts';

export type Validation =
  | { readonly kind: 'toml' | 'json' | 'yaml' | 'sqlite' }
  /** The path of a private copy is added to its words; exit code 0 says that it is whole. */
  | { readonly kind: 'command'; readonly argv: readonly string[] }
  /** Brought by an extension. */
  | { readonly kind: 'extension'; readonly name: string };

const commandTimeoutMs = 30_000;

/** @param judges which files; all of the source when absent */
export function judgeOf(
  validation: Validation,
  context: SourceContext,
  judges: (path: ByteString) => boolean = () => true,
): ContentJudge {
  return { judges, faultOf: async (path, bytes) => await faultOf(validation, context, { path, bytes }) };
}

type Judged = { readonly path: ByteString; readonly bytes: Buffer };

async function faultOf(
  validation: Validation,
  context: SourceContext,
  { path, bytes }: Judged,
): Promise<string | undefined> {
  // An empty text is good TOML and good YAML; a state that is suddenly empty was cut off.
  if (bytes.every((byte) => byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09)) return 'it is empty';
  try {
    switch (validation.kind) {
      case 'json':
        JSON.parse(textOf(bytes));
        return undefined;
      case 'toml':
        (await import('smol-toml')).parse(textOf(bytes));
        return undefined;
      case 'yaml':
        return await yamlFault(textOf(bytes));
      case 'sqlite':
        return sqliteFault(bytes);
      case 'command':
        await askCommand(validation.argv, context, bytes);
        return undefined;
      case 'extension': {
        const judge = await extensionFor(context.extensions, 'validations', validation.name);
        return await judge({ path: toText(path), bytes });
      }
      default:
        return validation satisfies never;
    }
  } catch (error) {
    if (context.signal.aborted || isCoffreError(error, 'EXTENSION_UNUSABLE')) throw error;
    return `${whatItIsNot[validation.kind]}: ${firstLine(messageOf(error))}`;
  }
}

const whatItIsNot = {
  json: 'it is no JSON',
  toml: 'it is no TOML',
  yaml: 'it is no YAML',
  sqlite: 'it is no sound SQLite database',
  command: 'the command refuses it',
  extension: 'the validation of an extension failed',
};

/** @throws where the bytes are no UTF-8, or hold the zeros that a crash leaves where bytes were to be written */
function textOf(bytes: Buffer): string {
  if (bytes.includes(0)) throw new Error('it holds zero bytes');
  return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
}

async function yamlFault(text: string): Promise<string | undefined> {
  const { parseAllDocuments } = await import('yaml');
  const documents = parseAllDocuments(text);
  const [fault] = Array.isArray(documents) ? documents.flatMap(({ errors }) => errors) : [];
  return fault === undefined ? undefined : `${whatItIsNot.yaml}: ${firstLine(fault.message)}`;
}

/** In memory: the file itself may have a log beside it that belongs to it. */
function sqliteFault(bytes: Buffer): string | undefined {
  // SQLite itself takes what is cut off at the end for empty room.
  if (bytes.byteLength < pageBytesOf(bytes) * pagesOf(bytes) || bytes.byteLength % pageBytesOf(bytes) !== 0) {
    return `${whatItIsNot.sqlite}: its end is missing`;
  }
  const database = new DatabaseSync(':memory:');
  try {
    const copy = Buffer.from(bytes);
    // The two marks of WAL mode, which a database in memory cannot have; the pages are the same.
    if (copy[18] === 2 && copy[19] === 2) copy.fill(1, 18, 20);
    database.deserialize(copy);
    const { damage } = integrityOf(database);
    return damage.join() === 'ok' ? undefined : `${whatItIsNot.sqlite}: ${damage[0]}`;
  } finally {
    database.close();
  }
}

/** Two bytes at 16, where 1 stands for 65536. */
function pageBytesOf(bytes: Buffer): number {
  const size = bytes.byteLength < 100 ? 0 : bytes.readUInt16BE(16);
  return size <= 1 ? 65_536 : size;
}

/** Four bytes at 28. */
function pagesOf(bytes: Buffer): number {
  return bytes.byteLength < 100 ? 1 : bytes.readUInt32BE(28);
}

async function askCommand(argv: readonly string[], context: SourceContext, bytes: Buffer): Promise<void> {
  using folder = createPrivateFolder(context.temporaryFolder, bytes.byteLength);
  const copy = join(folder.path, 'state');
  writeFileSync(copy, bytes, { mode: 0o600 });
  const call = { argv: [...argv, copy], timeoutMs: commandTimeoutMs, signal: context.signal };
  for await (const _ of context.programs.output(call));
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0] ?? '';
}
