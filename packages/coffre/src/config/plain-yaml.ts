/**
 * The part of YAML that configurations are made of, read without a tree of the text: maps and lists by indentation or in
 * brackets on one line, plain and quoted texts of one line, comments. A file of ten thousand plans takes a tenth of the
 * time and memory. Whatever else a file holds, and whatever is wrong in it, is left to the full parser: then the answer
 * is undefined.
 *
 * A test compares both on everything that this one reads.
 */
import type { Located, Scalar } from './located.ts';
import type { Place } from './mistake.ts';
import { plainScalar, notSimple } from './plain-scalar.ts';

/** Thrown and caught in this file only. */
const beyond = new Error('more than plain YAML');

const depthMax = 30;
const reservedKeys: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype']);
const blockKey = /([\p{L}\p{N}_./][\p{L}\p{N}_./-]*):(?= |$)/uy;
const flowKey = /([\p{L}\p{N}_./][\p{L}\p{N}_./-]*):(?= )/uy;

type Line = { readonly number: number; indent: number; readonly text: string };

export function readPlainYaml(file: string, text: string): Located | undefined {
  // Tabs, other line ends and a byte order mark have rules of their own.
  if (/[\t\r\u0000-\u0008\u000b-\u001f\u007f\ufeff]/.test(text)) return undefined;
  const lines = linesOf(text);
  if (lines === undefined || lines.length === 0) return undefined;
  try {
    const reader = new Reader(file, lines);
    return reader.document();
  } catch (error) {
    if (error === beyond) return undefined;
    throw error;
  }
}

/** Without empty ones and comments. Undefined with marks of documents and directives. */
function linesOf(text: string): Line[] | undefined {
  const lines: Line[] = [];
  let number = 0;
  for (const line of text.split('\n')) {
    number += 1;
    const indent = line.search(/[^ ]/);
    if (indent < 0 || line[indent] === '#') continue;
    if (indent === 0 && /^(---|\.\.\.|%)/.test(line)) return undefined;
    lines.push({ number, indent, text: line });
  }
  return lines;
}

class Reader {
  readonly #file: string;
  readonly #lines: readonly Line[];
  #next = 0;

  constructor(file: string, lines: readonly Line[]) {
    this.#file = file;
    this.#lines = lines;
  }

  document(): Located {
    const root = this.#block(this.#lines[0]!.indent, 0);
    if (root.kind !== 'map' || this.#next < this.#lines.length) throw beyond;
    return root;
  }

  /** What begins on the next line, at this indentation. */
  #block(indent: number, depth: number): Located {
    if (depth > depthMax) throw beyond;
    return isItem(this.#lines[this.#next]!) ? this.#list(indent, depth) : this.#map(indent, depth);
  }

  #map(indent: number, depth: number): Located {
    const place = this.#placeOf(this.#lines[this.#next]!, indent);
    const entries = new Map<string, { keyPlace: Place; value: Located }>();
    for (let line = this.#lines[this.#next]; line?.indent === indent; line = this.#lines[this.#next]) {
      // A list at the indentation of its key ends a map inside of it.
      if (isItem(line)) break;
      const key = keyAt(blockKey, line.text, indent);
      if (key === undefined || reservedKeys.has(key) || entries.has(key)) throw beyond;
      const keyPlace = this.#placeOf(line, indent);
      entries.set(key, { keyPlace, value: this.#value(line, indent + key.length + 1, indent, depth) });
    }
    this.#expectEnd(indent);
    if (entries.size === 0) throw beyond;
    return { kind: 'map', place, entries };
  }

  /** Behind a key: on the same line, or below it. */
  #value(line: Line, from: number, indent: number, depth: number): Located {
    const start = contentAt(line.text, from);
    if (start !== undefined) return this.#inline(line, start, indent, depth);
    this.#next += 1;
    const below = this.#lines[this.#next];
    if (below === undefined || below.indent < indent) throw beyond;
    if (below.indent === indent && !isItem(below)) throw beyond;
    return this.#block(below.indent, depth + 1);
  }

  #list(indent: number, depth: number): Located {
    const place = this.#placeOf(this.#lines[this.#next]!, indent);
    const items: Located[] = [];
    for (let line = this.#lines[this.#next]; line?.indent === indent; line = this.#lines[this.#next]) {
      if (!isItem(line)) break;
      items.push(this.#item(line, indent, depth));
    }
    return { kind: 'list', place, items };
  }

  #item(line: Line, indent: number, depth: number): Located {
    const start = contentAt(line.text, indent + 1);
    if (start === undefined) {
      this.#next += 1;
      const below = this.#lines[this.#next];
      if (below === undefined || below.indent <= indent) throw beyond;
      return this.#block(below.indent, depth + 1);
    }
    const isNested = line.text.startsWith('- ', start) || keyAt(blockKey, line.text, start) !== undefined;
    if (!isNested) return this.#inline(line, start, indent, depth);
    // What stands behind the dash is a line of its own, further in.
    line.indent = start;
    return this.#block(start, depth + 1);
  }

  /** To the end of the line. What goes on below it is beyond us. */
  #inline(line: Line, start: number, indent: number, depth: number): Located {
    const flow = new Flow(line, (at) => this.#placeOf(line, at));
    const { value, end } = isFlow(line.text, start) ? flow.collection(start, depth + 1) : flow.scalar(start, 'line');
    if (contentAt(line.text, end) !== undefined) throw beyond;
    this.#next += 1;
    const below = this.#lines[this.#next];
    if (below !== undefined && below.indent > indent) throw beyond;
    return value;
  }

  #expectEnd(indent: number): void {
    const line = this.#lines[this.#next];
    if (line !== undefined && line.indent > indent) throw beyond;
  }

  #placeOf({ number }: Line, at: number): Place {
    return { file: this.#file, line: number, column: at + 1 };
  }
}

type Read = { readonly value: Located; readonly end: number };

/** Values on one line. */
class Flow {
  readonly #text: string;
  readonly #placeAt: (at: number) => Place;

  constructor({ text }: Line, placeAt: (at: number) => Place) {
    this.#text = text;
    this.#placeAt = placeAt;
  }

  collection(start: number, depth: number): Read {
    if (depth > depthMax) throw beyond;
    return this.#text[start] === '[' ? this.#list(start, depth) : this.#map(start, depth);
  }

  #list(start: number, depth: number): Read {
    const items: Located[] = [];
    let at = this.#skip(start + 1);
    while (this.#text[at] !== ']') {
      const { value, end } = this.#member(at, depth);
      items.push(value);
      at = this.#afterMember(end, ']');
    }
    return { value: { kind: 'list', place: this.#placeAt(start), items }, end: at + 1 };
  }

  #map(start: number, depth: number): Read {
    const entries = new Map<string, { keyPlace: Place; value: Located }>();
    let at = this.#skip(start + 1);
    while (this.#text[at] !== '}') {
      const key = keyAt(flowKey, this.#text, at);
      if (key === undefined || reservedKeys.has(key) || entries.has(key)) throw beyond;
      const { value, end } = this.#member(this.#skip(at + key.length + 1), depth);
      entries.set(key, { keyPlace: this.#placeAt(at), value });
      at = this.#afterMember(end, '}');
    }
    return { value: { kind: 'map', place: this.#placeAt(start), entries }, end: at + 1 };
  }

  #member(at: number, depth: number): Read {
    return isFlow(this.#text, at) ? this.collection(at, depth + 1) : this.scalar(at, 'flow');
  }

  /** Behind a member is its end, or a comma and another member. */
  #afterMember(end: number, close: string): number {
    const at = this.#skip(end);
    if (this.#text[at] === close) return at;
    if (this.#text[at] !== ',') throw beyond;
    const next = this.#skip(at + 1);
    if (this.#text[next] === close) throw beyond;
    return next;
  }

  #skip(from: number): number {
    let at = from;
    while (this.#text[at] === ' ') at += 1;
    if (at >= this.#text.length || (this.#text[at] === '#' && at > from)) throw beyond;
    return at;
  }

  scalar(start: number, within: 'line' | 'flow'): Read {
    const found = plainScalar(this.#text, start, within);
    if (found === notSimple) throw beyond;
    const value: Scalar = found.value;
    return { value: { kind: 'scalar', place: this.#placeAt(start), value }, end: found.end };
  }
}

function isItem({ text, indent }: Line): boolean {
  return text[indent] === '-' && (text[indent + 1] === ' ' || text.length === indent + 1);
}

function isFlow(text: string, at: number): boolean {
  return text[at] === '[' || text[at] === '{';
}

function keyAt(pattern: RegExp, text: string, at: number): string | undefined {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[1];
}

/** Where something stands; undefined when only spaces and a comment follow. */
function contentAt(text: string, from: number): number | undefined {
  let at = from;
  while (text[at] === ' ') at += 1;
  if (at >= text.length || (text[at] === '#' && at > from)) return undefined;
  return at;
}
