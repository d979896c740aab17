/**
 * Rolls the digests of all lanes over one byte a step: d(e) = x⁸·d(e−1) + byte(e) + x⁵¹²·byte(e−64) mod P.
 *
 * Digests lie in memory like the data, highest bit first, so multiplying by x⁸ is moving on by one step and the new
 * byte is in its place already. What remains is to add, row by row (a row is the plane of one bit of the digest), the
 * remainders of two bytes: the one that left the window, and the eight bits that are now above the degree.
 */
import {
  get,
  i32,
  sequence,
  Locals,
  repeatWhile,
  set,
  when,
  type Code,
  type FunctionSource,
} from '../wasm/assembler.ts';
import { v128 } from '../wasm/v128.ts';
import {
  digestsAt,
  hitCountAt,
  hitsAt,
  hitStepsAt,
  planeBytes,
  planesAt,
  stepBytes,
  windowBytes,
} from './kernel-memory.ts';
import { polynomialDegree, remaindersOfPowers } from './polynomial.ts';
import { chainCount, orderRows, termCount } from './row-order.ts';

/** `enter` fills empty windows; `roll` goes on from there and notes where the lowest bits of a digest are clear. */
export function assembleRolling(polynomial: bigint, averageBits: number): FunctionSource[] {
  const reducing = orderRows(patternsOf(remaindersOfPowers(polynomialDegree, 8, polynomial)));
  const leaving = orderRows(patternsOf(remaindersOfPowers(8 * windowBytes, 8, polynomial)));

  const source = (name: string, contextSteps: number): FunctionSource => {
    const [step, end] = [0, 1];
    const locals = new Locals(2);
    const terms = Array.from({ length: termCount }, () => locals.add('v128'));
    const chains = Array.from({ length: chainCount }, () => locals.add('v128'));
    const [row, unclear, hitCount] = [locals.add('v128'), locals.add('v128'), locals.add('i32')];
    const [entering, digests] = [planesAt + contextSteps * stepBytes, digestsAt + contextSteps * stepBytes];
    const oldRow = (bit: number, at: number): Code => v128.load(get(step), at + (7 - bit) * planeBytes);
    const keep = (bit: number): Code => v128.store(get(step), get(row), digests + (7 - bit) * planeBytes);

    const pass = (order: typeof reducing, rowsAt: (bit: number) => number, after: (bit: number) => Code): Code[] =>
      order.flatMap(({ row: bit, chain, added, starts }) => {
        const old = oldRow(bit, rowsAt(bit));
        if (chain === undefined) return [set(row, old), keep(bit), after(bit)];
        const sum = chains[chain] as number;
        const summed = added.map((term) => get(terms[term] as number));
        return [
          set(
            sum,
            (starts ? summed : [get(sum), ...summed]).reduce((left, right) => v128.xor(left, right)),
          ),
          set(row, v128.xor(old, get(sum))),
          keep(bit),
          after(bit),
        ];
      });
    const reduce = (rowsAt: (bit: number) => number, after: (bit: number) => Code): Code[] => [
      ...loadTerms(terms, (bit) => oldRow(polynomialDegree + bit, digests)),
      ...pass(reducing, rowsAt, after),
    ];
    const nothing = (): Code => '';
    const firstRows = (bit: number): number => (bit < 8 ? entering : digests);

    const enterStep = (): Code[] => reduce(firstRows, nothing);
    const rollStep = (): Code[] => [
      ...loadTerms(terms, (bit) => oldRow(bit, planesAt)),
      ...pass(leaving, firstRows, nothing),
      set(unclear, v128.xor(get(unclear), get(unclear))),
      ...reduce(
        () => digests,
        (bit) => (bit < averageBits ? set(unclear, v128.or(get(unclear), get(row))) : ''),
      ),
      noteHits(step, unclear, hitCount),
    ];
    const body = repeatWhile(
      i32.lessUnsigned(get(step), get(end)),
      ...(contextSteps === 0 ? enterStep() : rollStep()),
      set(step, i32.add(get(step), i32.const(stepBytes))),
    );
    return { name, locals, body };
  };
  return [source('enter', 0), source('roll', windowBytes)];
}

/** For every row, which of eight bits have it in their remainder. */
function patternsOf(remainders: readonly bigint[]): number[] {
  return Array.from({ length: polynomialDegree }, (_, row) =>
    remainders.reduce((pattern, rest, bit) => pattern | (Number((rest >> BigInt(row)) & 1n) << bit), 0),
  );
}

/** See `row-order.ts`: of each two neighbouring bits, both and their sum. */
function loadTerms(terms: readonly number[], plane: (bit: number) => Code): Code[] {
  return [0, 2, 4, 6].flatMap((bit) => {
    const [low, high, both] = terms.slice((bit / 2) * 3) as [number, number, number];
    return [set(low, plane(bit)), set(high, plane(bit + 1)), set(both, v128.xor(get(low), get(high)))];
  });
}

function noteHits(step: number, unclear: number, hitCount: number): Code {
  return sequence(
    set(unclear, v128.not(get(unclear))),
    when(
      v128.anyTrue(get(unclear)),
      set(hitCount, i32.load(i32.const(hitCountAt))),
      v128.store(i32.shiftLeft(get(hitCount), i32.const(4)), get(unclear), hitsAt),
      i32.store(i32.shiftLeft(get(hitCount), i32.const(2)), get(step), hitStepsAt),
      i32.store(i32.const(hitCountAt), i32.add(get(hitCount), i32.const(1))),
    ),
  );
}
