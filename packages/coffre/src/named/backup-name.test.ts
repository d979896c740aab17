import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import type { Snapshot } from '@coffre/repository';
import * as fc from 'fast-check';
import type { ZoneName } from '../schedule/schedule-spec.ts';
import { automaticName, parseBackupName, parseDescription } from './backup-name.ts';
import { factsOf, tagsOf } from './tags.ts';

const paris = 'Europe/Paris' as ZoneName;
const at = (time: string, tags: readonly string[] = []): Snapshot => ({
  time,
  tree: '' as Snapshot['tree'],
  paths: [],
  tags,
});

test('names that would be hard to type, to file or to tell apart are refused', () => {
  const refused = [
    '',
    ' ',
    'a/b',
    '../x',
    'a\\b',
    'a,b',
    'a:b',
    'a\nb',
    '\u0000',
    '-rf',
    '.hidden',
    'a\u202eb',
    'x'.repeat(101),
  ];
  for (const name of [...refused, 'backup_2026-08-20_14-00-00', 'backup_manual_x']) {
    assert.throws(() => parseBackupName(name), { code: 'USAGE' }, JSON.stringify(name));
  }
});

test('names as people give them are taken, and two ways of writing é are one name', () => {
  for (const name of ['migration_v1_2', 'pre_deploy_20261121_1902', 'avant été', 'v1.2+rc@3', 'x'.repeat(100)]) {
    assert.equal(parseBackupName(name), name.normalize('NFC'));
  }
  assert.equal(parseBackupName('e\u0301'), parseBackupName('é'));
});

test('automatic backups are called by their time on the clock of the zone', () => {
  assert.equal(automaticName(at('2026-08-20T12:00:00.123456789Z'), paris), 'backup_2026-08-20_14-00-00');
  assert.equal(automaticName(at('2026-01-01T00:30:00+05:00'), paris), 'backup_2025-12-31_20-30-00');
});

test('a description is one line of text', () => {
  assert.equal(parseDescription(' before the migration, v1 → v2 '), 'before the migration, v1 → v2');
  for (const text of ['', 'a\nb', '\u001b[31m', 'x'.repeat(201)])
    assert.throws(() => parseDescription(text), { code: 'USAGE' });
});

test('what is said in tags is read back from them', () => {
  const text = fc.string({ minLength: 1 });
  const facts = fc.record({
    plan: fc.option(text, { nil: undefined }),
    source: fc.option(text, { nil: undefined }),
    kind: fc.constantFrom('auto', 'manual', 'temp', undefined),
    name: fc.option(text, { nil: undefined }),
    isPinned: fc.boolean(),
    isIncomplete: fc.boolean(),
    isFull: fc.boolean(),
    run: fc.option(text, { nil: undefined }),
    description: fc.option(text, { nil: undefined }),
  });
  fc.assert(
    fc.property(facts, fc.array(text), (said, other) => {
      const tags = [...other.filter((tag) => !tag.startsWith('coffre:')), ...tagsOf(said)];
      assert.deepEqual(factsOf({ tags }), { ...said });
    }),
    { seed: 20261121 },
  );
});
