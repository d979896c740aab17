/**
 * The exchange of what is loaded aside with what stands in its place, as statements. Each is text of which every character
 * is one byte. Pure.
 *
 * Where the server can run them as one compound statement it does so to the end, also when we are killed meanwhile, and
 * takes them back itself when one of them fails.
 */
import { identifier, literal } from './names.ts';
import { placed, programOf, type DumpStatement, type Placing, type StatementKind } from './dump-statements.ts';
import type { LiveProgram } from './live-programs.ts';

export type Move = { readonly from: string; readonly into: string; readonly name: string };

/** What stands where the load goes, and goes when it comes. */
export type Standing = {
  readonly charset: string;
  readonly collation: string;
  readonly tables: readonly string[];
  readonly programs: readonly LiveProgram[];
};

export type Exchange = {
  readonly to: string;
  /** Before the move: they are in its way. */
  readonly clearing: readonly LiveProgram[];
  /** The other ones, which go after it. */
  readonly staying: readonly LiveProgram[];
  /** What comes. */
  readonly made: readonly Pick<LiveProgram, 'kind' | 'name'>[];
  readonly moves: readonly Move[];
  /** After the move. */
  readonly finishing: readonly string[];
  /** Which of them came with the dump, so that a refusal is about the dump. */
  readonly fromDump: number;
  /** Gives the database its old character set. */
  readonly charset: readonly string[];
};

export type ExchangeParts = {
  readonly placing: Placing;
  readonly before: Standing | undefined;
  readonly moves: readonly Move[];
  /** Of the whole database; undefined when single tables are exchanged. */
  readonly charset: Pick<Standing, 'charset' | 'collation'> | undefined;
  /** Statements that point defaults at the new place. */
  readonly defaults: readonly string[];
  readonly statements: readonly DumpStatement[];
};

const programKinds: ReadonlySet<StatementKind> = new Set([
  'setting',
  'view',
  'trigger',
  'routine',
  'event',
  'database default',
]);

/** Tables with triggers cannot move, and no table takes the name of a view. */
export function planExchange(parts: ExchangeParts): Exchange {
  const { placing, before, moves, charset, defaults } = parts;
  const to = placing.database;
  const arriving = new Set(moves.filter(({ into }) => into === to).map(({ name }) => name));
  const old = before?.programs ?? [];
  const isInTheWay = ({ kind, name }: LiveProgram): boolean =>
    kind === 'TRIGGER' || (kind === 'VIEW' && arriving.has(name));
  const staying = old.filter((one) => !isInTheWay(one));
  const coming = parts.statements.filter(({ kind }) => programKinds.has(kind));
  const made = coming.flatMap((one) => programOf(one) ?? []);
  const drops = staying.flatMap((program) => dropsOf(to, program));
  const creates = coming.map((one) => placed(one, placing).toString('latin1'));
  const prepared = [...drops, ...(charset === undefined ? [] : [alterCharset(to, charset)]), ...defaults.map(bytesOf)];
  return {
    to,
    clearing: old.filter(isInTheWay),
    staying,
    made,
    moves,
    finishing: [...prepared, ...creates],
    fromDump: prepared.length,
    charset: before === undefined ? [] : [alterCharset(to, before)],
  };
}

export function charsetWords({ charset, collation }: Pick<Standing, 'charset' | 'collation'>): string {
  return `CHARACTER SET ${charset} COLLATE ${collation}`;
}

function alterCharset(to: string, charset: Pick<Standing, 'charset' | 'collation'>): string {
  return bytesOf(`ALTER DATABASE ${identifier(to)} ${charsetWords(charset)}`);
}

function dropOf(database: string, { kind, name }: Pick<LiveProgram, 'kind' | 'name'>): string {
  return bytesOf(`DROP ${kind} IF EXISTS ${identifier(database)}.${identifier(name)}`);
}

/** MariaDB knows the word PACKAGE in the mode of Oracle only, until 11.4. A body goes with its package. */
export function dropsOf(database: string, program: Pick<LiveProgram, 'kind' | 'name'>): string[] {
  const drop = dropOf(database, program);
  if (program.kind === 'PACKAGE BODY') return [];
  if (program.kind !== 'PACKAGE') return [drop];
  return [
    "SET @coffre_mode = @@SESSION.sql_mode, SESSION sql_mode = 'ORACLE'",
    drop,
    'SET SESSION sql_mode = @coffre_mode',
  ];
}

/** At once or not at all. */
export function renameOf(moves: readonly Move[]): string {
  const words = moves.map(
    ({ from, into, name }) => `${identifier(from)}.${identifier(name)} TO ${identifier(into)}.${identifier(name)}`,
  );
  return bytesOf(`RENAME TABLE ${words.join(', ')}`);
}

export function backOf(moves: readonly Move[]): Move[] {
  return moves.toReversed().map(({ from, into, name }) => ({ from: into, into: from, name }));
}

/** All of it in order, without the last word. */
export function stepsOf({ to, clearing, moves, finishing }: Exchange): string[] {
  const move = moves.length === 0 ? [] : [renameOf(moves)];
  return [...clearing.map((program) => dropOf(to, program)), ...move, ...finishing];
}

/** Views need each other, and a handler makes each of them once: it must know the order. */
export function canBeTakenBack({ clearing, staying }: Exchange): boolean {
  const isView = ({ kind }: LiveProgram): boolean => kind === 'VIEW';
  const views = [...clearing, ...staying].filter(isView);
  return views.length <= 1 || (!clearing.some(isView) && inOrder(staying).length === staying.length);
}

/** A view after those it may name; those that seem to name each other are left out. */
function inOrder(programs: readonly LiveProgram[]): LiveProgram[] {
  const isView = ({ kind }: LiveProgram): boolean => kind === 'VIEW';
  const ordered = programs.filter(({ kind }) => kind !== 'VIEW' && kind !== 'TRIGGER' && kind !== 'EVENT');
  let waiting = programs.filter(isView);
  for (;;) {
    const names = (one: LiveProgram, other: LiveProgram): boolean =>
      one !== other && one.create.includes(identifier(other.name));
    const ready = waiting.filter((one) => !waiting.some((other) => names(one, other)));
    if (ready.length === 0) break;
    ordered.push(...ready);
    waiting = waiting.filter((one) => !ready.includes(one));
  }
  return [...ordered, ...programs.filter(({ kind }) => kind === 'TRIGGER' || kind === 'EVENT')];
}

/** The steps as one statement of MariaDB 10.6 and newer. `@coffre_step` says afterwards which one failed. */
export function asOneStatement(exchange: Exchange, commit: string, old: string): string {
  const { to, clearing, staying, made, moves, charset } = exchange;
  const steps = [...stepsOf(exchange), commit];
  const moved = clearing.length + (moves.length === 0 ? 0 : 1);
  const takeBack = [
    ...made.flatMap((program) => dropsOf(to, program)),
    ...(moves.length === 0 ? [] : [renameOf(backOf(moves))]),
    ...staying.flatMap((program) => dropsOf(to, program)),
    ...inOrder(staying).flatMap(makeOf),
    ...charset,
  ];
  const words = [
    'BEGIN NOT ATOMIC DECLARE coffre_at INT DEFAULT 0;',
    'DECLARE EXIT HANDLER FOR SQLEXCEPTION BEGIN',
    execute('SET NAMES utf8mb4'),
    ifDone(moved, takeBack),
    ...clearing.map((program, at) => ifDone(at + 1, makeOf(program))),
    execute(bytesOf(`DROP DATABASE ${identifier(old)}`)),
    'RESIGNAL; END;',
    ...steps.map((sql, at) => `SET @coffre_step = ${at}; ${execute(sql)} SET coffre_at = ${at + 1};`),
    'END',
  ];
  return words.join(' ');
}

function makeOf({ sqlMode, create }: LiveProgram): string[] {
  return [`SET SESSION sql_mode = ${bytesOf(literal(sqlMode ?? ''))}`, bytesOf(create), "SET SESSION sql_mode = ''"];
}

function ifDone(steps: number, statements: readonly string[]): string {
  if (statements.length === 0) return '';
  return `IF coffre_at >= ${steps} THEN ${statements.map(execute).join(' ')} END IF;`;
}

function execute(sql: string): string {
  return `EXECUTE IMMEDIATE x'${Buffer.from(sql, 'latin1').toString('hex')}';`;
}

/** Each byte a character. */
export function bytesOf(text: string): string {
  return Buffer.from(text).toString('latin1');
}
