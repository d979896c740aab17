import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import {
  assembleModule,
  get,
  i32,
  instantiate,
  Locals,
  repeatWhile,
  set,
  unsigned,
  when,
  type WasmMemory,
} from './assembler.ts';
import { i64x2, v128 } from './v128.ts';

test('numbers take seven bits a byte, lowest first', () => {
  assert.deepEqual(Buffer.from(unsigned(624_485), 'latin1'), Buffer.from([0xe5, 0x8e, 0x26]));
  assert.equal(unsigned(127), '\x7f');
  assert.equal(unsigned(128), '\x80\x01');
});

test('every constant arrives as it was written', () => {
  fc.assert(
    fc.property(fc.integer(), (value) => {
      const body = i32.store(i32.const(8), i32.const(value));
      const { memory, run } = instantiate<{ memory: WasmMemory; run: () => void }>(
        assembleModule([{ name: 'run', locals: new Locals(0), body }], 1),
      );
      run();
      assert.equal(new Int32Array(memory.buffer)[2], value);
    }),
    { examples: [[63], [64], [-64], [-65], [2 ** 31 - 1], [-(2 ** 31)]] },
  );
});

test('loops, conditions and several functions work on one memory', () => {
  const sum = new Locals(1);
  const [limit, total, number] = [0, sum.add('i32'), sum.add('i32')];
  const sumBody =
    repeatWhile(
      i32.lessUnsigned(get(number), get(limit)),
      set(number, i32.add(get(number), i32.const(1))),
      set(total, i32.add(get(total), get(number))),
    ) + when(i32.lessUnsigned(get(total), i32.const(100)), i32.store(i32.const(0), get(total)));
  const vector = new Locals(0);
  const vectorBody = v128.store(
    i32.const(32),
    v128.not(v128.xor(i64x2.shiftLeft(v128.load(i32.const(0)), 4), v128.load(i32.const(0)))),
  );
  const { memory, add, mix } = instantiate<{ memory: WasmMemory; add: (limit: number) => void; mix: () => void }>(
    assembleModule(
      [
        { name: 'add', locals: sum, body: sumBody },
        { name: 'mix', locals: vector, body: vectorBody },
      ],
      1,
    ),
  );
  const words = new Uint32Array(memory.buffer);
  add(10);
  assert.equal(words[0], 55);
  add(20);
  assert.equal(words[0], 55);
  mix();
  assert.deepEqual([...words.subarray(8, 12)], [~(55 ^ (55 << 4)) >>> 0, 0xffffffff, 0xffffffff, 0xffffffff]);
});

test('a module that makes no sense is refused by the engine', () => {
  assert.throws(() =>
    instantiate(assembleModule([{ name: 'run', locals: new Locals(0), body: i32.add(get(7), i32.const(1)) }], 1)),
  );
});
