/** What the quick reader of YAML reads is what the full one reads, with every place; the rest it leaves alone. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { array, assert as hold, constantFrom, integer, property, tuple } from 'fast-check';
import { readPlainYaml } from './plain-yaml.ts';
import { readFullYaml } from './yaml-text.ts';

const company = readFileSync(new URL('../../../../docs/examples/company.yaml', import.meta.url), 'utf8');
const file = 'coffre.yaml';

/** @returns whether the quick one read it */
function compare(text: string): boolean {
  const quick = readPlainYaml(file, text);
  if (quick !== undefined) assert.deepEqual({ value: quick, mistakes: [] }, readFullYaml({ file, text }), text);
  return quick !== undefined;
}

const plan = `version: 1
plans:
  db: # the shop
    sources: [lyon/db, 'lyon/files', "a b"]
    to: main
    hooks:
    - at: before
      run: [pg_isready, -q]

    -   at: after
        shell: echo done # not a comment: "#"
    retention: {main: {daily: 30, last: unlimited}, offsite: {within: 90d}}
  empty: {}
`;

test('a configuration as people write it is read by the quick one', () => {
  for (const text of [
    plan,
    plan.replaceAll('\n', '\n\n'),
    `# first\n${plan}# last`,
    'a: 007x\nb: -x\nc: 1e\nd: "1"\n',
  ]) {
    assert.equal(compare(text), true, text);
  }
});

test('what has a meaning of its own is left to the full one', () => {
  for (const text of [
    'a: &x 1\nb: *x\n',
    'a: |\n  b\n',
    'a: b\n  c\n',
    'a: [b,\n c]\n',
    'a: !!str 1\n',
    '--- \na: 1\n',
    'a: 1\na: 2\n',
    'a:\tb\n',
    'a: "\\n"\n',
    "a: 'it''s'\n",
    'a: b: c\n',
    '? a\n: b\n',
    'a: 0x1f\n',
    'a: 1.5\n',
    'a:\n',
    '__proto__: 1\n',
    '<<: {a: 1}\n',
    'a: [b, ]\n',
    'a: {b}\n',
    'a: [b: c]\n',
    '- a\n',
    'a\n',
    '',
  ]) {
    assert.equal(compare(text), false, text);
  }
});

test('texts put together from pieces of configurations mean the same to both', () => {
  const pieces = constantFrom(
    'a',
    'b: ',
    'key:',
    ': ',
    '- ',
    '-',
    '  ',
    ' ',
    '\n',
    '\n  ',
    '\n    ',
    '\n- ',
    '[',
    ']',
    '{',
    '}',
    ', ',
    ',',
    '"',
    "'",
    '#',
    ' # c',
    '1',
    '-1',
    '007',
    '1.5',
    '.5',
    '0x1',
    'true',
    'null',
    '~',
    '${secret:pw}',
    'x:y',
    '?',
    '&a',
    '*a',
    '|',
    '>',
    '!',
    '%',
    '@',
    '\\',
    'key: value\n',
    'list: [a, b]\n',
    'map: {a: 1, b: two}\n',
    'more:\n',
    '  - x\n',
    '  in: 1\n',
    '    deep: 2\n',
    'é: ü\n',
  );
  let read = 0;
  hold(
    property(array(pieces, { maxLength: 24 }), (parts) => {
      if (compare(parts.join(''))) read += 1;
    }),
    { numRuns: 20_000 },
  );
  assert.ok(read > 200, `${read} were read by the quick one`);
});

test('a real configuration with a change anywhere means the same to both', () => {
  const signs = constantFrom(...Array.from(' \n:-#[]{},"\'&*!|>%@`?~0x\\\t'), '  ', '\n  ', ': ', '- ', ' #');
  const change = tuple(integer({ min: 0, max: plan.length }), integer({ min: 0, max: 3 }), signs);
  hold(
    property(array(change, { minLength: 1, maxLength: 3 }), (changes) => {
      let text = plan;
      for (const [at, removed, sign] of changes) text = text.slice(0, at) + sign + text.slice(at + removed);
      compare(text);
    }),
    { numRuns: 20_000 },
  );
  compare(company);
});
