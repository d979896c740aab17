import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { referencePage, referencePath, schemaFile, schemaPath } from './make-config-reference.ts';

test('the reference of the configuration and its JSON Schema are what the schema says now', () => {
  const hint = 'run `node scripts/make-config-reference.ts`';
  assert.equal(readFileSync(referencePath, 'utf8'), `${referencePage()}\n`, hint);
  assert.equal(readFileSync(schemaPath, 'utf8'), schemaFile(), hint);
});

test('every key has a meaning, and no meaning is a whole sentence with a full stop', () => {
  const rows = referencePage()
    .split('\n')
    .filter((line) => line.startsWith('| `'));
  assert.ok(rows.length > 250, String(rows.length));
  for (const row of rows) assert.match(row, /\| [^|]*[^|.] \|$/, row);
});
