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
const blockKey = /[\p{L}\p{N}_./][\p{L}\p{N}_./-]*:(?= |$)/uy;
const flowKey = /[\p{L}\p{N}_./][\p{L}\p{N}_./-]*:(?= )/uy;

const space = 0x20;

type Line = { readonly number: number; indent: number; readonly text: string };

export function readPlainYaml(file: string, text: string): Located | undefined {
  // Tabs, other line ends and a byte order mark have rules of their own.
  if (/[\t\r\u0000-\u0008\u000b-\u001f\u007f\ufeff]/.test(text)) return undefined;
  try {
    return new Reader(file, text).document();
  } catch (error) {
    if (error === beyond) return undefined;
    throw error;
  }
}

/** Line by line, without empty ones and comments; in a large file they are never all there. */
class Lines {
  readonly #text: string;
  #start = 0;
  #number = 0;

  constructor(text: string) {
    this.#text = text;
  }

  /** Undefined at the end. Marks of documents and directives are beyond us. */
  next(): Line | undefined {
    while (this.#start < this.#text.length) {
      const found = this.#text.indexOf('\n', this.#start);
      const end = found < 0 ? this.#text.length : found;
      const start = this.#start;
      this.#start = end + 1;
      this.#number += 1;
      let at = start;
      while (at < end && this.#text.charCodeAt(at) === space) at += 1;
      if (at === end || this.#text[at] === '#') continue;
      const text = this.#text.slice(start, end);
      if (at === start && /^(---|\.\.\.|%)/.test(text)) throw beyond;
      return { number: this.#number, indent: at - start, text };
    }
    return undefined;
  }
}

class Reader {
  readonly #file: string;
  readonly #lines: Lines;
  /** The one that is read next. */
  #line: Line | undefined;

  constructor(file: string, text: string) {
    this.#file = file;
    this.#lines = new Lines(text);
    this.#line = this.#lines.next();
  }

  document(): Located {
    if (this.#line === undefined) throw beyond;
    const root = this.#block(this.#line.indent, 0);
    if (root.kind !== 'map' || this.#line !== undefined) throw beyond;
    return root;
  }

  #advance(): Line | undefined {
    this.#line = this.#lines.next();
    return this.#line;
  }

  /** What begins on the next line, at this indentation. */
  #block(indent: number, depth: number): Located {
    if (depth > depthMax) throw beyond;
    return isItem(this.#line!) ? this.#list(indent, depth) : this.#map(indent, depth);
  }

  #map(indent: number, depth: number): Located {
    const place = this.#placeOf(this.#line!, indent);
    const entries = new Map<string, { keyPlace: Place; value: Located }>();
    for (let line = this.#line; line?.indent === indent; line = this.#line) {
      // A list at the indentation of its key ends a map inside of it.
      if (isItem(line)) break;
      const key = keyAt(blockKey, line.text, indent);
      if (key === undefined || reservedKeys.has(key) || entries.has(key)) throw beyond;
      const keyPlace = entries.size === 0 ? place : this.#placeOf(line, indent);
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
    const below = this.#advance();
    if (below === undefined || below.indent < indent) throw beyond;
    if (below.indent === indent && !isItem(below)) throw beyond;
    return this.#block(below.indent, depth + 1);
  }

  #list(indent: number, depth: number): Located {
    const place = this.#placeOf(this.#line!, indent);
    const items: Located[] = [];
    for (let line = this.#line; line?.indent === indent; line = this.#line) {
      if (!isItem(line)) break;
      items.push(this.#item(line, indent, depth));
    }
    return { kind: 'list', place, items };
  }

  #item(line: Line, indent: number, depth: number): Located {
    const start = contentAt(line.text, indent + 1);
    if (start === undefined) {
      const below = this.#advance();
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
    const flow = new Flow(this.#file, line);
    const { value, end } = isFlow(line.text, start) ? flow.collection(start, depth + 1) : flow.scalar(start, 'line');
    if (contentAt(line.text, end) !== undefined) throw beyond;
    const below = this.#advance();
    if (below !== undefined && below.indent > indent) throw beyond;
    return value;
  }

  #expectEnd(indent: number): void {
    const line = this.#line;
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
  readonly #file: string;
  readonly #line: number;

  constructor(file: string, { text, number }: Line) {
    this.#text = text;
    this.#file = file;
    this.#line = number;
  }

  #placeAt(at: number): Place {
    return { file: this.#file, line: this.#line, column: at + 1 };
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
  // Up to its colon.
  return pattern.test(text) ? text.slice(at, pattern.lastIndex - 1) : undefined;
}

/** Where something stands; undefined when only spaces and a comment follow. */
function contentAt(text: string, from: number): number | undefined {
  let at = from;
  while (text[at] === ' ') at += 1;
  if (at >= text.length || (text[at] === '#' && at > from)) return undefined;
  return at;
}
