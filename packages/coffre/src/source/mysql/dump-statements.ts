/** What a statement of a dump does, and how it is changed for another place. Only what dump programs write is known. Pure. */
import { CoffreError } from '@coffre/repository';
import type { Definer } from './settings.ts';

export type StatementKind =
  | 'setting'
  | 'table'
  | 'rows'
  | 'lock'
  | 'sequence'
  | 'view'
  | 'trigger'
  | 'routine'
  | 'event'
  | 'database default';

export type DumpStatement = {
  readonly kind: StatementKind;
  /** Of the table, sequence or view; of the table that a trigger watches. */
  readonly name: string | undefined;
  readonly sql: Buffer;
};

const headBytesMax = 4096;
/** Dumps name what they make without a database: another one would be somebody else's. */
const quoted = '`((?:[^`]|``)*)`(?!\\s*[.`])';
// Routines of the mode ANSI_QUOTES are dumped in it.
const anyQuotes = '`(?:[^`]|``)*`|"(?:[^"]|"")*"';
const loose = `(?:${anyQuotes}|[\\w$\\x80-\\xff]+)`;
const user = `(?:${anyQuotes}|'(?:[^']|'')*'|[\\w$%.-]+)`;
const definer = `DEFINER\\s*=\\s*(?:${user}(?:\\s*@\\s*${user})?|CURRENT_USER(?:\\(\\))?)`;

/** Over the head of a statement, in which the marks of executed comments are spaces. */
const shapes: readonly (readonly [StatementKind, RegExp])[] = [
  ['rows', new RegExp(`^INSERT (?:IGNORE )?INTO ${quoted}`)],
  ['setting', /^SET\s(?!\s*(?:GLOBAL|PERSIST|@@GLOBAL|PASSWORD|ROLE|DEFAULT))/i],
  ['lock', /^(?:LOCK TABLES|UNLOCK TABLES|COMMIT|START TRANSACTION)\b/],
  ['table', new RegExp(`^(?:DROP TABLE IF EXISTS|CREATE TABLE(?: IF NOT EXISTS)?) ${quoted}`)],
  ['table', new RegExp(`^ALTER TABLE ${quoted} (?:DIS|EN)ABLE KEYS`)],
  ['sequence', new RegExp(`^(?:DROP SEQUENCE IF EXISTS|CREATE SEQUENCE|DO SETVAL\\(|SELECT SETVAL\\() ?${quoted}`)],
  ['view', new RegExp(`^DROP VIEW IF EXISTS ${quoted}`)],
  ['view', new RegExp(`^CREATE (?:ALGORITHM=\\w+ )?(?:${definer} )?(?:SQL SECURITY \\w+ )?VIEW ${quoted}`)],
  ['routine', /^DROP (?:PROCEDURE|FUNCTION|PACKAGE BODY|PACKAGE) IF EXISTS /],
  ['routine', new RegExp(`^CREATE (?:${definer} )?(?:AGGREGATE )?(?:PROCEDURE|FUNCTION) ${loose} ?\\(`)],
  ['routine', new RegExp(`^CREATE (?:${definer} )?(?:PACKAGE BODY|PACKAGE) ${loose} `)],
  ['event', /^DROP EVENT IF EXISTS /],
  ['event', new RegExp(`^CREATE (?:${definer} )?EVENT `)],
  ['trigger', /^DROP TRIGGER IF EXISTS /],
  ['trigger', new RegExp(`^CREATE (?:${definer} )?TRIGGER `, 'i')],
  ['database default', new RegExp(`^ALTER DATABASE ${quoted} CHARACTER SET `)],
];

const triggerPlace = new RegExp(
  `(\\bTRIGGER\\s+(?:IF\\s+NOT\\s+EXISTS\\s+)?)(?:${loose}\\s*\\.\\s*)?(${loose})(\\s+(?:BEFORE|AFTER)\\s+(?:INSERT|UPDATE|DELETE)` +
    `\\s+ON\\s+)(?:${loose}\\s*\\.\\s*)?(${loose})`,
  'i',
);

/** @throws {CoffreError} SOURCE_VERIFY_FAILED for what no dump program writes */
export function readStatement(sql: Buffer): DumpStatement {
  const raw = sql.toString('latin1', 0, headBytesMax);
  const head = plainHead(raw);
  for (const [kind, shape] of shapes) {
    const found = shape.exec(head);
    if (found === null) continue;
    const name =
      kind === 'trigger'
        ? triggerTable(raw)
        : found[1] === undefined
          ? undefined
          : utf8(found[1].replaceAll('``', '`'));
    return { kind, name, sql };
  }
  throw new CoffreError(
    'SOURCE_VERIFY_FAILED',
    `the dump holds a statement that no dump has: ${JSON.stringify(utf8(head.slice(0, 60)))}`,
    {
      hint: 'It was not executed. Look at the stream with `coffre dump` before you trust this snapshot.',
    },
  );
}

export type ProgramKind = 'VIEW' | 'PROCEDURE' | 'FUNCTION' | 'PACKAGE' | 'PACKAGE BODY' | 'TRIGGER' | 'EVENT';

const routineMade = new RegExp(
  `^CREATE (?:${definer} )?(?:AGGREGATE )?(PROCEDURE|FUNCTION|PACKAGE BODY|PACKAGE) (${loose})`,
);
const eventMade = new RegExp(`^CREATE (?:${definer} )?EVENT (?:IF NOT EXISTS )?(${loose})`);

/** What the statement makes; undefined when it makes none of these. */
export function programOf({ kind, name, sql }: DumpStatement): { kind: ProgramKind; name: string } | undefined {
  const raw = sql.toString('latin1', 0, headBytesMax);
  const head = plainHead(raw);
  if (!/^CREATE /i.test(head)) return undefined;
  const named = (kindMade: ProgramKind, found: string | undefined): { kind: ProgramKind; name: string } | undefined =>
    found === undefined ? undefined : { kind: kindMade, name: utf8(unquoted(found)) };
  switch (kind) {
    case 'view':
      return name === undefined ? undefined : { kind: 'VIEW', name };
    case 'trigger':
      return named('TRIGGER', triggerPlace.exec(raw)?.[2]);
    case 'routine': {
      const found = routineMade.exec(head);
      return named((found?.[1] ?? 'PROCEDURE') as ProgramKind, found?.[2]);
    }
    case 'event':
      return named('EVENT', eventMade.exec(head)?.[1]);
    case 'setting':
    case 'table':
    case 'rows':
    case 'lock':
    case 'sequence':
    case 'database default':
      return undefined;
    default:
      return kind satisfies never;
  }
}

/** The beginning, for people. */
export function headOf(sql: Buffer): string {
  return utf8(plainHead(sql.toString('latin1', 0, headBytesMax)));
}

function plainHead(raw: string): string {
  return raw
    .replaceAll(/\/\*M?!\d*|\*\//g, ' ')
    .replaceAll(/\s+/g, ' ')
    .trim();
}

function triggerTable(raw: string): string | undefined {
  const found = triggerPlace.exec(raw)?.[4];
  return found === undefined ? undefined : utf8(unquoted(found));
}

function unquoted(name: string): string {
  const [quote = ''] = name;
  return quote === '`' || quote === '"' ? name.slice(1, -1).replaceAll(quote + quote, () => quote) : name;
}

function utf8(latin1: string): string {
  return Buffer.from(latin1, 'latin1').toString('utf8');
}

export type Placing = {
  /** Name of the database when it was dumped. */
  readonly original: string;
  /** Where it goes now. */
  readonly database: string;
  readonly definer: Definer;
};

/** The statement for another database: dumps name their own in four places only. */
export function placed({ kind, sql }: DumpStatement, placing: Placing): Buffer {
  switch (kind) {
    case 'database default':
      return edited(sql, (text) =>
        text.replace(new RegExp(`ALTER DATABASE ${quoted}`), `ALTER DATABASE ${bytesName(placing.database)}`),
      );
    case 'table':
      if (placing.original === placing.database || sql.indexOf('nextval(') === -1) return sql;
      return edited(sql, (text) =>
        text.replaceAll(
          ` DEFAULT nextval(${bytesName(placing.original)}.`,
          ` DEFAULT nextval(${bytesName(placing.database)}.`,
        ),
      );
    case 'trigger':
      return withDefiner(
        edited(sql, (text) => text.replace(triggerPlace, '$1$2$3$4')),
        placing.definer,
      );
    case 'view':
    case 'routine':
    case 'event':
      return withDefiner(sql, placing.definer);
    case 'setting':
      return asStored(sql);
    case 'rows':
    case 'lock':
    case 'sequence':
      return sql;
    default:
      return kind satisfies never;
  }
}

/** Dates that no calendar has may stand in tables. Without this the server would store zeros for them, and say nothing. */
function asStored(sql: Buffer): Buffer {
  if (sql.byteLength > headBytesMax || sql.indexOf("SQL_MODE='NO_AUTO_VALUE_ON_ZERO'") === -1) return sql;
  return edited(sql, (text) =>
    text.replace("SQL_MODE='NO_AUTO_VALUE_ON_ZERO'", "SQL_MODE='NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES'"),
  );
}

function withDefiner(sql: Buffer, wanted: Definer): Buffer {
  if (wanted === 'keep') return sql;
  return edited(sql, (text) => {
    const head = text.slice(0, headBytesMax).replace(new RegExp(`\\b${definer}`, 'i'), 'DEFINER=CURRENT_USER');
    return head + text.slice(headBytesMax);
  });
}

function edited(sql: Buffer, change: (text: string) => string): Buffer {
  return Buffer.from(change(sql.toString('latin1')), 'latin1');
}

/** Quoted, each byte a character. */
function bytesName(name: string): string {
  return `\`${Buffer.from(name).toString('latin1').replaceAll('`', '``')}\``;
}
