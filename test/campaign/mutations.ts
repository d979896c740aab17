/** Changes to files of the format that a random bit flip would hardly ever find: shapes stay, values become absurd. */
import type { SeededRandom } from '../../packages/repository/src/testing/seeded-random.ts';

type Mutation = (bytes: Buffer, random: SeededRandom) => Buffer;

/** One to four changes. JSON is changed as JSON most of the time, everything is changed as bytes some of the time. */
export function mutated(bytes: Buffer, kind: 'json' | 'binary', random: SeededRandom): Buffer {
  let changed = bytes;
  for (let left = 1 + random.integer(4); left > 0; left -= 1) {
    const choices = kind === 'json' && random.chance(0.7) ? jsonMutations : byteMutations;
    changed = random.pick(choices)(changed, random);
  }
  return changed;
}

const place = (bytes: Buffer, random: SeededRandom): number => random.integer(bytes.byteLength + 1);

function replaced(bytes: Buffer, from: number, to: number, by: Uint8Array): Buffer {
  return Buffer.concat([bytes.subarray(0, from), by, bytes.subarray(to)]);
}

const extremes = [0, 1, 31, 32, 127, 128, 255, 256, 65_535, 2 ** 24, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1];

const byteMutations: readonly Mutation[] = [
  function flippedBit(bytes, random) {
    const copy = Buffer.from(bytes);
    const at = random.integer(Math.max(1, copy.byteLength));
    if (at < copy.byteLength) copy[at] = copy[at]! ^ (1 << random.integer(8));
    return copy;
  },
  function cutShort(bytes, random) {
    return bytes.subarray(0, place(bytes, random));
  },
  function withoutRange(bytes, random) {
    const from = place(bytes, random);
    return replaced(bytes, from, Math.min(bytes.byteLength, from + random.integer(64)), Buffer.alloc(0));
  },
  function withNoise(bytes, random) {
    const at = place(bytes, random);
    return replaced(bytes, at, at, random.bytes(1 + random.integer(64)));
  },
  function withRangeTwice(bytes, random) {
    const [from, at] = [place(bytes, random), place(bytes, random)];
    return replaced(bytes, at, at, bytes.subarray(from, from + random.integer(256)));
  },
  function withExtremeNumber(bytes, random) {
    if (bytes.byteLength < 4) return bytes;
    const copy = Buffer.from(bytes);
    const at = random.integer(copy.byteLength - 3);
    if (random.chance(0.5)) copy.writeUInt32LE(random.pick(extremes), at);
    else copy.writeUInt32BE(random.pick(extremes), at);
    return copy;
  },
];

const values = [
  'null',
  'true',
  '0',
  '-1',
  '1.5',
  '1e400',
  '4294967296',
  '9007199254740993',
  '18446744073709551616',
  '-0',
  '""',
  '"\\u0000"',
  '"\\ud800"',
  '"\\uffff\\u202e"',
  '"\xff\xfe"',
  '".."',
  '"/"',
  `"${'f'.repeat(64)}"`,
  `"${'F'.repeat(64)}"`,
  '"0001-01-01T00:00:00Z"',
  '"9999-99-99T99:99:99.999999999999+99:99"',
  '[]',
  '{}',
  '[null]',
  '{"":{}}',
  '{"__proto__":{"version":2}}',
  `"${'x'.repeat(70_000)}"`,
  `${'['.repeat(50_000)}${']'.repeat(50_000)}`,
  `${'{"a":'.repeat(5000)}1${'}'.repeat(5000)}`,
];

/** Latin-1, so that every byte is a char. */
const asText = (bytes: Buffer): string => bytes.toString('latin1');
const asBytes = (text: string): Buffer => Buffer.from(text, 'latin1');

const valuePattern = /"(?:[^"\\]|\\.)*"(?!\s*:)|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/g;
const memberPattern = /"(?:[^"\\]|\\.)*"\s*:\s*(?:"(?:[^"\\]|\\.)*"|-?\d+|true|false|null)/g;
const keyPattern = /"(?:[^"\\]|\\.)*"(?=\s*:)/g;

/** Changes one match, chosen at random. */
function atOne(pattern: RegExp, change: (match: string, random: SeededRandom) => string): Mutation {
  return (bytes, random) => {
    const text = asText(bytes);
    const matches = [...text.matchAll(pattern)];
    if (matches.length === 0) return bytes;
    const { index, 0: match } = random.pick(matches);
    return asBytes(text.slice(0, index) + change(match, random) + text.slice(index + match.length));
  };
}

const jsonMutations: readonly Mutation[] = [
  atOne(valuePattern, (_, random) => random.pick(values)),
  atOne(valuePattern, (value) => `[${value}]`),
  atOne(valuePattern, (value) => (value.startsWith('"') ? value.replace(/^"/, '"\\u0041\\n\\"') : `"${value}"`)),
  atOne(memberPattern, () => '"unknown":1'),
  atOne(memberPattern, (member, random) => `${member},${member.replace(/:.*/s, `:${random.pick(values)}`)}`),
  atOne(memberPattern, (member) => `${member},"x":[{"y":"z"}]`),
  atOne(keyPattern, (key) => `${key.slice(0, -1)}x"`),
  atOne(keyPattern, () => '"__proto__"'),
  atOne(/[,:{}[\]]/g, (sign, random) => random.pick([' \n\t', '', `${sign}${sign}`, ` ${sign} `, ',', '}', ']'])),
];
