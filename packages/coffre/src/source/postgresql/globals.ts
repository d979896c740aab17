/** Roles and tablespaces, which belong to no database: taken by pg_dumpall, and taken back one checked statement at a time. */
import { join } from 'node:path';
import type { ProgramCall } from '../../platform/programs.ts';
import { databaseWord } from './names.ts';
import type { ServerFacts } from './server.ts';
import type { Tools } from './tools.ts';

export function globalsCall(tools: Tools, server: ServerFacts, database: string): Pick<ProgramCall, 'argv'> {
  return {
    argv: [
      join(tools.folder, 'pg_dumpall'),
      '--globals-only',
      '--no-password',
      `--database=${databaseWord(database)}`,
      // Only superusers may read the hashes.
      ...(server.isSuperuser ? [] : ['--no-role-passwords']),
      // A random key would make every dump another one.
      ...(hasRestrictKey(tools.version) ? ['--restrict-key=coffre'] : []),
    ],
  };
}

/** Since August 2025 scripts begin with `\restrict` and a key. */
const restrictSince: Readonly<Record<number, number>> = { 13: 22, 14: 19, 15: 14, 16: 10, 17: 6 };

function hasRestrictKey(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map((part) => Number.parseInt(part, 10));
  return major > 17 || (restrictSince[major] ?? Number.POSITIVE_INFINITY) <= minor;
}

export type GlobalStatement = {
  readonly sql: string;
  readonly kind: 'create role' | 'alter role' | 'role setting' | 'grant role' | 'comment' | 'tablespace';
  /** Of the role, or the one that becomes a member. */
  readonly name: string;
};

export type ReadGlobals = {
  readonly statements: readonly GlobalStatement[];
  /** What is not on the list of what globals are, and is never run. */
  readonly refused: readonly string[];
};

const name = String.raw`("(?:[^"]|"")+"|[a-z_][a-z0-9_$]*)`;
const shapes: readonly { readonly kind: GlobalStatement['kind'] | 'nothing'; readonly shape: RegExp }[] = [
  { kind: 'nothing', shape: /^SET (default_transaction_read_only|client_encoding|standard_conforming_strings) = / },
  { kind: 'create role', shape: new RegExp(`^CREATE ROLE ${name}$`) },
  { kind: 'role setting', shape: new RegExp(`^ALTER ROLE ${name} (?:SET|IN DATABASE) `) },
  { kind: 'alter role', shape: new RegExp(`^ALTER ROLE ${name} WITH `) },
  { kind: 'comment', shape: new RegExp(`^COMMENT ON ROLE ${name} IS `) },
  { kind: 'comment', shape: new RegExp(`^SECURITY LABEL FOR .* ON ROLE ${name} IS `) },
  {
    kind: 'grant role',
    shape: new RegExp(`^GRANT (?:"(?:[^"]|"")+"|[a-z_][a-z0-9_$]*) TO ${name}(?: WITH | GRANTED BY |$)`),
  },
  { kind: 'tablespace', shape: new RegExp(`^(?:CREATE|ALTER) TABLESPACE ${name} `) },
  { kind: 'tablespace', shape: new RegExp(`^(?:GRANT|REVOKE) .* ON TABLESPACE ${name} `) },
  { kind: 'tablespace', shape: new RegExp(`^COMMENT ON TABLESPACE ${name} IS `) },
];

/** Text of pg_dumpall, which may come from somebody who wants more than roles. Pure. */
export function readGlobals(text: string): ReadGlobals {
  const statements: GlobalStatement[] = [];
  const refused: string[] = [];
  for (const sql of splitStatements(text)) {
    const found = shapes
      .map(({ kind, shape }) => ({ kind, match: shape.exec(sql) }))
      .find(({ match }) => match !== null);
    if (found === undefined) refused.push(sql);
    else if (found.kind !== 'nothing')
      statements.push({ sql, kind: found.kind, name: unquote(found.match?.[1] ?? '') });
  }
  return { statements, refused };
}

function unquote(word: string): string {
  return word.startsWith('"') ? word.slice(1, -1).replaceAll('""', '"') : word;
}

/** Without comments and without lines for psql; quotes, also with backslashes in `E'…'`, keep what is in them. */
export function splitStatements(text: string): string[] {
  const token = /--[^\n]*|[eE]'(?:[^'\\]|\\[^]|'')*'|'(?:[^']|'')*'|"(?:[^"]|"")*"|^\\[^\n]*|[^]/gmu;
  const statements: string[] = [];
  let current = '';
  for (const [piece] of text.matchAll(token)) {
    if (piece.startsWith('--') || piece.startsWith('\\')) continue;
    if (piece === ';') {
      statements.push(current);
      current = '';
    } else current += piece;
  }
  statements.push(current);
  return statements.map((one) => one.trim()).filter((one) => one !== '');
}
