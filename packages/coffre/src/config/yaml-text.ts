/** YAML text becomes located values. Whatever the text holds, the outcome is a value or a list of mistakes. */
import { isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument } from 'yaml';
import type { Alias, Document, Node, ParsedNode } from 'yaml';
import type { Located, Scalar } from './located.ts';
import type { Mistake, Place } from './mistake.ts';
import { readPlainYaml } from './plain-yaml.ts';

export type ConfigText = {
  /** As the user named it; shown in messages. */
  readonly file: string;
  readonly text: string;
};

export type ReadYaml = { readonly value: Located; readonly mistakes: readonly Mistake[] };

const sizeMax = 4 << 20;
const depthMax = 40;
/** What aliases may add to what is written. */
const nodesFromAliasesMax = 100_000;
/** Keys that mean something to every object of the language. */
const reservedKeys: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype']);

export function readYaml({ file, text }: ConfigText): ReadYaml {
  if (text.length > sizeMax) return tooLarge(file);
  const plain = readPlainYaml(file, text);
  if (plain !== undefined) return { value: plain, mistakes: [] };
  return readFullYaml({ file, text });
}

function tooLarge(file: string): ReadYaml {
  const place: Place = { file, line: 1, column: 1 };
  const message = 'the file is larger than 4 MiB';
  const mistake: Mistake = { severity: 'error', place, path: [], message, hint: 'Split it into `conf.d/`.' };
  return { value: { kind: 'map', place, entries: new Map() }, mistakes: [mistake] };
}

/** Everything that is YAML, slowly, and every mistake. */
export function readFullYaml({ file, text }: ConfigText): ReadYaml {
  const start: Place = { file, line: 1, column: 1 };
  const empty: Located = { kind: 'map', place: start, entries: new Map() };
  const refused = (place: Place, message: string, hint?: string): ReadYaml => ({
    value: empty,
    mistakes: [{ severity: 'error', place, path: [], message, hint }],
  });
  const deep = placeTooDeep(text, file);
  if (deep !== undefined) return refused(deep, 'the brackets are nested too deeply');
  const lines = new LineCounter();
  const placeOf = (offset: number): Place => {
    const { line, col } = lines.linePos(offset);
    return { file, line: Math.max(1, line), column: Math.max(1, col) };
  };
  let document: Document.Parsed;
  try {
    document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: false, logLevel: 'error' });
  } catch (error) {
    // The parser calls itself for each level; text made to exhaust it ends here.
    return refused(start, 'the file cannot be read as YAML', error instanceof Error ? error.message : undefined);
  }
  // After the first place that is not YAML the parser guesses.
  const mistakes = document.errors.slice(0, 1).map((error): Mistake => ({
    severity: 'error',
    place: placeOf(error.pos[0]),
    path: [],
    message: yamlSentence(error.code, error.message),
    hint: text.charAt(error.pos[0] - 1) === '$' ? variableHint : yamlHints[error.code],
  }));
  if (mistakes.length > 0) return { value: empty, mistakes };
  const conversion = new Conversion(document, text.length, placeOf, start);
  const value = document.contents === null ? empty : conversion.located(document.contents, 0);
  if (value.kind === 'scalar' && value.value === null) return { value: empty, mistakes: conversion.mistakes };
  return { value, mistakes: conversion.mistakes };
}

/** Flow brackets can be nested a hundred thousand deep in a small file; the parser would exhaust the stack on them. */
function placeTooDeep(text: string, file: string): Place | undefined {
  let depth = 0;
  let line = 1;
  let lineStart = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === 0x0a) {
      line += 1;
      lineStart = at + 1;
    } else if (code === 0x5b || code === 0x7b) depth += 1;
    else if (code === 0x5d || code === 0x7d) depth = Math.max(0, depth - 1);
    if (depth > 1000) return { file, line, column: at - lineStart + 1 };
  }
  return undefined;
}

const variableHint = 'Inside of { } and [ ] put it into quotes: "${…}".';

const yamlHints: Readonly<Record<string, string>> = {
  TAB_AS_INDENT: 'Indent with spaces.',
  MULTIPLE_DOCS: 'One file holds one document: take `---` out, or use `conf.d/`.',
  BAD_INDENT: 'Things of one level begin in the same column.',
  MISSING_CHAR: 'A bracket, quote or comma is missing here or above.',
  BLOCK_AS_IMPLICIT_KEY: 'A text with `: ` in it needs quotes.',
};

function yamlSentence(code: string, message: string): string {
  if (code === 'MULTIPLE_DOCS') return 'the file holds more than one document';
  const [sentence = ''] = message.split('\n');
  return `this is not YAML: ${sentence.replace(/[.:]$/, '')}`;
}

/** Limits hold for what aliases expand to, so that a few lines cannot become gigabytes. */
class Conversion {
  readonly mistakes: Mistake[] = [];
  readonly #document: Document.Parsed;
  readonly #placeOf: (offset: number) => Place;
  readonly #start: Place;
  readonly #nodesMax: number;
  readonly #targets = new Map<Alias, Node | undefined>();
  #nodes = 0;

  constructor(document: Document.Parsed, textLength: number, placeOf: (offset: number) => Place, start: Place) {
    this.#nodesMax = textLength + nodesFromAliasesMax;
    this.#document = document;
    this.#placeOf = placeOf;
    this.#start = start;
  }

  located(node: Node | ParsedNode | null, depth: number): Located {
    const place = this.#placeOfNode(node, this.#start);
    this.#nodes += 1;
    if (depth > depthMax || this.#nodes > this.#nodesMax) {
      // Said once; everything after it would be refused for the same reason.
      if (this.#nodes <= this.#nodesMax + 1)
        this.#refuse(place, depth > depthMax ? 'the value is nested too deeply' : 'the aliases (*) expand to too much');
      this.#nodes = this.#nodesMax + 2;
      return { kind: 'scalar', place, value: null };
    }
    if (isAlias(node)) {
      const target = this.#targetOf(node);
      if (target === undefined) this.#refuse(place, `the alias *${node.source} has no anchor before it`);
      return this.located(target ?? null, depth + 1);
    }
    if (isMap(node)) return this.#map(node.items, place, depth);
    if (isSeq(node)) {
      return { kind: 'list', place, items: node.items.map((item) => this.located(item as Node | null, depth + 1)) };
    }
    if (!isScalar(node)) return { kind: 'scalar', place, value: null };
    return { kind: 'scalar', place, value: this.#scalar(node.value, place) };
  }

  /** Finding an anchor walks through the whole document. */
  #targetOf(alias: Alias): Node | undefined {
    if (!this.#targets.has(alias)) this.#targets.set(alias, alias.resolve(this.#document));
    return this.#targets.get(alias);
  }

  #map(pairs: readonly { key: unknown; value: unknown }[], place: Place, depth: number): Located {
    const entries = new Map<string, { keyPlace: Place; value: Located }>();
    for (const pair of pairs) {
      const keyPlace = this.#placeOfNode(pair.key, place);
      const key = isScalar(pair.key) ? textOfKey(pair.key) : undefined;
      if (key === undefined) this.#refuse(keyPlace, 'a key must be a word');
      else if (reservedKeys.has(key)) this.#refuse(keyPlace, `the key \`${key}\` cannot be used`);
      else if (key === '<<')
        this.#refuse(keyPlace, 'merge keys (<<) are not read', 'Use an alias for a whole value: `retention: *usual`.');
      else if (entries.has(key)) this.#refuse(keyPlace, `the key \`${key}\` is there twice`, 'Keep one of them.');
      else {
        const value = this.located(pair.value as Node | null, depth + 1);
        // A key without a value has no node that would know its place.
        entries.set(key, { keyPlace, value: pair.value === null ? { ...value, place: keyPlace } : value });
      }
    }
    return { kind: 'map', place, entries };
  }

  #scalar(value: unknown, place: Place): Scalar {
    if (value === null || typeof value === 'string' || typeof value === 'boolean') return value;
    if (typeof value === 'number' && Number.isFinite(value)) return value;
    this.#refuse(place, 'the value is of a kind that a configuration does not hold');
    return null;
  }

  #refuse(place: Place, message: string, hint?: string): void {
    this.mistakes.push({ severity: 'error', place, path: [], message, hint });
  }

  #placeOfNode(node: unknown, otherwise: Place): Place {
    const range: unknown = typeof node === 'object' && node !== null && 'range' in node ? node.range : undefined;
    return Array.isArray(range) && typeof range[0] === 'number' ? this.#placeOf(range[0]) : otherwise;
  }
}

/** `2024:` and `on:` are names as they are written. */
function textOfKey(key: { value: unknown; source?: string | undefined }): string | undefined {
  if (typeof key.value === 'string') return key.value;
  return key.source !== undefined && key.source !== '' ? key.source : undefined;
}
