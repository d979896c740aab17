import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import * as fc from 'fast-check';
import type { ZoneName } from '../schedule/schedule-spec.ts';
import { removeValue, setValue } from './edit.ts';
import { effectiveOf } from './effective.ts';
import { createJsonSchema } from './json-schema.ts';
import { plainOf, scalarsOf, valueAt } from './located.ts';
import type { Located, LocatedScalar, Scalar } from './located.ts';
import { isConfigError } from './mistake.ts';
import type { ConfigPath } from './mistake.ts';
import { parseConfig, requireConfig } from './parse.ts';
import type { ParsedConfig } from './parse.ts';
import { readYaml } from './yaml-text.ts';

const example = readFileSync(new URL('../../../../docs/examples/company.yaml', import.meta.url), 'utf8');
const surroundings = { variables: { HOME: '/root' }, systemZone: 'UTC' as ZoneName };
const schema = createJsonSchema();

/** Either a configuration or a ConfigError with places; nothing else ever. */
function outcome(parsed: ParsedConfig): 'valid' | 'refused' {
  assert.equal(({} as Record<string, unknown>)['polluted'], undefined);
  for (const { place, message } of parsed.mistakes) {
    assert.ok(place.line >= 1 && place.column >= 1, JSON.stringify(place));
    assert.doesNotMatch(message, /Invalid (input|key|option)|undefined|\[object/);
  }
  try {
    requireConfig(parsed);
    effectiveOf(parsed.root, schema, 'UTC');
    return 'valid';
  } catch (error) {
    assert.ok(isConfigError(error), String(error));
    return 'refused';
  }
}

const parse = (text: string): ParsedConfig => parseConfig([readYaml({ file: 'coffre.yaml', text })], surroundings);

test('random text is refused in order, whatever it holds', () => {
  const pieces = fc.constantFrom(
    'version: 1\n',
    'plans:\n',
    '  a: ',
    '{',
    '}',
    '[',
    ']',
    '&a ',
    '*a',
    '<<: ',
    '!!js/function ',
    '? ',
    '- ',
    '"',
    "'",
    '${',
    '${secret:',
    '}',
    '\t',
    '\n',
    '---\n',
    '%TAG ! x\n',
    '|\n',
    '\0',
    '\uFEFF',
    '__proto__: {polluted: 1}\n',
    ': ',
  );
  fc.assert(
    fc.property(fc.array(fc.oneof(pieces, fc.string({ unit: 'binary', maxLength: 6 })), { maxLength: 30 }), (parts) => {
      outcome(parse(parts.join('')));
    }),
    { numRuns: 200 },
  );
});

test('an example with a piece cut out, doubled or moved is valid or refused in order', () => {
  const place = fc.nat({ max: example.length });
  fc.assert(
    fc.property(place, fc.nat({ max: 60 }), place, fc.boolean(), (at, length, to, cut) => {
      const piece = example.slice(at, at + length);
      const rest = cut ? example.slice(0, at) + example.slice(at + length) : example;
      outcome(parse(rest.slice(0, to) + piece + rest.slice(to)));
    }),
    { numRuns: 30 },
  );
});

const hostile: readonly Scalar[] = [
  '',
  ' ',
  null,
  true,
  -1,
  0,
  1e308,
  1.5,
  2 ** 53,
  '__proto__',
  'constructor',
  '../../etc/passwd',
  '$(reboot)',
  '${secret:}',
  '${secret:nobody}',
  '${}',
  '${NOT_SET}',
  '$${x}',
  '\0',
  '\u001b[2J',
  'a'.repeat(100_000),
  '1'.repeat(400),
  '-',
  '%',
  '∞',
  'NaN',
  '0',
  '99999999999999999999d',
];

function replaceAt(root: Located, path: ConfigPath, put: Located): Located {
  const [part, ...rest] = path;
  if (part === undefined) return put;
  if (root.kind === 'list') {
    return { ...root, items: root.items.map((item, index) => (index === part ? replaceAt(item, rest, put) : item)) };
  }
  if (root.kind !== 'map') return root;
  const entries = new Map(root.entries);
  const entry = entries.get(String(part))!;
  entries.set(String(part), { ...entry, value: replaceAt(entry.value, rest, put) });
  return { ...root, entries };
}

test('every field of the example takes hostile values without a stack, a hang or a leak', () => {
  const { value: root } = readYaml({ file: 'coffre.yaml', text: example });
  const paths = [...scalarsOf(root)].map(({ path }) => path);
  assert.ok(paths.length > 200);
  let refused = 0;
  for (const [index, path] of paths.entries()) {
    const { place } = valueAt(root, path)!;
    // Every field gets some of them, and every one of them comes to many fields.
    const chosen = [0, 13].map((step) => hostile[(index + step) % hostile.length]!);
    const values: Located[] = chosen.map((value): LocatedScalar => ({ kind: 'scalar', place, value }));
    values.push(index % 2 === 0 ? { kind: 'list', place, items: [] } : { kind: 'map', place, entries: new Map() });
    for (const value of values) {
      const parsed = parseConfig([{ value: replaceAt(root, path, value), mistakes: [] }], surroundings);
      if (outcome(parsed) === 'refused') refused += 1;
    }
  }
  assert.ok(refused > paths.length, `${refused} of ${paths.length * 3}`);
});

test('aliases that expand to too much, that come back to themselves, and deep nesting are refused at once', () => {
  const bomb = [
    'a: &a0 [x, x, x, x, x, x, x, x, x, x]',
    ...Array.from({ length: 12 }, (_, n) => `b${n}: &a${n + 1} [${Array(10).fill(`*a${n}`).join(', ')}]`),
  ];
  for (const text of [
    bomb.join('\n'),
    'a: &a [*a]\n',
    'a: &a {b: *a}\n',
    '['.repeat(100_000),
    '{a: '.repeat(5000),
    '- '.repeat(20_000),
    `a: ${'[['.repeat(400)}`,
    '? '.repeat(3000),
  ]) {
    const parsed = parse(text);
    assert.equal(outcome(parsed), 'refused', text.slice(0, 40));
    assert.ok(parsed.mistakes.length < 50, text.slice(0, 40));
  }
});

test('keys that mean something to the language are refused, and nothing is inherited', () => {
  for (const key of ['__proto__', 'constructor', 'prototype']) {
    const parsed = parse(`version: 1\nsecrets: {${key}: {env: X}}\n${key}: {polluted: 1}\n`);
    assert.equal(parsed.mistakes.length, 2);
    assert.equal(Object.getPrototypeOf(plainOf(parsed.root)), null);
  }
  assert.match(
    parse('version: 1\nplans: {toString: {}}\nhasOwnProperty: 1\n').mistakes.at(-1)!.message,
    /has no key `hasOwnProperty`/,
  );
});

test('any value set at any place of the example is there afterwards, or the change is refused', () => {
  const { value: root } = readYaml({ file: '', text: example });
  const paths = [...scalarsOf(root)].map(({ path }) => path);
  const value = fc.oneof(
    fc.string({ unit: 'grapheme', maxLength: 20 }),
    fc.integer(),
    fc.boolean(),
    fc.array(fc.string({ maxLength: 5 }), { maxLength: 3 }),
  );
  fc.assert(
    fc.property(fc.constantFrom(...paths), value, (path, put) => {
      try {
        const changed = readYaml({ file: '', text: setValue(example, path, put) });
        assert.deepEqual(JSON.stringify(plainOf(valueAt(changed.value, path)!)), JSON.stringify(put));
        removeValue(example, path);
      } catch (error) {
        assert.ok(error instanceof Error && 'code' in error && error.code === 'CONFIG_INVALID', String(error));
      }
    }),
    { numRuns: 40 },
  );
});
