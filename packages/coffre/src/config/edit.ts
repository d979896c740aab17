/**
 * Changes one value in the text of a configuration. Everything else, comments and spacing included, stays byte for byte
 * as it was: the YAML tree only tells where to cut. What comes out is read again and must say what was asked for.
 */
import { isDeepStrictEqual } from 'node:util';
import { CoffreError } from '@coffre/repository/opening';
import { isAlias, isCollection, isMap, isScalar, isSeq, parseDocument, stringify } from 'yaml';
import type { Pair, ParsedNode, ToStringOptions, YAMLMap } from 'yaml';
import { plainOf } from './located.ts';
import { pathText } from './mistake.ts';
import type { ConfigPath } from './mistake.ts';
import { readYaml } from './yaml-text.ts';

export type PlainValue =
  | string
  | number
  | boolean
  | null
  | readonly PlainValue[]
  | { readonly [key: string]: PlainValue };

/** @throws {CoffreError} CONFIG_INVALID when the place cannot be changed without touching others */
export function setValue(text: string, path: ConfigPath, value: PlainValue): string {
  const changed = spliceValue(text, path, value);
  return proven(text, changed, path, (plain) => assign(plain, path, value));
}

/** Takes a key, or an entry of a list, out. @throws {CoffreError} CONFIG_INVALID */
export function removeValue(text: string, path: ConfigPath): string {
  const { owner } = ownerOf(text, path);
  const changed = isMap(owner) ? withoutPair(text, owner, path) : withoutItem(text, owner, path);
  return proven(text, changed, path, (plain) => unassign(plain, path));
}

type Owner = YAMLMap.Parsed | ParsedNode | null;

function spliceValue(text: string, path: ConfigPath, value: PlainValue): string {
  const { owner, depth } = ownerOf(text, path);
  const key = path[depth]!;
  // Keys above that are missing too come along with the value.
  const nested = path.slice(depth + 1).reduceRight<PlainValue>((inner, part) => ({ [String(part)]: inner }), value);
  if (isSeq(owner)) {
    const item = owner.items[Number(key)];
    if (item?.range === undefined) throw notHere(path, 'the list has no such entry');
    return splice(text, item.range[0], item.range[1], flow(nested));
  }
  if (!isMap(owner)) {
    if (owner === null) return `${text}${text === '' || text.endsWith('\n') ? '' : '\n'}${line(key, nested)}\n`;
    throw notHere(path, 'what stands above is no map');
  }
  const pair = pairOf(owner, key);
  if (pair === undefined) return withPair(text, owner, key, nested);
  const old = pair.value as ParsedNode | null;
  if (old === null || old.range[0] === old.range[1]) {
    const colon = text.indexOf(':', (pair.key as ParsedNode).range[1]);
    return splice(text, colon + 1, colon + 1, ` ${flow(nested)}`);
  }
  // The range of a block collection ends where the next key begins.
  const end =
    isCollection(old) && old.flow !== true
      ? old.range[0] + text.slice(old.range[0], old.range[1]).trimEnd().length
      : old.range[1];
  return splice(text, startOf(text, old), end, flow(nested));
}

/** Anchors and tags stand before the value and go with it. */
function startOf(text: string, node: ParsedNode): number {
  const before = text.slice(0, node.range[0]);
  return isScalar(node) || isAlias(node) ? node.range[0] : before.length;
}

function withPair(text: string, owner: YAMLMap.Parsed, key: string | number, value: PlainValue): string {
  if (owner.flow === true) {
    const end = owner.range[1] - 1;
    const isEmpty = owner.items.length === 0;
    const inner = text.slice(owner.range[0] + 1, end).trimEnd();
    const at = owner.range[0] + 1 + inner.length;
    return splice(text, at, at, `${isEmpty ? '' : inner.endsWith(',') ? ' ' : ', '}${line(key, value)}`);
  }
  const last = owner.items.at(-1);
  const first = owner.items[0]?.key;
  if (last === undefined || first === undefined) throw notHere([key], 'the map is empty');
  const column = first.range[0] - (text.lastIndexOf('\n', first.range[0] - 1) + 1);
  const end = endOfPair(text, last);
  const lineEnd = text.indexOf('\n', end);
  const at = lineEnd < 0 ? text.length : lineEnd;
  return splice(text, at, at, `\n${' '.repeat(column)}${line(key, value)}`);
}

function withoutPair(text: string, owner: YAMLMap, path: ConfigPath): string {
  const index = owner.items.findIndex((item) => isScalar(item.key) && String(item.key.value) === String(path.at(-1)));
  const pair = owner.items[index] as Pair<ParsedNode, ParsedNode | null> | undefined;
  if (pair === undefined) throw notHere(path, 'it is not there');
  const start = pair.key.range[0];
  const end = endOfPair(text, pair);
  if (owner.flow === true) return withoutInFlow(text, start, end);
  if (owner.items.length === 1) throw notHere(path, 'it is the last of its kind there', 'Take out what it stands in.');
  return withoutLines(text, start, end, path);
}

function withoutItem(text: string, owner: Owner, path: ConfigPath): string {
  const item = isSeq(owner) ? owner.items[Number(path.at(-1))] : undefined;
  if (!isSeq(owner) || item === undefined) throw notHere(path, 'it is not there');
  const [start] = item.range;
  const end = start + text.slice(start, item.range[1]).trimEnd().length;
  if (owner.flow === true) return withoutInFlow(text, start, end);
  if (owner.items.length === 1) throw notHere(path, 'it is the last entry of the list', 'Take out the whole list.');
  return withoutLines(text, text.lastIndexOf('-', start - 1), end, path);
}

/** With the comma after it, or before it at the end. */
function withoutInFlow(text: string, start: number, end: number): string {
  const after = /^\s*,\s*/.exec(text.slice(end));
  if (after !== null) return splice(text, start, end + after[0].length, '');
  const before = /,\s*$/.exec(text.slice(0, start));
  return splice(text, start - (before?.[0].length ?? 0), end, '');
}

/** Whole lines, with a comment at their end; never a line that holds something else. */
function withoutLines(text: string, start: number, end: number, path: ConfigPath): string {
  const lineStart = text.lastIndexOf('\n', start - 1) + 1;
  const lineEnd = text.indexOf('\n', end);
  if (text.slice(lineStart, start).trim() !== '') throw notHere(path, 'its line holds something else');
  return splice(text, lineStart, lineEnd < 0 ? text.length : lineEnd + 1, '');
}

function endOfPair(text: string, pair: Pair<ParsedNode, ParsedNode | null>): number {
  const { value } = pair;
  if (value === null) return text.indexOf(':', pair.key.range[1]) + 1;
  return value.range[0] + text.slice(value.range[0], value.range[1]).trimEnd().length;
}

/** The deepest map or list on the way that is there, and how far the path goes until it. */
function ownerOf(text: string, path: ConfigPath): { owner: Owner; depth: number } {
  const document = parseDocument(text, { logLevel: 'error', prettyErrors: false, uniqueKeys: false });
  if (document.errors.length > 0) throw notHere(path, 'the file has mistakes', 'Run `coffre config check`.');
  let owner: Owner = document.contents;
  for (let depth = 0; depth < path.length - 1; depth++) {
    const next: Owner | undefined = isMap(owner)
      ? (pairOf(owner, path[depth]!)?.value as ParsedNode | null | undefined)
      : isSeq(owner)
        ? owner.items[Number(path[depth])]
        : undefined;
    if (isAlias(next)) throw notHere(path, `${pathText(path.slice(0, depth + 1))} is an alias, used elsewhere too`);
    if (!isCollection(next)) return { owner, depth };
    owner = next;
  }
  return { owner, depth: path.length - 1 };
}

function pairOf(owner: YAMLMap, key: string | number): Pair | undefined {
  return owner.items.find((item) => isScalar(item.key) && String(item.key.value) === String(key));
}

function line(key: string | number, value: PlainValue): string {
  return `${flow(String(key))}: ${flow(value)}`;
}

/** On one line and quoted as within brackets, so that it can stand anywhere. */
function flow(value: PlainValue): string {
  const hasLines = JSON.stringify(value).includes(String.raw`\n`);
  const options: ToStringOptions & { defaultStringType?: 'QUOTE_DOUBLE' } = {
    collectionStyle: 'flow',
    lineWidth: 0,
    blockQuote: false,
    flowCollectionPadding: false,
    doubleQuotedMinMultiLineLength: Number.MAX_SAFE_INTEGER,
    ...(hasLines ? { defaultStringType: 'QUOTE_DOUBLE', defaultKeyType: 'PLAIN' } : {}),
  };
  return stringify([value], options).trimEnd().slice(1, -1);
}

function splice(text: string, start: number, end: number, put: string): string {
  return text.slice(0, start) + put + text.slice(end);
}

type PlainMap = { [key: string]: unknown };

function assign(plain: unknown, path: ConfigPath, value: PlainValue): unknown {
  const [part, ...rest] = path;
  if (part === undefined) return value;
  const copy = (Array.isArray(plain) ? [...(plain as unknown[])] : { ...(plain as PlainMap | null) }) as PlainMap;
  copy[part] = assign(copy[part], rest, value);
  return copy;
}

function unassign(plain: unknown, path: ConfigPath): unknown {
  const [part, ...rest] = path;
  if (Array.isArray(plain)) {
    const items = plain as unknown[];
    return rest.length === 0
      ? items.toSpliced(Number(part), 1)
      : items.with(Number(part), unassign(items[Number(part)], rest));
  }
  const { [String(part)]: inner, ...others } = plain as PlainMap;
  return rest.length === 0 ? others : { ...(plain as PlainMap), [String(part)]: unassign(inner, rest) };
}

function proven(before: string, after: string, path: ConfigPath, change: (plain: unknown) => unknown): string {
  const [was, is] = [before, after].map((text) => readYaml({ file: '', text }));
  const wanted: unknown = JSON.parse(JSON.stringify(change(plainOf(was!.value))));
  const got: unknown = JSON.parse(JSON.stringify(plainOf(is!.value)));
  if (is!.mistakes.length > 0 || !isDeepStrictEqual(got, wanted))
    throw notHere(path, 'the text around it does not allow it');
  return after;
}

function notHere(path: ConfigPath, why: string, hint = 'Change it by hand.'): CoffreError {
  return new CoffreError('CONFIG_INVALID', `\`${pathText(path)}\` cannot be changed: ${why}`, { hint });
}
