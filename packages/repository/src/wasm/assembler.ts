/**
 * Writes a WebAssembly module from nested instructions: `i64.xor(get(0), get(1))`.
 * Only what the kernels of the chunker, of SHA-256 and of scrypt need; nothing is checked here, the engine validates the result.
 * Vector instructions are in `v128.ts`.
 *
 * | section  | id | content                                            |
 * |----------|----|----------------------------------------------------|
 * | type     | 1  | one per function: parameters all i32, results none |
 * | function | 3  | index of each function's type                      |
 * | memory   | 5  | one memory, fixed number of 64 KiB pages           |
 * | export   | 7  | the memory as `memory`, every function by its name |
 * | code     | 10 | locals in runs of one type, then instructions      |
 */
/**
 * One character per byte. Kernels are assembled by code that never gets warm, and the engine joins texts faster than
 * it copies lists.
 */
export type Code = string;

export function sequence(...parts: readonly Code[]): Code {
  return parts.join('');
}

export function rawBytes(...values: readonly number[]): Code {
  return String.fromCharCode(...values);
}

export type ValueType = 'i32' | 'i64' | 'v128';
const typeCodes: Record<ValueType, Code> = { i32: '\x7f', i64: '\x7e', v128: '\x7b' };
const emptyBlock = '\x40';

export function unsigned(value: number): Code {
  let code = '';
  let rest = value;
  do {
    const low = rest % 128;
    rest = Math.floor(rest / 128);
    code += rawBytes(rest === 0 ? low : low | 0x80);
  } while (rest !== 0);
  return code;
}

function signed(value: number): Code {
  let code = '';
  for (let rest = value; ; rest >>= 7) {
    const last = rest >= -64 && rest < 64;
    code += rawBytes(last ? rest & 0x7f : (rest & 0x7f) | 0x80);
    if (last) return code;
  }
}

export const binary =
  (opcode: Code) =>
  (left: Code, right: Code): Code =>
    left + right + opcode;
export const unary =
  (opcode: Code) =>
  (operand: Code): Code =>
    operand + opcode;
/** Alignments are given as powers of two. */
export const load =
  (opcode: Code, alignment: number) =>
  (address: Code, offset = 0): Code =>
    address + opcode + rawBytes(alignment) + unsigned(offset);
export const store =
  (opcode: Code, alignment: number) =>
  (address: Code, value: Code, offset = 0): Code =>
    address + value + opcode + rawBytes(alignment) + unsigned(offset);

export const i32 = {
  /** Of 32 bits, with sign. */
  const: (value: number): Code => `\x41${signed(value)}`,
  load: load('\x28', 2),
  store: store('\x36', 2),
  lessUnsigned: binary('\x49'),
  add: binary('\x6a'),
  and: binary('\x71'),
  shiftLeft: binary('\x74'),
};

export const get = (local: number): Code => `\x20${unsigned(local)}`;
export const set = (local: number, value: Code): Code => `${value}\x21${unsigned(local)}`;

export const when = (condition: Code, ...body: readonly Code[]): Code =>
  `${condition}\x04${emptyBlock}${sequence(...body)}\x0b`;
/** Runs the body, then again as long as the condition holds. */
export const repeatWhile = (condition: Code, ...body: readonly Code[]): Code =>
  `\x03${emptyBlock}${sequence(...body)}${condition}\x0d\0\x0b`;

/** Names the parameters and locals of one function as they are asked for. */
export class Locals {
  readonly parameters: number;
  readonly types: ValueType[] = [];

  constructor(parameters: number) {
    this.parameters = parameters;
  }

  add(type: ValueType): number {
    return this.parameters + this.types.push(type) - 1;
  }
}

export type FunctionSource = { readonly name: string; readonly locals: Locals; readonly body: Code };

const vector = (items: readonly Code[]): Code => unsigned(items.length) + sequence(...items);
const sized = (content: Code): Code => unsigned(content.length) + content;
const section = (id: number, content: Code): Code => rawBytes(id) + sized(content);

export function assembleModule(functions: readonly FunctionSource[], memoryPages: number): Uint8Array<ArrayBuffer> {
  const types = functions.map(
    ({ locals }) => `\x60${vector(new Array<Code>(locals.parameters).fill(typeCodes.i32))}\0`,
  );
  const exports = functions.map(({ name }, index) => `${sized(name)}\0${unsigned(index)}`);
  const bodies = functions.map(({ locals, body }) =>
    sized(`${vector(locals.types.map((type) => `\x01${typeCodes[type]}`))}${body}\x0b`),
  );
  const pages = unsigned(memoryPages);
  const code = sequence(
    '\0asm\x01\0\0\0',
    section(1, vector(types)),
    section(3, vector(functions.map((_, index) => unsigned(index)))),
    section(5, vector([`\x01${pages}${pages}`])),
    section(7, vector([`${sized('memory')}\x02\0`, ...exports])),
    section(10, vector(bodies)),
  );
  return Uint8Array.from(Buffer.from(code, 'latin1'));
}

export type WasmMemory = { readonly buffer: ArrayBuffer };

/** Compiled code; threads may share it. */
export type WasmModule = object;

/** The part of the engine's interface that is used; TypeScript has it only together with the whole browser. */
declare const WebAssembly: {
  Module: new (bytes: Uint8Array<ArrayBuffer>) => WasmModule;
  Instance: new (module: WasmModule) => { readonly exports: Readonly<Record<string, unknown>> };
};

export function compileModule(bytes: Uint8Array<ArrayBuffer>): WasmModule {
  return new WebAssembly.Module(bytes);
}

/** Starts a module that imports nothing. */
export function startModule<Exports>(module: WasmModule): Exports {
  return new WebAssembly.Instance(module).exports as Exports;
}

/** Compiles and starts. */
export function instantiate<Exports>(bytes: Uint8Array<ArrayBuffer>): Exports {
  return startModule(compileModule(bytes));
}
