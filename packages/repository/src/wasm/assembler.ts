/**
 * Writes a WebAssembly module from nested instructions: `i64.xor(get(0), get(1))`.
 * Only what the kernels of the chunker and of SHA-256 need; nothing is checked here, the engine validates the result.
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
export type Code = readonly number[];

export type ValueType = 'i32' | 'i64' | 'v128';
const typeCodes: Record<ValueType, number> = { i32: 0x7f, i64: 0x7e, v128: 0x7b };
const emptyBlock = 0x40;

export function unsigned(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  do {
    const low = rest % 128;
    rest = Math.floor(rest / 128);
    bytes.push(rest === 0 ? low : low | 0x80);
  } while (rest !== 0);
  return bytes;
}

export function signed(value: bigint): number[] {
  const bytes: number[] = [];
  for (let rest = value; ; rest >>= 7n) {
    const low = Number(rest & 0x7fn);
    const last = rest >= -64n && rest < 64n;
    bytes.push(last ? low : low | 0x80);
    if (last) return bytes;
  }
}

/** Kernels are assembled once, by code that never gets warm: one call of the engine's own beats many of ours. */
export function joined(parts: readonly Code[]): number[] {
  return ([] as number[]).concat(...parts);
}

export const binary =
  (...opcode: number[]) =>
  (left: Code, right: Code): Code =>
    joined([left, right, opcode]);
export const unary =
  (...opcode: number[]) =>
  (operand: Code): Code =>
    joined([operand, opcode]);
export const load =
  (alignment: number, ...opcode: number[]) =>
  (address: Code, offset = 0): Code =>
    joined([address, opcode, [alignment], unsigned(offset)]);
export const store =
  (alignment: number, ...opcode: number[]) =>
  (address: Code, value: Code, offset = 0): Code =>
    joined([address, value, opcode, [alignment], unsigned(offset)]);

export const i32 = {
  const: (value: number): Code => [0x41, ...signed(BigInt(value))],
  load: load(2, 0x28),
  load8: load(0, 0x2d),
  store: store(2, 0x36),
  isZero: unary(0x45),
  lessUnsigned: binary(0x49),
  add: binary(0x6a),
  and: binary(0x71),
  or: binary(0x72),
  shiftLeft: binary(0x74),
  shiftRight: binary(0x76),
  wrap: unary(0xa7),
};

export const i64 = {
  const: (value: bigint): Code => [0x42, ...signed(BigInt.asIntN(64, value))],
  load: load(3, 0x29),
  load8: load(0, 0x31),
  and: binary(0x83),
  or: binary(0x84),
  xor: binary(0x85),
  shiftLeft: binary(0x86),
  shiftRight: binary(0x88),
  isZero: unary(0x50),
};

export const get = (local: number): Code => [0x20, ...unsigned(local)];
export const set = (local: number, value: Code): Code => joined([value, [0x21], unsigned(local)]);

export const when = (condition: Code, ...body: Code[]): Code =>
  joined([condition, [0x04, emptyBlock], joined(body), [0x0b]]);
/** Runs the body, then again as long as the condition holds. */
export const repeatWhile = (condition: Code, ...body: Code[]): Code =>
  joined([[0x03, emptyBlock], joined(body), condition, [0x0d, 0, 0x0b]]);

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

const vector = (items: readonly Code[]): Code => joined([unsigned(items.length), ...items]);
const section = (id: number, content: Code): Code => joined([[id], unsigned(content.length), content]);
const text = (value: string): Code => vector([...Buffer.from(value)].map((byte) => [byte]));

export function assembleModule(functions: readonly FunctionSource[], memoryPages: number): Uint8Array<ArrayBuffer> {
  const types = functions.map(({ locals }) => [
    0x60,
    ...vector(Array.from({ length: locals.parameters }, () => [typeCodes.i32])),
    0,
  ]);
  const exports = functions.map(({ name }, index) => [...text(name), 0, ...unsigned(index)]);
  const bodies = functions.map(({ locals, body }) => {
    const content = joined([vector(locals.types.map((type) => [1, typeCodes[type]])), body, [0x0b]]);
    return joined([unsigned(content.length), content]);
  });
  const [one, pages] = [[1], unsigned(memoryPages)];
  return new Uint8Array(
    joined([
      [...Buffer.from('\0asm\x01\0\0\0', 'latin1')],
      section(1, vector(types)),
      section(3, vector(functions.map((_, index) => unsigned(index)))),
      section(5, [...one, 1, ...pages, ...pages]),
      section(7, vector([[...text('memory'), 2, 0], ...exports])),
      section(10, vector(bodies)),
    ]),
  );
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
