/** A text, number, truth value or nothing on one line of YAML, where it can be told without its surroundings. */
import type { Scalar } from './located.ts';

export const notSimple: unique symbol = Symbol('not simple');

/** What begins otherwise, or anything of these, has a meaning of its own. */
const indicator = /[-?:,[\]{}#&*!|>'"%@`]/;
const words: ReadonlyMap<string, Scalar> = new Map<string, Scalar>([
  ...['null', 'Null', 'NULL', '~'].map((word) => [word, null] as const),
  ...['true', 'True', 'TRUE'].map((word) => [word, true] as const),
  ...['false', 'False', 'FALSE'].map((word) => [word, false] as const),
]);
/** `false`. */
const wordLengthMax = 5;
/** What a number begins with. */
const numberSign = /[-+.0-9]/;
const wholeNumber = /^(?:0|-?[1-9][0-9]{0,14})$/;
/** Other numbers of YAML's core schema: octal, hexadecimal, with point, exponent or a sign in front. */
const otherNumber =
  /^[-+]?(?:0o[0-7]+|0x[0-9a-fA-F]+|[0-9]+|(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|\.(?:inf|Inf|INF))$|^\.(?:nan|NaN|NAN)$/;

export type ScalarRead = { readonly value: Scalar; readonly end: number };

/** @param within in brackets, their signs and commas end a plain text */
export function plainScalar(text: string, start: number, within: 'line' | 'flow'): ScalarRead | typeof notSimple {
  const first = text[start];
  if (first === '"' || first === "'") return quoted(text, start, first);
  // `-x` is a text; the other signs are not, whatever follows.
  if (first === undefined || (indicator.test(first) && !(first === '-' && /[^ ,[\]{}]/.test(text[start + 1] ?? ' '))))
    return notSimple;
  const end = within === 'line' ? endOnLine(text, start) : endInFlow(text, start);
  const word = text.slice(start, end).trimEnd();
  if (word.includes(': ') || word.endsWith(':') || word.length === 0) return notSimple;
  const known = word.length <= wordLengthMax ? words.get(word) : undefined;
  if (known !== undefined) return { value: known, end };
  if (!numberSign.test(first)) return { value: word, end };
  if (wholeNumber.test(word)) return { value: Number(word), end };
  return otherNumber.test(word) ? notSimple : { value: word, end };
}

function quoted(text: string, start: number, quote: '"' | "'"): ScalarRead | typeof notSimple {
  const close = text.indexOf(quote, start + 1);
  if (close < 0) return notSimple;
  const value = text.slice(start + 1, close);
  const isEscaped = quote === '"' ? value.includes('\\') : text[close + 1] === quote;
  if (isEscaped) return notSimple;
  return { value, end: close + 1 };
}

function endOnLine(text: string, start: number): number {
  const comment = text.indexOf(' #', start);
  return comment < 0 ? text.length : comment;
}

/** What may end a plain text in brackets. */
const flowSign = /[,[\]{}#:]/g;

function endInFlow(text: string, start: number): number {
  let at = start;
  for (;;) {
    flowSign.lastIndex = at;
    if (!flowSign.test(text)) return text.length;
    at = flowSign.lastIndex - 1;
    const sign = text[at];
    if (sign === '#' ? text[at - 1] === ' ' : sign !== ':' || /[ ,[\]{}]/.test(text[at + 1] ?? ' ')) return at;
    at += 1;
  }
}
