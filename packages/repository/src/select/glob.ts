/**
 * One path component against one shell pattern, with the rules of Go's filepath.Match:
 *
 *   *        any bytes, also none
 *   ?        one character (a byte that is not UTF-8 counts as one)
 *   [a-z]    one character of the class; [^a-z] one outside it
 *   \c       the character c itself
 *
 * Literals compare byte by byte; only `?` and classes decode UTF-8.
 */
export type ComponentPattern =
  | { readonly kind: 'any' }
  | { readonly kind: 'literal' | 'prefix' | 'suffix' | 'contains'; readonly text: string }
  | { readonly kind: 'glob'; readonly chunks: readonly Chunk[] };

/** What stands between two stars. */
type Chunk = { readonly afterStar: boolean; readonly steps: readonly Step[] };
type Step = { kind: 'text'; text: string } | { kind: 'one' } | { kind: 'class'; negated: boolean; ranges: Range[] };
type Range = readonly [low: number, high: number];

/** Undefined when the pattern is malformed. `source` holds one byte per char. */
export function parseComponent(source: string): ComponentPattern | undefined {
  const chunks = parseChunks(source);
  return chunks === undefined ? undefined : simplest(chunks);
}

/** Whether the whole of one name matches; names and patterns are bytes. */
export function matchesComponent(pattern: ComponentPattern, name: string): boolean {
  switch (pattern.kind) {
    case 'literal':
      return name === pattern.text;
    case 'any':
      return true;
    case 'suffix':
      return name.endsWith(pattern.text);
    case 'prefix':
      return name.startsWith(pattern.text);
    case 'contains':
      return name.includes(pattern.text);
    case 'glob':
      return matchesChunks(pattern.chunks, name);
    default:
      return pattern satisfies never;
  }
}

/** The longest piece of plain text that every matching name contains. */
export function longestText(pattern: ComponentPattern & { kind: 'glob' }): string {
  let longest = '';
  for (const step of pattern.chunks.flatMap((chunk) => chunk.steps)) {
    if (step.kind === 'text' && step.text.length > longest.length) longest = step.text;
  }
  return longest;
}

function simplest(chunks: readonly Chunk[]): ComponentPattern {
  const texts = chunks.map((chunk) => plainText(chunk));
  const [first, second, third] = texts;
  if (!texts.includes(undefined)) {
    if (chunks.length === 0) return { kind: 'literal', text: '' };
    const stars = chunks.map((chunk) => (chunk.afterStar ? '*' : '')).join('|');
    if (stars === '') return { kind: 'literal', text: first! };
    if (stars === '*' && first === '') return { kind: 'any' };
    if (stars === '*') return { kind: 'suffix', text: first! };
    if (stars === '|*' && second === '') return { kind: 'prefix', text: first! };
    if (stars === '*|*' && second === '' && third === undefined) return { kind: 'contains', text: first! };
  }
  return { kind: 'glob', chunks };
}

function plainText(chunk: Chunk): string | undefined {
  if (chunk.steps.length === 0) return '';
  const [only] = chunk.steps;
  return chunk.steps.length === 1 && only!.kind === 'text' ? only!.text : undefined;
}

function parseChunks(source: string): Chunk[] | undefined {
  const chunks: Chunk[] = [];
  let at = 0;
  while (at < source.length) {
    const afterStar = source[at] === '*';
    while (source[at] === '*') at += 1;
    const steps: Step[] = [];
    let text = '';
    const flush = (): void => {
      if (text !== '') steps.push({ kind: 'text', text });
      text = '';
    };
    while (at < source.length && source[at] !== '*') {
      const char = source[at]!;
      if (char === '?') {
        flush();
        steps.push({ kind: 'one' });
        at += 1;
      } else if (char === '[') {
        flush();
        const parsed = parseClass(source, at + 1);
        if (parsed === undefined) return undefined;
        steps.push(parsed.step);
        at = parsed.end;
      } else if (char === '\\') {
        if (at + 1 >= source.length) return undefined;
        text += source[at + 1]!;
        at += 2;
      } else {
        text += char;
        at += 1;
      }
    }
    flush();
    chunks.push({ afterStar, steps });
  }
  return chunks;
}

function parseClass(source: string, start: number): { step: Step; end: number } | undefined {
  let at = start;
  const negated = source[at] === '^';
  if (negated) at += 1;
  const ranges: Range[] = [];
  while (!(source[at] === ']' && ranges.length > 0)) {
    const low = parseClassChar(source, at);
    if (low === undefined) return undefined;
    at = low.end;
    let high = low;
    if (source[at] === '-') {
      const upper = parseClassChar(source, at + 1);
      if (upper === undefined) return undefined;
      high = upper;
      at = upper.end;
    }
    ranges.push([low.code, high.code]);
  }
  return { step: { kind: 'class', negated, ranges }, end: at + 1 };
}

/** A class never ends with its last character: something must follow, at least the bracket. */
function parseClassChar(source: string, start: number): { code: number; end: number } | undefined {
  let at = start;
  if (at >= source.length || source[at] === '-' || source[at] === ']') return undefined;
  if (source[at] === '\\') at += 1;
  if (at >= source.length) return undefined;
  const width = characterWidth(source, at);
  const code = codePointAt(source, at, width);
  const end = at + width;
  if ((code === replacementCharacter && width === 1) || end >= source.length) return undefined;
  return { code, end };
}

/** After a star only the last one has to be tried again: an earlier star can give nothing that the last cannot. */
function matchesChunks(chunks: readonly Chunk[], name: string): boolean {
  let at = 0;
  for (let index = 0; index < chunks.length; index += 1) {
    const { afterStar, steps } = chunks[index]!;
    if (afterStar && steps.length === 0) return true;
    const isLast = index === chunks.length - 1;
    let end = matchesSteps(steps, name, at);
    if (end < 0 || (isLast && end !== name.length)) {
      if (!afterStar) return false;
      end = -1;
      for (let from = at + 1; from <= name.length; from += 1) {
        const tried = matchesSteps(steps, name, from);
        if (tried >= 0 && (!isLast || tried === name.length)) {
          end = tried;
          break;
        }
      }
      if (end < 0) return false;
    }
    at = end;
  }
  return at === name.length;
}

/** Where the steps end when they match at `from`, or -1. */
function matchesSteps(steps: readonly Step[], name: string, from: number): number {
  let at = from;
  for (const step of steps) {
    if (at >= name.length) return -1;
    if (step.kind === 'text') {
      if (!name.startsWith(step.text, at)) return -1;
      at += step.text.length;
      continue;
    }
    const width = characterWidth(name, at);
    if (step.kind === 'class' && inClass(step.ranges, codePointAt(name, at, width)) === step.negated) return -1;
    at += width;
  }
  return at;
}

function inClass(ranges: readonly Range[], code: number): boolean {
  for (const [low, high] of ranges) if (low <= code && code <= high) return true;
  return false;
}

const replacementCharacter = 0xfffd;

/** Bytes of the UTF-8 character at `at`; 1 for a byte that begins none (also for overlong forms and surrogates). */
export function characterWidth(bytes: string, at: number): number {
  const first = bytes.charCodeAt(at);
  if (first < 0xc2 || first > 0xf4) return 1;
  const second = bytes.charCodeAt(at + 1);
  if (first < 0xe0) return isContinuation(second) ? 2 : 1;
  const lowest = first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80;
  const highest = first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf;
  if (!(second >= lowest && second <= highest) || !isContinuation(bytes.charCodeAt(at + 2))) return 1;
  if (first < 0xf0) return 3;
  return isContinuation(bytes.charCodeAt(at + 3)) ? 4 : 1;
}

function isContinuation(byte: number): boolean {
  return byte >= 0x80 && byte <= 0xbf;
}

function codePointAt(bytes: string, at: number, width: number): number {
  const first = bytes.charCodeAt(at);
  if (width === 1) return first < 0x80 ? first : replacementCharacter;
  let code = first & (0x7f >> width);
  for (let index = 1; index < width; index += 1) code = (code << 6) | (bytes.charCodeAt(at + index) & 0x3f);
  return code;
}
