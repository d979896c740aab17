import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { plainOf, scalarsOf } from '../located.ts';
import type { Located } from '../located.ts';
import type { ConfigPath } from '../mistake.ts';
import { readYaml } from '../yaml-text.ts';
import { readBriskly } from './brisk-reader.ts';
import { documentSchema } from './document.ts';

const example = readFileSync(new URL('../../../../../docs/examples/company.yaml', import.meta.url), 'utf8');

function written(text: string): Located {
  return readYaml({ file: 'coffre.yaml', text }).value;
}

/** The order of keys counts too: what a plan is, is compared as text. */
function assertSame(root: Located, what: string): void {
  const bySchema = documentSchema.safeParse(plainOf(root));
  const briskly = readBriskly(root);
  assert.equal(briskly !== undefined, bySchema.success, what);
  assert.equal(JSON.stringify(briskly), JSON.stringify(bySchema.data), what);
  if (bySchema.success) assert.deepEqual(briskly, bySchema.data, what);
}

test('a whole configuration is read as the schema reads it', () => {
  assert.ok(readBriskly(written(example)) !== undefined);
  assertSame(written(example), 'the example');
  assertSame(written('version: 1'), 'an empty one');
});

test('with another value anywhere it is read as the schema reads it, or left to it', () => {
  const root = written(example);
  const paths: ConfigPath[] = [...scalarsOf(root)].map(({ path }) => path);
  const values = ['null', '""', '7', 'true', 'x', '${secret:x}', '[]', '[x, 02:30]', '{}', '{x: 1}', '{type: files}'];
  const others = values.flatMap((text) => put(`x: ${text}`));
  for (const [index, path] of paths.entries()) {
    // Its owner in turn, of which there are fewer.
    const at = index % 2 === 0 ? path : path.slice(0, -1);
    const value = others[index % others.length]!;
    assertSame(withValue(root, at, value), `${at.join('.')} as ${JSON.stringify(plainOf(value))}`);
  }
});

test('with an unknown key or without a key anywhere it is read as the schema reads it, or left to it', () => {
  const root = written(example);
  const [known] = put('x: 1');
  const owners = new Map([...scalarsOf(root)].map(({ path }) => [JSON.stringify(path.slice(0, -1)), path]));
  for (const path of owners.values()) {
    assertSame(withValue(root, [...path.slice(0, -1), 'unheard'], known), `${path.join('.')} with a key more`);
    assertSame(withValue(root, path, undefined), `without ${path.join('.')}`);
  }
});

test('what is shared between plans cannot be changed by one of them', () => {
  const sources =
    'sites: {home: {sources: {a: {type: files, paths: [/a]}, x: {type: extension, use: x}, y: {type: extension, use: x}}}}';
  const document = readBriskly(written(`version: 1\n${sources}`))!;
  const { a, x, y } = document.sites['home']!.sources;
  assert.ok(Object.isFrozen(a!.waivers));
  assert.ok(x!.type === 'extension' && y!.type === 'extension');
  // An extension is given these, and may do with them what it likes.
  assert.notEqual(x.settings, y.settings);
  assert.ok(!Object.isFrozen(x.settings));
});

function put(text: string): readonly Located[] {
  const root = written(text);
  return root.kind === 'map' ? Array.from(root.entries.values(), ({ value }) => value) : [];
}

function withValue(root: Located, [step, ...rest]: ConfigPath, value: Located | undefined): Located {
  if (root.kind === 'list') {
    const items = [...root.items];
    const inner = rest.length === 0 ? value : withValue(items[Number(step)]!, rest, value);
    items.splice(Number(step), 1, ...(inner === undefined ? [] : [inner]));
    return { ...root, items };
  }
  if (root.kind !== 'map') return root;
  const entries = new Map(root.entries);
  const key = String(step);
  const inner = rest.length === 0 ? value : withValue(entries.get(key)!.value, rest, value);
  if (inner === undefined) entries.delete(key);
  else entries.set(key, { keyPlace: root.place, value: inner });
  return { ...root, entries };
}
